# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters between data and text: JSON, YAML, base64, digests."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import yaml

_ERRORS: Final = "surrogateescape"
"""Bytes of a host that are no UTF-8 travel through text unharmed."""


def to_json(value: object, indent: int | None = None, *, sort: bool = False) -> str:
    """Write data as JSON, compact or with an indent in blanks, optionally with sorted keys."""
    separators = (",", ":") if indent is None else None
    return json.dumps(value, indent=indent, sort_keys=sort, separators=separators, ensure_ascii=False, default=_as_dict)


def from_json(text: str) -> object:
    """Read JSON."""
    _text(text)
    return json.loads(text)


def to_yaml(value: object, *, sort: bool = False) -> str:
    """Write data as YAML in block style, optionally with sorted keys; it ends in a newline."""
    import yaml

    return str(
        yaml.dump(
            value,
            Dumper=_dumper(),
            sort_keys=sort,
            default_flow_style=False,
            allow_unicode=True,
            width=1_000_000,
        ),
    )


def from_yaml(text: str) -> object:
    """Read one YAML document of up to 1 MiB, by the rules of playbooks: `no`, `0644` and dates stay text."""
    from jetpack_core.variables.filters.safe_yaml import load

    return load(_text(text))


def b64encode(value: str) -> str:
    """Encode text as base64 of its UTF-8 bytes."""
    return base64.b64encode(_bytes(value)).decode("ascii")


def b64decode(value: str) -> str:
    """Decode base64 to text; blanks and line ends in it are ignored."""
    try:
        raw = base64.b64decode("".join(_text(value).split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the text is not valid base64") from None
    return raw.decode(errors=_ERRORS)


def digest(value: str, algorithm: str = "sha256") -> str:
    """Return the digest of text in hex: sha256, or sha1, sha512, md5, blake2b and the like."""
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        raise ValueError(f"there is no algorithm {algorithm!r}; use sha256 or sha512")
    return hashlib.new(algorithm, _bytes(value), usedforsecurity=False).hexdigest()


def _as_dict(value: object) -> dict[object, object]:
    """Turn a map that is computed on demand, such as the variables of other hosts, into a plain one."""
    if not isinstance(value, Mapping):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return dict(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("it takes text")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, str | int | float):
        raise TypeError("it takes text")
    return str(value).encode(errors=_ERRORS)


def _dumper() -> type[yaml.SafeDumper]:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes subclasses of text, maps and lists too, without anchors."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the library's signature
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
            super().increase_indent(flow, indentless=False)

    Dumper.add_multi_representer(dict, yaml.SafeDumper.represent_dict)
    Dumper.add_multi_representer(list, yaml.SafeDumper.represent_list)
    Dumper.add_multi_representer(str, yaml.SafeDumper.represent_str)
    return Dumper
