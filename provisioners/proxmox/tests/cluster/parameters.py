# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call accepts, and the check of what came against it, in the words of the real API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from provisioners.proxmox.tests.cluster.formats import FormatError, check_format
from provisioners.proxmox.tests.cluster.properties import PropertyStringError, split_property_string

# How many names an indexed parameter such as net[n] stands for.
INDEX_COUNTS = {
    "net": 32,
    "mp": 256,
    "unused": 256,
    "dev": 256,
    "ide": 4,
    "sata": 6,
    "scsi": 31,
    "virtio": 16,
    "ipconfig": 32,
    "serial": 4,
}
MISSING = "property is missing and it is not optional"
UNKNOWN = "property is not defined in schema and the schema does not allow additional properties"

_TYPES = {
    "integer": re.compile(r"[+-]?\d+"),
    "number": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)"),
    "boolean": re.compile(r"[01]"),
}
_TRUE = ("1", "on", "yes", "true")
_FALSE = ("0", "off", "no", "false")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a call, or one key of a property string."""

    name: str
    type: str = "string"
    optional: bool = True
    indexed: bool = False
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    enum: tuple[str, ...] = ()
    pattern: str | None = None
    format: str | None = None
    keys: Mapping[str, Parameter] | None = None
    default_key: bool = False
    alias: str | None = None
    key_alias: str | None = None
    requires: str | None = None

    @property
    def base(self) -> str:
        """The name without the mark of an index."""
        return self.name.removesuffix("[n]")


def find_parameter(parameters: Mapping[str, Parameter], name: str) -> Parameter | None:
    """Return the parameter that a given name means, the indexed ones by their number."""
    if name in parameters:
        return parameters[name]
    counted = re.fullmatch(r"([a-z]+)(0|[1-9]\d*)", name)
    if counted is None:
        return None
    base, number = counted.groups()
    found = parameters.get(f"{base}[n]")
    return found if found is not None and int(number) < INDEX_COUNTS.get(base, 256) else None


def check_parameters(parameters: Mapping[str, Parameter], given: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with the parameters of a call, by name; empty when nothing is."""
    errors = dict(_missing(parameters, given))
    for name, value in given.items():
        parameter = find_parameter(parameters, name)
        said = UNKNOWN if parameter is None else _say_wrong(parameter, name, value)
        if said is not None:
            errors[name] = said
        elif parameter is not None and parameter.requires and parameter.requires not in given:
            errors[parameter.requires] = f"missing property required by '{name}'"
    return errors


def _missing(parameters: Mapping[str, Parameter], given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for parameter in parameters.values():
        if not parameter.optional and parameter.alias is None and parameter.name not in given:
            yield parameter.name, MISSING


def _say_wrong(parameter: Parameter, name: str, value: str) -> str | None:
    accepted = _TYPES.get(parameter.type)
    if accepted is not None and not accepted.fullmatch(value):
        return f"type check ('{parameter.type}') failed - got '{value}'"
    try:
        _check_shape(parameter, name, value)
    except (FormatError, PropertyStringError) as problem:
        return f"invalid format - {problem}"
    return next(_wrong_limits(parameter, value), None)


def _check_shape(parameter: Parameter, name: str, value: str) -> None:
    if parameter.keys is not None:
        check_property_string(parameter.keys, name, value)
    elif parameter.format is not None:
        check_format(parameter.format, value)


def _wrong_limits(parameter: Parameter, value: str) -> Iterator[str]:
    if parameter.pattern is not None and not re.fullmatch(parameter.pattern, value):
        yield "value does not match the regex pattern"
    if parameter.max_length is not None and len(value) > parameter.max_length:
        yield f"value may only be {parameter.max_length} characters long"
    if parameter.min_length is not None and len(value) < parameter.min_length:
        yield f"value must be at least {parameter.min_length} characters long"
    if parameter.minimum is not None and float(value) < parameter.minimum:
        yield f"value must have a minimum value of {parameter.minimum:g}"
    if parameter.maximum is not None and float(value) > parameter.maximum:
        yield f"value must have a maximum value of {parameter.maximum:.0f}"
    if parameter.enum and value not in parameter.enum:
        yield f"value '{value}' does not have a value in the enumeration '{', '.join(parameter.enum)}'"


def check_property_string(keys: Mapping[str, Parameter], name: str, value: str) -> dict[str, str]:
    """Return the pairs of a property string by their full names, raising PropertyStringError when one is wrong."""
    pairs = parse_pairs(keys, value)
    wrong = check_parameters(keys, pairs)
    if wrong:
        raise PropertyStringError("format error\n" + "".join(f"{name}.{key}: {said}\n" for key, said in wrong.items()))
    return pairs


def parse_pairs(keys: Mapping[str, Parameter], value: str) -> dict[str, str]:
    """Split a property string, aliases replaced and booleans written as 0 and 1."""
    default = next((key for key, one in keys.items() if one.default_key and one.alias is None), None)
    pairs: dict[str, str] = {}
    for key, text in split_property_string(value, default):
        _keep_pair(keys, pairs, key, text)
    return pairs


def _keep_pair(keys: Mapping[str, Parameter], pairs: dict[str, str], key: str, text: str) -> None:
    known = keys.get(key)
    if known is None:
        raise PropertyStringError(f"invalid key in comma-separated list property: {key}")
    if known.alias is not None:
        if known.key_alias is not None:
            _keep_once(pairs, known.key_alias, key)
        key, known = known.alias, keys[known.alias]
    _keep_once(pairs, key, _plain_boolean(text) if known.type == "boolean" else text)


def _keep_once(pairs: dict[str, str], key: str, text: str) -> None:
    if key in pairs:
        raise PropertyStringError(f"duplicate key in comma-separated list property: {key}")
    pairs[key] = text


def _plain_boolean(text: str) -> str:
    if text.lower() in _TRUE:
        return "1"
    return "0" if text.lower() in _FALSE else text


def print_pairs(keys: Mapping[str, Parameter], pairs: Mapping[str, str]) -> str:
    """Write a property string as the real one stores it: default key, required keys, then by name."""
    return ",".join(_print_pair(keys, pairs, key) for key in _in_order(keys, pairs) if _print_pair(keys, pairs, key))


def _in_order(keys: Mapping[str, Parameter], pairs: Mapping[str, str]) -> Iterable[str]:
    return sorted(pairs, key=lambda key: (not keys[key].default_key, keys[key].optional, key))


def _print_pair(keys: Mapping[str, Parameter], pairs: Mapping[str, str], key: str) -> str:
    folded = {one.alias: one.key_alias for one in keys.values() if one.key_alias is not None}
    if key in folded and folded[key] in pairs:
        return ""
    if key in folded.values() and (other := next(a for a, k in folded.items() if k == key)) in pairs:
        return f"{pairs[key]}={pairs[str(other)]}"
    return pairs[key] if keys[key].default_key else f"{key}={pairs[key]}"
