# SPDX-License-Identifier: GPL-3.0-or-later
"""Property strings, as Proxmox writes networks, disks and features: `name=eth0,bridge=vmbr0,ip=dhcp`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

MODELS: Final = frozenset(
    {"virtio", "e1000", "e1000-82540em", "e1000-82544gc", "e1000-82545em", "e1000e", "i82551", "i82557b", "i82559er"}
    | {"ne2k_isa", "ne2k_pci", "pcnet", "rtl8139", "vmxnet3"}
)
"""Network cards of virtual machines; `virtio=MAC` is short for `model=virtio,macaddr=MAC`."""
BARE: Final = "*"
"""Stands for the key of a value that came without one."""
_TRUE: Final = frozenset({"1", "on", "yes", "true"})
_FALSE: Final = frozenset({"0", "off", "no", "false"})


def parse(text: str, default_key: str = "") -> dict[str, str]:
    """Return the keys and values of a property string. Raises ValueError.

    :param default_key: The key that a value without one belongs to; there is none if empty.
    """
    found: dict[str, str] = {}
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for number, part in enumerate(parts):
        key, equals, value = part.partition("=")
        if not equals:
            # Where the key is not known yet, only the first value can do without.
            if not default_key or (default_key == BARE and number):
                raise ValueError(f"{key!r} needs a key, such as KEY={key}")
            key, value = default_key, key
        if default_key == "model" and key in MODELS:
            found |= {"model": key, "macaddr": value}
            continue
        if key in found:
            raise ValueError(f"{key!r} is said twice")
        found[key] = value
    return found


def written(properties: Mapping[str, str], default_key: str = "") -> str:
    """Return a property string; the value of the default key comes first, without its key."""
    parts = [f"{key}={value}" for key, value in properties.items() if key != default_key]
    first = properties.get(default_key)
    return ",".join(parts if first is None else [first, *parts])


def flag(value: str) -> str:
    """Return a yes or no in the one form it is compared in; any other value as it is."""
    lower = value.lower()
    return "1" if lower in _TRUE else "0" if lower in _FALSE else value


def text_of(value: Any) -> str:
    """Return a value of YAML as the API takes it. Raises ValueError for what cannot stand in a property string."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list | tuple):
        return ";".join(text_of(one) for one in value)
    text = str(value)
    if "," in text or "\n" in text or value is None or isinstance(value, Mapping):
        raise ValueError(f"must be one word, not {value!r}")
    return text


def plain_text(value: Any) -> str:
    """Return a value of YAML as the API takes it, property strings as they are. Raises ValueError."""
    return value if isinstance(value, str) else text_of(value)


def _properties(value: Any) -> Any:
    """Take a mapping or a property string; a value without a key gets the empty one, until its key is known."""
    if isinstance(value, str):
        return parse(value, BARE)
    if isinstance(value, Mapping):
        return {str(key): text_of(one) for key, one in value.items()}
    return value


_TEXT_OR_MAP: Final = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]})
Properties = Annotated[dict[str, str], BeforeValidator(_properties), _TEXT_OR_MAP]
"""A property string, or a mapping of what stands in it."""


def keyed(properties: Mapping[str, str], default_key: str) -> dict[str, str]:
    """Return properties in which a value that came without a key has the default one, first. Raises ValueError."""
    rest = {key: value for key, value in properties.items() if key != BARE}
    bare = [properties[BARE]] if BARE in properties else []
    return parse(",".join([*bare, *([written(rest)] if rest else [])]), default_key)
