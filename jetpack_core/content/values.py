# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the values of typed fields from nodes, validate them, and put what is wrong at its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from jetpack_core.content.checks import split_words
from jetpack_core.content.compose import AGE_TAG
from jetpack_core.content.faults import Fault, faults, shown_path
from jetpack_core.content.fields import ARGV
from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence
from jetpack_core.content.yaml import check_keys, check_tag, to_data, to_secret
from jetpack_core.contracts.fields import PlainText

if TYPE_CHECKING:
    import collections.abc

    from pydantic import BaseModel

    from jetpack_core.content.checks import Checks
    from jetpack_core.content.fields import Reading
    from jetpack_core.content.problems import Problems
    from jetpack_core.contracts.fields import ParameterContext

Path = tuple[str | int, ...]
# A template holds no secret itself, and an error in it is best shown.
_ONLY_TEMPLATE: Final = re.compile(r"\s*\{\{[^'\"{}]*\}\}\s*")


class ValueReader:
    """Reads values by the readings of their fields."""

    def __init__(self, checks: Checks, problems: Problems) -> None:
        self._checks = checks
        self._problems = problems
        self.templated: list[Path] = []
        """Where templates were found since it was last emptied, or what is wrong already."""

    def read(self, node: Node, reading: Reading, path: Path) -> object:
        """Return a value as the field's type takes it, and check the templates in it."""
        if node.tag == AGE_TAG:
            self.templated.append(path)
            return to_secret(node, self._problems)
        if reading.secret and not (isinstance(node, Scalar) and _ONLY_TEMPLATE.fullmatch(node.text)):
            self._problems.conceal(node)
        if isinstance(node, Scalar):
            return self._scalar(node, reading, path)
        if not check_tag(node, self._problems):
            self._refused(path)
            return None
        if isinstance(node, Mapping):
            if reading.typed or (reading.value is not None and reading.value.typed):
                check_keys(node, self._problems)
            return {key.text: self.read(one, reading.of_key(key.text), (*path, key.text)) for key, one in node.pairs}
        items = node.items if isinstance(node, Sequence) else []
        return [self.read(one, reading.of_item, (*path, number)) for number, one in enumerate(items)]

    def _scalar(self, node: Scalar, reading: Reading, path: Path) -> object:
        text = node.text
        if node.tag is not None and not check_tag(node, self._problems):
            self._refused(path)
            return None
        if reading.style == ARGV:
            return self._words(node, path)
        if self._checks.check(node, text, reading.style):
            self.templated.append(path)
            return text
        if reading.typed:
            return to_data(node, self._problems)
        if node.empty:
            return None
        return PlainText(text) if node.plain else text

    def _refused(self, path: Path) -> None:
        """Let nothing more be said of a value whose problem is noted."""
        self.templated.append(path)

    def _words(self, node: Scalar, path: Path) -> object:
        try:
            words = split_words(node.text)
        except ValueError as error:
            self._problems.add(node, f"cannot be split into words: {str(error).lower()}", "close it, or give a list")
            self._refused(path)
            return None
        with_templates = [word for word in words if self._checks.check(node, word, ARGV)]
        if with_templates:
            self.templated.append(path)
        return words


def validate(
    model: type[BaseModel],
    values: collections.abc.Mapping[str, object],
    context: ParameterContext | None,
    templated: collections.abc.Sequence[Path],
) -> tuple[BaseModel | None, collections.abc.Sequence[Fault]]:
    """Validate what is known before templates are rendered.

    :param templated: where templates are; faults there, and of all values together, are left for later.
    """
    try:
        return model.model_validate(values, context=context), ()
    except ValidationError as error:
        found = faults(error, model, values)
    except Exception as error:  # noqa: BLE001 - a plugin's validator may raise anything on values it did not expect
        message = f"its validation broke: {type(error).__name__}: {error}"
        return None, () if templated else (Fault((), message),)
    if templated:
        found = tuple(fault for fault in found if not _waits(fault, templated))
    return None, found


def _waits(fault: Fault, templated: collections.abc.Sequence[Path]) -> bool:
    if fault.missing:
        return False
    path = fault.path
    return not path or any(path[: len(other)] == other[: len(path)] for other in templated)


def locate(fault: Fault, pairs: collections.abc.Sequence[tuple[Scalar, Node, str]]) -> Node | None:
    """Return the node a fault is about, or None when it is about all of them.

    :param pairs: key, value and the key's usual name.
    """
    for key, value, shown in pairs:
        if fault.path[:1] == (shown,):
            return key if fault.at_key and len(fault.path) == 1 else _below(value, fault)
    return None


def _below(node: Node, fault: Fault) -> Node:
    last = len(fault.path) - 1
    for number, part in enumerate(fault.path[1:], start=1):
        if isinstance(node, Mapping):
            found = next(((key, value) for key, value in node.pairs if key.text == part), None)
            if found is None:
                break
            node = found[0] if fault.at_key and number == last else found[1]
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
    return node


def sentence(fault: Fault) -> str:
    """Return a fault with the parameter it is about."""
    return about(shown_path(fault.path), fault.message)


def about(path: str, message: str) -> str:
    """Return a message with the name of what it is about, as one sentence where it is the rest of one."""
    if not path:
        return message
    return f"`{path}` {message}" if message.startswith(("must ", "is ", "needs ")) else f"`{path}`: {message}"
