# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of the parameters."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from jetpack_plugin_download.sums import Checksum, parse_checksum
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from jetpack_plugin_github_release.versions import Range, parse_range

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def _api_address(url: str) -> str:
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or local) or parts.query or parts.username:
        message = f"{url!r} is no address of an API; write it as https://github.example.com/api/v3"
        raise ValueError(message)
    return url.rstrip("/")


def _range(value: object) -> object:
    return parse_range(value) if isinstance(value, str) else value


def _digest(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = parse_checksum(value)
    if isinstance(found, str):
        message = "write the checksum itself, as sha256:DIGITS; a file of checksums in the release is found by itself"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueError only
    return found


def _regular_expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        message = f"{value!r} is no regular expression: {error}"
        raise ValueError(message) from error
    return value


Repository = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$")]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
VersionRange = Annotated[Range, BeforeValidator(_range), WithJsonSchema({"type": "string"})]
Digest = Annotated[Checksum, BeforeValidator(_digest), WithJsonSchema({"type": "string"})]
ApiAddress = Annotated[str, AfterValidator(_api_address)]
Regex = Annotated[str, AfterValidator(_regular_expression)]
Patterns = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
