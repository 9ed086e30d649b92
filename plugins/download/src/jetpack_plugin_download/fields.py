# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of parameters about addresses, headers and sizes."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema

from jetpack_core.contracts.fields import Secret
from jetpack_plugin_download.onhost.trouble import shown
from jetpack_plugin_download.sums import Checksum, parse_checksum

_SIZES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def address(url: str) -> str:
    """Return an address without its fragment. Raises ValueError for one that is none, or would show a password."""
    if not url.isprintable() or " " in url:
        message = "an address holds no blanks and no control characters; write a blank as %20"
        raise ValueError(message)
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return url.split("#", 1)[0]
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = f"{shown(url)!r} is not a web address; write it as https://NAME/PATH"
        raise ValueError(message)
    if parts.username is not None or parts.password is not None:
        message = "a user or password in an address would show in logs; say 'username' and 'password'"
        raise ValueError(message)
    return url.split("#", 1)[0]


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _size(value: object) -> object:
    """Read 500k, 20M or 2GiB."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower().removesuffix("b").removesuffix("i")
    unit = text[-1:] if text[-1:] in _SIZES else ""
    digits = text.removesuffix(unit).strip()
    if not digits.isdecimal():
        message = f"{value!r} is no size; write it as 20M or in bytes"
        raise ValueError(message)
    return int(digits) * _SIZES[unit]


def _header_text(value: str | SecretStr) -> str | SecretStr:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if any(char in text for char in "\r\n\0"):
        message = "a header is one line"
        raise ValueError(message)
    return value


def _checksum(value: object) -> object:
    return parse_checksum(value) if isinstance(value, str) else value


Address = Annotated[str, AfterValidator(address)]
"""The address of a file; http, https or file."""
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
"""The name of a header."""
HeaderValue = Annotated[str | Secret, AfterValidator(_header_text)]
"""The value of a header, secret or not."""
Size = Annotated[int, BeforeValidator(_size), Field(ge=0), WithJsonSchema({"type": "string"})]
"""A number of bytes, such as 500k, 20M or 2GiB."""
Addresses = Annotated[list[Address], BeforeValidator(_one_or_many), Field(min_length=1)]
"""One address, or several that are tried in turn."""
SumOrAddress = Annotated[Checksum | str, BeforeValidator(_checksum), WithJsonSchema({"type": "string"})]
"""A checksum, or the address of a file with checksums."""
Pin = Annotated[str, Field(pattern=r"^sha256//[A-Za-z0-9+/]{43}=$")]
"""The digest of a server's public key."""
Pins = Annotated[list[Pin], BeforeValidator(_one_or_many)]
"""One digest, or several."""
