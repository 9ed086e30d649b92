# SPDX-License-Identifier: GPL-3.0-or-later
"""What pydantic finds wrong with values, in our words and with the path to the value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.content.fields import Reading, fields_of
from jetpack_core.content.problems import suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in the values of a class."""

    path: Path
    """Keys and indices down to the value; empty for what concerns all of them together."""
    message: str
    hint: str = ""
    at_key: bool = False
    """The key itself is wrong, not its value."""
    missing: str = ""
    """The key that is not there below `path`."""


def shown_path(path: Path) -> str:
    """Return a path as `attributes.mode` or `package[2]`; list elements count from 1."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def faults(error: ValidationError, model: type[BaseModel], values: Mapping[str, object]) -> tuple[Fault, ...]:
    """Return what is wrong.

    :param values: what was validated, by the names of fields.
    """
    found: dict[Path, list[Fault]] = {}
    for details in error.errors(include_url=False):
        fault = _fault(details, model, values)
        known = found.setdefault(fault.path, [])
        if fault not in known:
            known.append(fault)
    return tuple(
        fault
        for path, several in found.items()
        if not _explained_below(path, several, found)
        for fault in _joined(several)
    )


_MUST: Final = "must be "


def _explained_below(path: Path, several: Sequence[Fault], found: Iterable[Path]) -> bool:
    """Tell whether a fault is only the other half of a union whose matching half is wrong deeper down."""
    deeper = any(len(other) > len(path) and other[: len(path)] == path for other in found)
    return bool(path) and deeper and all(fault.message.startswith(_MUST) for fault in several)


def _joined(several: Sequence[Fault]) -> Sequence[Fault]:
    """Make one of the several faults that the alternatives of a union give for one value."""
    if len(several) == 1 or not all(fault.message.startswith(_MUST) for fault in several):
        return several
    wanted = [fault.message.removeprefix(_MUST).partition(", not ") for fault in several]
    kinds = " or ".join(dict.fromkeys(kind for kind, _, _ in wanted))
    _, comma, given = wanted[0]
    return [Fault(several[0].path, f"{_MUST}{kinds}{comma}{given}", several[0].hint)]


def _fault(details: ErrorDetails, model: type[BaseModel], values: Mapping[str, object]) -> Fault:
    kind = details["type"]
    if kind in {"missing", "extra_forbidden"}:
        return _key_fault(details, model, values)
    path, value, reading = _follow(details["loc"], model, values)
    message = _message(details)
    if message.startswith(_MUST) and not (reading is not None and reading.secret):
        message += f", not {described(value)}"
    return Fault(path, message)


def _key_fault(details: ErrorDetails, model: type[BaseModel], values: Mapping[str, object]) -> Fault:
    """Describe a key that is not there, or should not be."""
    *above, last = details["loc"]
    path, _, reading = _follow(tuple(above), model, values)
    owner = fields_of(reading.model if reading is not None and reading.model is not None else model)
    key = str(last)
    if details["type"] == "missing":
        field = owner.by_name.get(key)
        shown = field.shown if field is not None else key
        return Fault(path, f"needs `{shown}`", missing=shown)
    return Fault((*path, key), "is not known here", suggest(key, owner.shown), at_key=True)


def _follow(
    loc: tuple[str | int, ...], model: type[BaseModel], values: Mapping[str, object]
) -> tuple[Path, object, Reading | None]:
    """Walk down to the value that an error is about; what names the alternative of a union is no key."""
    path: list[str | int] = []
    value: object = values
    reading: Reading | None = None
    for part in loc:
        if not path:
            field = fields_of(model).by_name.get(str(part))
            if field is None or field.name not in values:
                break
            path.append(field.shown)
            value, reading = values[field.name], field.reading
        elif isinstance(value, Mapping) and part in value:
            path.append(part)
            value = value[part]
            reading = reading.of_key(str(part)) if reading is not None else None
        elif isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
            path.append(part)
            value = value[part]
            reading = reading.of_item if reading is not None else None
    return tuple(path), value, reading


_KINDS: Final = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "iterable": "a list",
    "dict": "a mapping",
    "mapping": "a mapping",
    "model": "a mapping",
}
_SUFFIXES: Final = ("_type", "_parsing", "_from_float", "_attributes_type", "_parsing_size")


def _message(details: ErrorDetails) -> str:
    kind = details["type"]
    for suffix in _SUFFIXES:
        name = kind.removesuffix(suffix)
        if name != kind and name in _KINDS:
            return _MUST + _KINDS[name]
    context = details.get("ctx", {})
    if kind in {"literal_error", "enum"}:
        return f"{_MUST}{context.get('expected', 'one of the known values')}"
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error", details["msg"]))
    message = details["msg"].removeprefix("Input should be ")
    if message != details["msg"]:
        return _MUST + message
    return message[:1].lower() + message[1:]


_SHOWN_LENGTH: Final = 60


def described(value: object) -> str:
    """Return a value as a message shows it."""
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, str):
        return repr(str(value) if len(value) <= _SHOWN_LENGTH else f"{value[:_SHOWN_LENGTH]}...")
    nouns: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (type(None), "nothing"),
        (Mapping, "a mapping"),
        ((list, tuple), "a list"),
    )
    return next((noun for kinds, noun in nouns if isinstance(value, kinds)), f"a {type(value).__name__}")
