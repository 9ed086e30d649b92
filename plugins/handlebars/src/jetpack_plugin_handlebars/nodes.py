# SPDX-License-Identifier: GPL-3.0-or-later
"""What a template is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """A line and column, both from 1."""

    line: int
    column: int


class SyntaxFault(Exception):  # noqa: N818 - the engine makes a TemplateError of it
    """Something is wrong with a template.

    :param hint: what to do about it.
    """

    def __init__(self, place: Place, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.place = place
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the template."""

    value: object
    place: Place


@dataclass(frozen=True, slots=True)
class Path:
    """A variable, or what is in it."""

    text: str
    """As it is written."""
    up: int
    """How many `../` stand before it."""
    is_local: bool
    """Whether it begins with `@`."""
    is_explicit: bool
    """Whether it begins with `this` or a dot, so that no block parameter is meant."""
    parts: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Call:
    """A helper with its arguments."""

    name: str
    arguments: tuple[Expression, ...]
    options: Mapping[str, Expression]
    place: Place


Expression = Literal | Path | Call


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is put out as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Output:
    """A value that is put out."""

    expression: Expression
    place: Place


@dataclass(slots=True)
class Block:
    """A helper with a body."""

    call: Call
    names: tuple[str, ...] = ()
    """The names between bars."""
    body: list[Node] = field(default_factory=list)
    otherwise: list[Node] = field(default_factory=list)
    has_otherwise: bool = False


Node = Text | Output | Block
