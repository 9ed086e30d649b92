# SPDX-License-Identifier: GPL-3.0-or-later
"""Property strings such as `name=eth0,bridge=vmbr0`: cutting them into pairs."""

from __future__ import annotations

from collections.abc import Iterator


class PropertyStringError(Exception):
    """A property string is malformed; the text is what the API says after `invalid format - `."""


def split_property_string(value: str, default_key: str | None) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a property string; one part may stand without a key where the format has a default."""
    for part in value.split(","):
        if not part.strip():
            continue
        key, equals, text = part.partition("=")
        if equals:
            yield key.strip(), text.strip()
        elif default_key is None:
            raise PropertyStringError("value without key, but schema does not define a default key")
        else:
            yield default_key, part.strip()


def read_properties(value: str, default_key: str = "") -> dict[str, str]:
    """Return the pairs of a stored property string by key."""
    return dict(split_property_string(value, default_key or None))
