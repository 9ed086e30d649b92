# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what a guest is to be like with what Proxmox says of it, in forms that do not depend on how it writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import JetpackError
from jetpack_core.records import Change
from jetpack_provisioner_proxmox.properties import flag, keyed, parse, written
from jetpack_provisioner_proxmox.values import decoded_keys, tags_of

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.kinds import Kind

Config = Mapping[str, object]
"""A configuration as the API tells it."""
_NUMBER: Final = re.compile(r"[0-9]+\.[0-9]+")
_ALLOCATION: Final = re.compile(r"[^:/]+:[0-9]+(?:\.[0-9]+)?")
_OFF_BY_DEFAULT: Final = frozenset(
    {"firewall", "link_down", "ro", "nesting", "keyctl", "fuse", "mknod", "force_rw_sys", "ssd", "iothread"}
)
"""Flags of property strings; saying no is the same as not saying them."""
_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "tags": tags_of,
    "description": str.strip,
    "sshkeys": lambda text: tuple(sorted(decoded_keys(text))),
    "nameserver": lambda text: tuple(re.split(r"[,;\s]+", text.strip())),
    "searchdomain": lambda text: tuple(re.split(r"[,;\s]+", text.strip())),
}
_UPPER: Final = frozenset({"hwaddr", "macaddr"})


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a guest's configuration as it is to be; disks apart."""

    key: str
    """As the API names it."""
    field: str
    """The parameter that says it."""
    value: str | None
    """As the API takes it; None where the key is not to be there."""
    fixed: bool = False
    """Only a new guest can have another value."""
    secret: bool = False
    """Proxmox does not tell it; only whether there is one can be compared."""
    partial: bool = False
    """What the guest has beyond it is left alone."""
    absent: str | None = None
    """What a guest has whose configuration does not name the key."""


def configured(config: Config, key: str) -> str | None:
    """Return a key's value as text; None where there is none."""
    value = config.get(key)
    return None if value is None else str(value)


def properties_of(kind: Kind, key: str, text: str) -> dict[str, str]:
    """Return a property string of a configuration. Raises JetpackError."""
    try:
        return parse(text, kind.default_keys.get(kind.family(key), ""))
    except ValueError as error:
        raise JetpackError(f"{key}: {text!r} cannot be read: {error}") from error


def property_text(kind: Kind, key: str, given: Mapping[str, str]) -> str:
    """Return a property string as the API takes it; a network card's address is kept with its model."""
    default = kind.default_keys.get(kind.family(key), "")
    try:
        properties = keyed(given, default)
    except ValueError as error:
        raise JetpackError(f"{key}: {error}") from error
    if default == "model":
        mac = properties.pop("macaddr", "")
        model = properties.pop("model", "virtio")
        return ",".join(part for part in (f"{model}={mac}" if mac else model, written(properties)) if part)
    return written(properties, default)


def normal(kind: Kind, key: str, text: str | None, generated: Iterable[str] = ()) -> object:
    """Return a value in the form it is compared in.

    :param generated: Keys of a property string that are not compared.
    """
    if text is None:
        return None
    if key in _READERS:
        return _READERS[key](text)
    if kind.family(key) in kind.default_keys:
        return _normal_properties(properties_of(kind, key, text), generated)
    return _normal_value(text)


def _normal_properties(properties: Mapping[str, str], ignored: Iterable[str]) -> dict[str, object]:
    skipped = set(ignored)
    plain = {
        name: value.upper() if name in _UPPER else _normal_value(flag(value))
        for name, value in properties.items()
        if name not in skipped
    }
    return {name: value for name, value in plain.items() if not (name in _OFF_BY_DEFAULT and value == "0")}


def _normal_value(text: str) -> str:
    # 2 and 2.0 are one number, whoever wrote them.
    return text.rstrip("0").rstrip(".") if _NUMBER.fullmatch(text) else text


def differs(kind: Kind, setting: Setting, config: Config) -> bool:
    """Tell whether a guest's configuration differs from what a setting wants."""
    now = _now(setting, config)
    if setting.secret:
        return (now is None) != (setting.value is None)
    made = _made_anew(kind, setting)
    wanted = normal(kind, setting.key, setting.value, made if now is not None else ())
    known = set(wanted) if isinstance(wanted, dict) else set()
    generated = kind.generated.get(kind.family(setting.key), frozenset()) - known
    live = normal(kind, setting.key, now, generated | made)
    if setting.partial:
        return _holds_less(live, wanted)
    if live is None and isinstance(wanted, dict):
        return bool(wanted)
    return live != wanted


def _made_anew(kind: Kind, setting: Setting) -> frozenset[str]:
    """Return what cannot be compared of a disk that is said by how it is made: `local-lvm:1`."""
    default = kind.default_keys.get(kind.family(setting.key), "")
    if setting.value is None or default not in {"file", "volume"}:
        return frozenset()
    volume = properties_of(kind, setting.key, setting.value).get(default, "")
    return frozenset({default, "size"}) if _ALLOCATION.fullmatch(volume) else frozenset()


def _holds_less(live: object, wanted: object) -> bool:
    """Tell whether tags or properties lack something that is wanted."""
    if isinstance(wanted, dict):
        return not (isinstance(live, dict) and wanted.items() <= live.items())
    return isinstance(wanted, tuple) and not set(wanted) <= set(live if isinstance(live, tuple) else ())


def _now(setting: Setting, config: Config) -> str | None:
    now = configured(config, setting.key)
    return setting.absent if now is None else now


def change_of(setting: Setting, config: Config) -> Change:
    """Return a difference as it is shown; secrets are not."""
    now = _now(setting, config)
    if setting.secret:
        return Change(setting.field, "***" if now is not None else None, "***" if setting.value is not None else None)
    return Change(setting.field, _shown(setting.key, now), _shown(setting.key, setting.value))


def _shown(key: str, text: str | None) -> object:
    if text is None:
        return None
    if key == "tags":
        return list(tags_of(text))
    if key == "sshkeys":
        return list(decoded_keys(text))
    return int(text) if text.isdecimal() else text.strip()


def kept(kind: Kind, setting: Setting, config: Config) -> str:
    """Return a setting's value as it is to be written, with what Proxmox made itself and should not make anew."""
    now, value = configured(config, setting.key), setting.value or ""
    if setting.partial and setting.key == "tags":
        return ";".join(sorted({*tags_of(value), *tags_of(now)}))
    if setting.partial and now is not None:
        both = {**properties_of(kind, setting.key, now), **properties_of(kind, setting.key, value)}
        return property_text(kind, setting.key, both)
    made = _made_anew(kind, setting)
    generated = (kind.generated.get(kind.family(setting.key), frozenset()) - {"type", "size"}) | made
    if now is None or not generated:
        return value
    wanted, live = properties_of(kind, setting.key, value), properties_of(kind, setting.key, now)
    # A volume that is there is not made once more.
    wanted = {name: one for name, one in wanted.items() if name not in made}
    same = {name: live[name] for name in generated if name in live and name not in wanted}
    return property_text(kind, setting.key, {**wanted, **same})


def parameters(kind: Kind, settings: Sequence[Setting], config: Config) -> dict[str, object]:
    """Return what to write into a configuration so that it has these settings; `delete` names what goes."""
    found: dict[str, object] = {one.key: kept(kind, one, config) for one in settings if one.value is not None}
    gone = [one.key for one in settings if one.value is None]
    if gone:
        found["delete"] = ",".join(gone)
    return found
