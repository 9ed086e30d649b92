# SPDX-License-Identifier: GPL-3.0-or-later
"""How the values of variables are shown to the user; secrets never are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from jetpack_core.errors import JetpackError, UnknownValueError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Scope

SECRET: Final = "(secret)"  # noqa: S105 - what stands in place of one
_DEEPEST: Final = 50


def shown(value: object) -> object:
    """Return the value as plain data that can be printed, with secrets covered.

    What only a task that did not run could tell is shown as such.
    """
    return _shown(value, _DEEPEST)


def _shown(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, SecretStr) or depth == 0:
        return SECRET if depth else "..."
    if isinstance(value, Mapping):
        return {str(key): _shown(below, depth - 1) for key, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(below, depth - 1) for below in value]
    try:
        return str(value)
    except UnknownValueError as unknown:
        return f"(unknown: {unknown.message})"


def as_text(value: object) -> str:
    """Return the value as one line of JSON."""
    return json.dumps(shown(value), ensure_ascii=False)


_STRINGS: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_NAMES: Final = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)


def names_in(expression: str) -> tuple[str, ...]:
    """Return what may be variables in an expression, dotted names as they are written, each once."""
    return tuple(dict.fromkeys(_NAMES.findall(_STRINGS.sub(" ", expression))))


def values_in(scope: Scope, expression: str) -> Iterator[tuple[str, str]]:
    """Return each variable of an expression with its value as text."""
    for name in names_in(expression):
        if name.split(".", 1)[0] not in scope.variables:
            continue
        try:
            yield name, as_text(scope.evaluate(name))
        except JetpackError:
            # A method such as `text.lower` is a name in the expression and yet no variable.
            continue
