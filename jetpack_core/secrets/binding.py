# SPDX-License-Identifier: GPL-3.0-or-later
"""What a value's plaintext says of its place, so that a value that was moved is noticed.

The plaintext is one line `jetpack-secret/1 {"file": ..., "key": ...}` and then the value, byte for byte. Anything
else is a raw value, such as `age` makes of a file. The line may also have "for", a digest of the recipients: an age
header does not name them, and without it nobody could tell whether a value is still encrypted for the right ones.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jetpack_core.errors import SecretError

RULES_FILE: Final = ".jetpack-secrets.yml"
_ROOTS: Final = (RULES_FILE, ".jetpack.yml", ".git")
_MARK: Final = b"jetpack-secret/1 "
_SIMPLE: Final = re.compile(r"[^.\[\]\"\s]+")


class MovedError(SecretError):
    """A value stands in another place than the one it was encrypted for."""


class UnboundError(SecretError):
    """A raw value stands where only values that know their place are allowed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value belongs."""

    file: str
    """Relative to the folder that has `.jetpack-secrets.yml`, else `.jetpack.yml`, else `.git`, else the file."""
    key: str
    """The dotted path of keys, see `key_path`; empty for a whole file."""

    def __str__(self) -> str:
        return f"{self.file}: {self.key}" if self.key else self.file


def root_of(file: Path) -> Path:
    """Return the folder that the place of a file is relative to."""
    home = Path(file).resolve().parent
    for name in _ROOTS:
        for folder in (home, *home.parents):
            if (folder / name).exists():
                return folder
    return home


def place_of(file: Path, parts: Sequence[str | int]) -> Place:
    """Return the place of the value that a path of keys and list numbers leads to in a file."""
    resolved = Path(file).resolve()
    return Place(resolved.relative_to(root_of(file)).as_posix(), key_path(parts))


def key_path(parts: Sequence[str | int]) -> str:
    """Return a path of keys as text, such as `users[].password`.

    A list's elements have no number: adding one before another moves nothing. A key that is not one plain word is
    written in quotes.
    """
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += "[]"
        else:
            shown = part if _SIMPLE.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            text += f".{shown}" if text else shown
    return text


def seal(value: str, place: Place, *, audience: str = "") -> bytes:
    """Return the plaintext of a value that knows its place.

    :param audience: A digest of the recipients, for `audience_of`.
    """
    said = {"file": place.file, "key": place.key} | ({"for": audience} if audience else {})
    line = json.dumps(said, ensure_ascii=False)
    return _MARK + line.encode() + b"\n" + value.encode("utf-8", "surrogateescape")


def audience_of(plaintext: bytes) -> str:
    """Return the digest of the recipients that a plaintext was written for; empty where it does not say."""
    line, _, _ = plaintext.removeprefix(_MARK).partition(b"\n")
    if not plaintext.startswith(_MARK):
        return ""
    with contextlib.suppress(ValueError, AttributeError):
        return str(json.loads(line).get("for", ""))
    return ""


def bound_to(plaintext: bytes) -> Place | None:
    """Return the place that a plaintext says it belongs to; None for a raw value. Raises SecretError."""
    if not plaintext.startswith(_MARK):
        return None
    line, _, _ = plaintext[len(_MARK) :].partition(b"\n")
    try:
        said = json.loads(line)
        return Place(str(said["file"]), str(said["key"]))
    except (ValueError, KeyError, TypeError):
        raise SecretError("what it says of its place cannot be read", hint="encrypt it anew") from None


def open_value(plaintext: bytes, place: Place, *, require_binding: bool) -> str:
    """Return the value of a plaintext at its place.

    Raises MovedError for one that belongs elsewhere, UnboundError for a raw one where that is not allowed, and
    SecretError for one that is no text.
    """
    belongs = bound_to(plaintext)
    if belongs is None:
        if require_binding:
            hint = f"write it with: jetpack secrets set {place.file} {place.key}"
            raise UnboundError(f"a raw age value, and {RULES_FILE} says `require_binding: true`", hint=hint)
        return _text(plaintext)
    if belongs != place:
        hint = f"put it back, or accept the move: jetpack secrets rekey --accept-moved {place.file}"
        raise MovedError(f"this value was encrypted for another place: {belongs}", hint=hint)
    return _text(plaintext.partition(b"\n")[2])


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise SecretError("its value is not UTF-8 text", hint="keep binary data in a file of its own") from None
