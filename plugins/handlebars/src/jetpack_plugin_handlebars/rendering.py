# SPDX-License-Identifier: GPL-3.0-or-later
"""From nodes and variables to text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from jetpack_plugin_handlebars.helpers import HELPERS, MANY, HelperFault
from jetpack_plugin_handlebars.nodes import (
    Block,
    Call,
    Expression,
    Literal,
    Node,
    Output,
    Path,
    Place,
    SyntaxFault,
    Text,
)
from jetpack_plugin_handlebars.values import is_truthy, known, noun, shown

LARGEST: Final = 10_000_000
"""Characters that a template may make."""


_INDEX_DIGITS: Final = 18


class _Missing:
    """What is not there."""


MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class _Frame:
    """What `this`, `@index` and the names between bars are."""

    value: object
    local: Mapping[str, object] = field(default_factory=dict)
    names: Mapping[str, object] = field(default_factory=dict)


class Renderer:
    """Renders one template for one host."""

    def __init__(self, variables: Mapping[str, object]) -> None:
        self._frames = [_Frame(variables)]
        self._out: list[str] = []
        self._size = 0

    def render(self, nodes: Sequence[Node]) -> str:
        """Return the text. Raises SyntaxFault with the place of what is wrong."""
        self._nodes(nodes)
        return "".join(self._out)

    def _nodes(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            if isinstance(node, Text):
                self._put(node.text, Place(1, 1))
            elif isinstance(node, Output):
                self._put(shown(self._needed(node.expression)), node.place)
            else:
                self._block(node)

    def _put(self, text: str, place: Place) -> None:
        self._size += len(text)
        if self._size > LARGEST:
            raise SyntaxFault(place, f"the result is longer than {LARGEST:,} characters", "loop over less")
        self._out.append(text)

    def _block(self, block: Block) -> None:
        name = block.call.name
        if name == "each":
            self._each(block)
        elif name == "with":
            self._with(block)
        else:
            self._nodes(block.body if self._holds(block) else block.otherwise)

    def _holds(self, block: Block) -> bool:
        call = block.call
        if call.name not in {"if", "unless"}:
            return is_truthy(self._call(call))
        self._count(call, 1)
        zero = call.options.get("includeZero")
        # One that is missing is false, and no error: so a template can ask for it.
        value = self._value(call.arguments[0])
        truth = value is not MISSING and is_truthy(value, zero=zero is not None and is_truthy(self._value(zero)))
        return truth == (call.name == "if")

    def _with(self, block: Block) -> None:
        self._count(block.call, 1)
        value = self._value(block.call.arguments[0])
        if value is MISSING or not is_truthy(value):
            self._otherwise(block, value)
            return
        names = {block.names[0]: value} if block.names else {}
        self._within(_Frame(value, self._frames[-1].local, names), block.body)

    def _each(self, block: Block) -> None:
        self._count(block.call, 1)
        value = known(self._value(block.call.arguments[0]))
        pairs: list[tuple[object, object]]
        if isinstance(value, Mapping):
            pairs = [(key, value[key]) for key in value]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            pairs = list(enumerate(value))
        else:
            pairs = []
            if value is not MISSING and value is not None and not block.has_otherwise:
                raise SyntaxFault(block.call.place, f"each needs a list or a map, and this is {noun(value)}")
        if not pairs:
            if not isinstance(value, Mapping | Sequence) or block.has_otherwise:
                self._otherwise(block, value)
            return
        for number, (key, one) in enumerate(pairs):
            local = {"index": number, "key": key, "first": number == 0, "last": number == len(pairs) - 1}
            if not isinstance(value, Mapping):
                del local["key"]
            names = dict(zip(block.names, (one, key), strict=False))
            self._within(_Frame(one, local, names), block.body)

    def _otherwise(self, block: Block, value: object) -> None:
        if block.has_otherwise:
            self._nodes(block.otherwise)
        elif value is MISSING or value is None:
            self._refuse(block.call.arguments[0])

    def _within(self, frame: _Frame, nodes: Sequence[Node]) -> None:
        self._frames.append(frame)
        self._nodes(nodes)
        self._frames.pop()

    def _needed(self, expression: Expression) -> object:
        """Return a value that must be there."""
        found = self._value(expression)
        if found is MISSING:
            self._refuse(expression)
        return known(found)

    def _refuse(self, expression: Expression) -> None:
        text = expression.text if isinstance(expression, Path) else "this"
        hint = "define it, or ask before: {{#if (isdefined NAME)}}"
        is_inside = len(self._frames) > 1 and isinstance(expression, Path) and not expression.up
        if (
            is_inside
            and isinstance(expression, Path)
            and _looked_up(self._frames[0].value, expression.parts) is not MISSING
        ):
            hint = f"within each and with, write {'../' * (len(self._frames) - 1)}{text} for what is outside"
        raise SyntaxFault(expression.place, f"{text!r} is not defined", hint)

    def _value(self, expression: Expression) -> object:
        if isinstance(expression, Literal):
            return expression.value
        if isinstance(expression, Path):
            return self._path(expression)
        return self._call(expression)

    def _path(self, path: Path) -> object:
        if path.up >= len(self._frames):
            raise SyntaxFault(path.place, f"{path.text!r} leads out of the template", "take away a ../")
        frame = self._frames[-1 - path.up]
        if path.is_local:
            if path.parts[:1] == ("root",):
                return _looked_up(self._frames[0].value, path.parts[1:])
            return _looked_up(frame.local, path.parts)
        if not path.is_explicit and not path.up:
            for one in reversed(self._frames):
                if path.parts[0] in one.names:
                    return _looked_up(one.names[path.parts[0]], path.parts[1:])
        return _looked_up(frame.value, path.parts)

    def _call(self, call: Call) -> object:
        if call.name not in HELPERS:
            raise SyntaxFault(call.place, f"{call.name!r} begins a block", f"write {{{{#{call.name} ...}}}}")
        count, helper = HELPERS[call.name]
        self._count(call, count)
        if call.name == "isdefined":
            return self._value(call.arguments[0]) is not MISSING
        values = [self._needed(one) for one in call.arguments]
        if call.name == "lookup":
            return _looked_up(values[0], (values[1],))
        try:
            return helper(*values)
        except HelperFault as fault:
            raise SyntaxFault(call.place, f"{call.name}: {fault}") from None

    def _count(self, call: Call, count: int) -> None:
        given = len(call.arguments)
        if given < count or (given > count and call.name not in MANY):
            raise SyntaxFault(call.place, f"{call.name!r} takes {count} arguments, and not {given}")


def _looked_up(value: object, parts: Sequence[object]) -> object:
    for part in parts:
        known(value)
        if isinstance(value, Mapping):
            key = shown(part) if not isinstance(part, str) else part
            if key not in value:
                return MISSING
            value = value[key]
        elif isinstance(value, Sequence) and not isinstance(value, str) and str(part).isdecimal():
            # Python refuses to read a number of very many digits.
            number = int(str(part)) if len(str(part)) <= _INDEX_DIGITS else len(value)
            if number >= len(value):
                return MISSING
            value = value[number]
        else:
            return MISSING
    return value
