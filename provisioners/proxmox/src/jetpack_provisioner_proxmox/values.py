# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes, tags, keys and names as they are written, and the one form they are compared in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, unquote

from pydantic import BeforeValidator, SecretStr, WithJsonSchema

from jetpack_core.errors import JetpackError

_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_GIB: Final = 1 << 30
_MIB: Final = 1 << 20
_TAG: Final = re.compile(r"[a-z0-9_][a-z0-9_\-+.]*")
_NAME: Final = re.compile(r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?")
_KEY: Final = re.compile(r"(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ AAAA\S+(?: .*)?")
_SHORTEST_PASSWORD: Final = 5


def parse_bytes(value: Any, unit: int) -> int:
    """Return bytes of `8G`, `512M`, or of a number of units. Raises ValueError."""
    match = None if isinstance(value, bool) else _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"must be a size, such as 512M or 8G, not {value!r}")
    return round(float(match[1]) * (_UNITS[match[2].upper()] if match[2] else unit))


def size_text(size: int) -> str:
    """Return bytes in the largest unit that is exact, as Proxmox writes them."""
    for unit, factor in reversed(_UNITS.items()):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def gib(size: int) -> str:
    """Return bytes as the number of GiB by which Proxmox takes the size of a new volume."""
    return f"{size / _GIB:.6f}".rstrip("0").rstrip(".")


def _disk_size(value: Any) -> int:
    size = parse_bytes(value, _GIB)
    if size <= 0 or size % (1 << 10):
        raise ValueError(f"must be a size in whole KiB above zero, not {value!r}")
    return size


def _memory(value: Any) -> int:
    size = parse_bytes(value, _MIB)
    if size % _MIB:
        raise ValueError(f"must be whole MiB, not {value!r}")
    return size // _MIB


_NUMBER_OR_TEXT: Final = WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})
_TEXT_OR_LIST: Final = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
DiskSize = Annotated[int, BeforeValidator(_disk_size), _NUMBER_OR_TEXT]
"""Bytes; a number alone is GiB."""
Memory = Annotated[int, BeforeValidator(_memory), _NUMBER_OR_TEXT]
"""MiB; a number alone is MiB."""


def tags_of(value: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    """Return tags in the one form they are compared in: small letters, sorted, each once. Raises ValueError."""
    words = re.split(r"[,;\s]+", value) if isinstance(value, str) else list(value or ())
    found = sorted({str(word).lower() for word in words if str(word)})
    for tag in found:
        if _TAG.fullmatch(tag) is None:
            raise ValueError(f"{tag!r} cannot be a tag: those are of letters, digits and `_-+.`")
    return tuple(found)


Tags = Annotated[tuple[str, ...], BeforeValidator(tags_of), _TEXT_OR_LIST]
"""Tags, small letters and sorted."""


def _words(value: Any) -> Any:
    return tuple(re.split(r"[,;\s]+", value.strip())) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_words), _TEXT_OR_LIST]
"""Several words: a list, or a text in which they stand apart."""


def check_password(value: Any) -> Any:
    """Refuse passwords that Proxmox would refuse, without telling them. Raises ValueError."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    if value is not None and len(text) < _SHORTEST_PASSWORD:
        raise ValueError(f"needs at least {_SHORTEST_PASSWORD} characters")
    return value if value is None else text


Password = Annotated[SecretStr, BeforeValidator(check_password)]


def _key_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


KeyList = Annotated[tuple[str, ...], BeforeValidator(_key_list), _TEXT_OR_LIST]
"""Public keys, or files of this machine that hold some."""


def public_keys(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return public keys, those in files read. Raises JetpackError."""
    lines = [line.strip() for one in given for line in _key_text(one).splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    for key in keys:
        if _KEY.fullmatch(key) is None:
            raise JetpackError(f"authorized_keys: {key[:40]!r} is no public key", hint="such as: ssh-ed25519 AAAA...")
    return tuple(dict.fromkeys(keys))


def _key_text(given: str) -> str:
    if not given.startswith(("/", "~", ".")):
        return given
    try:
        return Path(given).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise JetpackError(f"authorized_keys: {given} cannot be read: {why}") from error


def encoded_keys(keys: tuple[str, ...]) -> str:
    """Return keys as virtual machines take them: encoded once more than all else."""
    return quote("\n".join(keys), safe="")


def decoded_keys(text: str) -> tuple[str, ...]:
    """Return the keys of a virtual machine."""
    return tuple(line.strip() for line in unquote(text).splitlines() if line.strip())


def check_name(name: str, key: str) -> str:
    """Return a name that Proxmox takes. Raises JetpackError."""
    if _NAME.fullmatch(name) is None:
        message = f"{name!r} cannot be the name of a guest: Proxmox allows letters, digits, `-` and `.`"
        raise JetpackError(message, hint=f"give it another one with `{key}`")
    return name
