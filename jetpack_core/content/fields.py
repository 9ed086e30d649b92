# SPDX-License-Identifier: GPL-3.0-or-later
"""How the fields of a module, modifier or nested model are read from YAML: looked up once for each class."""

from __future__ import annotations

import collections.abc
import types
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, AliasChoices, BaseModel, SecretStr
from typing_extensions import TypeAliasType

from jetpack_core.contracts.fields import EXPOSED, HOST_PATH, Expression, Rendering

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

TEMPLATE: Final = "template"
RAW: Final = "raw"
ARGV: Final = "argv"
SHELL: Final = "shell"
EXPRESSION: Final = "expression"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a value is read, rendered and shown, told from a field's annotation."""

    typed: bool = False
    """Scalars mean what they look like; otherwise they are text that the field's type converts."""
    style: str = TEMPLATE
    """How a scalar is rendered: `template`, `raw`, `argv`, `shell`, or `expression` (raw, with its syntax checked)."""
    wants_text: bool = False
    """Numbers and booleans that a template gave are turned into text, as if they stood there."""
    secret: bool = False
    exposed: bool = False
    """Others can read it on the host, so that no secret may be in it."""
    host_path: bool = False
    """It names a path on the host."""
    item: Reading | None = None
    """For the elements of a list."""
    value: Reading | None = None
    """For the values of a mapping."""
    model: type[BaseModel] | None = None
    """For a mapping with fields of its own."""

    def of_key(self, key: str) -> Reading:
        """Return how the value of a mapping's key is read."""
        if self.model is not None:
            field = fields_of(self.model).by_name.get(key)
            return field.reading if field is not None else UNTYPED
        return self.value or UNTYPED

    @property
    def of_item(self) -> Reading:
        """Return how a list's element is read."""
        return self.item or UNTYPED


UNTYPED: Final = Reading(typed=True)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a class."""

    name: str
    """The attribute's name."""
    shown: str
    """The name in playbooks: the first alias, if there is one."""
    reading: Reading
    required: bool


@dataclass(frozen=True, slots=True)
class Fields:
    """All fields of a class."""

    by_name: Mapping[str, Field]
    """By every name that is accepted."""
    shown: tuple[str, ...]
    """The names to suggest."""


@cache
def fields_of(model: type[BaseModel]) -> Fields:
    """Return how a class is read."""
    by_name: dict[str, Field] = {}
    shown = []
    for name, info in model.model_fields.items():
        names = (*_aliases(info), name)
        field = Field(name, names[0], _reading(info.annotation, tuple(info.metadata)), info.is_required())
        by_name.update(dict.fromkeys(names, field))
        shown.append(names[0])
    return Fields(by_name, tuple(shown))


@cache
def secret_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the attributes of a class that hold a secret."""
    return tuple({field.name: None for field in fields_of(model).by_name.values() if field.reading.secret})


def _aliases(info: FieldInfo) -> tuple[str, ...]:
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(choice for choice in alias.choices if isinstance(choice, str))
    return (alias,) if isinstance(alias, str) else ()


_LISTS: Final = (
    list,
    tuple,
    set,
    frozenset,
    collections.abc.Sequence,
    collections.abc.Iterable,
    collections.abc.Collection,
)
_MAPS: Final = (dict, collections.abc.Mapping)
_NATIVE: Final = (int, float, bool)


def _reading(annotation: Any, metadata: tuple[object, ...] = (), inherited: str = TEMPLATE) -> Reading:
    members = list(_members(annotation, metadata))
    style = next((style for _, notes in members if (style := _style(notes)) is not None), inherited)
    bases = [base for base, _ in members]
    if object in bases or Any in bases:
        return Reading(typed=True, style=style, item=_untyped(style), value=_untyped(style))
    return Reading(
        style=style,
        wants_text=any(map(_is_textual, bases)) and not any(_is_class(base, _NATIVE) for base in bases),
        secret=SecretStr in bases,
        exposed=style in {ARGV, SHELL} or any(note is EXPOSED for _, notes in members for note in notes),
        host_path=any(note is HOST_PATH for _, notes in members for note in notes),
        item=_inner(members, _LISTS, 0, inherited),
        value=_inner(members, _MAPS, 1, inherited),
        model=next((base for base in bases if _is_class(base, BaseModel)), None),
    )


def _untyped(style: str) -> Reading:
    return Reading(typed=True, style=RAW) if style == RAW else UNTYPED


def _members(annotation: Any, metadata: tuple[object, ...]) -> Iterator[tuple[Any, tuple[object, ...]]]:
    """Yield the alternatives of an annotation, each with the notes on it."""
    if isinstance(annotation, TypeAliasType):
        annotation = annotation.__value__
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *notes = get_args(annotation)
        yield from _members(base, (*metadata, *notes))
    elif origin is Union or origin is types.UnionType:
        for member in get_args(annotation):
            yield from _members(member, metadata)
    else:
        yield annotation, metadata


def _style(metadata: tuple[object, ...]) -> str | None:
    for note in metadata:
        if isinstance(note, Rendering):
            return note.style
        if isinstance(note, AfterValidator) and note.func is Expression:
            return EXPRESSION
    return None


def _inner(
    members: list[tuple[Any, tuple[object, ...]]], kinds: tuple[type, ...], position: int, inherited: str
) -> Reading | None:
    """Return how the parts of the first list or mapping among the alternatives are read."""
    for base, notes in members:
        origin = get_origin(base) or base
        if origin in kinds:
            arguments = get_args(base)
            style = _style(notes) or inherited
            # Only a whole text is split into words; the words of a list are templates.
            style = TEMPLATE if style == ARGV else style
            return _reading(arguments[position], (), style) if len(arguments) > position else _untyped(style)
    return None


def _is_textual(base: Any) -> bool:
    if get_origin(base) is Literal:
        return all(isinstance(value, str) and not isinstance(value, Enum) for value in get_args(base))
    return _is_class(base, (str, SecretStr, Path))


def _is_class(base: Any, kinds: type | tuple[type, ...]) -> bool:
    return isinstance(base, type) and issubclass(base, kinds)
