# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify hosts by their keys: known_hosts files as OpenSSH writes them (sshd(8)), and pinned keys."""

from __future__ import annotations

import base64
import binascii
import fcntl
import fnmatch
import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import HostKeyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from jetpack_core.connections.ssh_settings import SshSettings

REVOKED: Final = "@revoked"
AUTHORITY: Final = "@cert-authority"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One line of a known_hosts file that speaks of a host."""

    file: str
    line: int
    marker: str
    type: str
    key: str
    """In base64."""

    @property
    def place(self) -> str:
        """Return file and line, for messages."""
        return f"{self.file}:{self.line}"


def fingerprint(key: str) -> str:
    """Return a base64 key's fingerprint as ssh shows it."""
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def known_keys(files: Iterable[Path], name: str) -> list[KnownKey]:
    """Return what the files say of a host, given as `name` or `[name]:port`; a missing file says nothing.

    Raises HostKeyError where a file that is there cannot be read: to take a changed key for a new one would be grave.
    """
    return [key for file in files for key in _read(file, name)]


def _read(file: Path, name: str) -> Iterator[KnownKey]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        hint = "until it can be, no host that it may speak of is trusted"
        raise HostKeyError(f"{file} cannot be read: {error.strerror or error}", hint=hint) from error
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if len(words) >= 3 and matches(words[0], name) and _is_key(words[2]):  # noqa: PLR2004 - names, type, key
            yield KnownKey(str(file), number, marker, words[1], words[2])


def _is_key(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def matches(names: str, name: str) -> bool:
    """Tell whether the first field of a line means a host: hashed, or patterns, `!` excluding."""
    found = False
    for pattern in names.split(","):
        if pattern.startswith("|1|"):
            found = found or _matches_hash(pattern, name)
        elif pattern.startswith("!"):
            if _matches_pattern(pattern[1:], name):
                return False
        else:
            found = found or _matches_pattern(pattern, name)
    return found


def _matches_pattern(pattern: str, name: str) -> bool:
    # Only * and ? are special to ssh; brackets stand around addresses with a port.
    escaped = pattern.lower().replace("[", "[[]")
    return fnmatch.fnmatchcase(name.lower(), escaped)


def _matches_hash(pattern: str, name: str) -> bool:
    try:
        _, _, salt, digest = pattern.split("|")
        expected = base64.b64decode(digest, validate=True)
        found = hmac.new(base64.b64decode(salt, validate=True), name.lower().encode(), hashlib.sha1).digest()
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(found, expected)


class HostKeyPolicy:
    """What is known of one host, and the verdict on the key it shows; never accepts anything silently."""

    def __init__(self, settings: SshSettings) -> None:
        self._settings = settings
        self._pinned = [tuple(key.split()[:2]) for key in settings.pinned_keys]
        files = (*settings.user_known_hosts, *settings.global_known_hosts)
        self._known = [] if self._pinned else known_keys(files, settings.key_name)
        # ssh trusts a key that it knows for the name without the port as well.
        plain = settings.key_name.partition("]:")[0].lstrip("[")
        self._plain = [] if self._pinned or plain == settings.key_name else known_keys(files, plain)

    def preferred_types(self) -> list[str]:
        """Return the key types to ask the host for first."""
        if self._pinned:
            return [kind for kind, _ in self._pinned]
        return [key.type for key in (*self._known, *self._plain) if not key.marker]

    def verify(self, kind: str, key: str) -> None:
        """Accept a key (type and base64) or raise HostKeyError."""
        where = self._settings.where
        if self._pinned:
            if (kind, key) not in self._pinned:
                raise HostKeyError(
                    f"{where} shows the {kind} key {fingerprint(key)}, not the one it is known by",
                    hint="something else answers at this address, or the host was made anew outside Jetpack; "
                    f"what is known: jetpack show-inventory --show-hosts {self._settings.host}",
                )
            return
        revoked = next((one for one in (*self._known, *self._plain) if one.marker == REVOKED and one.key == key), None)
        if revoked is not None:
            hint = "do not connect until its administrator gave the host a new key"
            raise HostKeyError(f"{where} shows a key that is revoked in {revoked.place}", hint=hint)
        if self._settings.meet is not None:
            # Whatever had this address before, known_hosts speaks of that.
            self._settings.meet(f"{kind} {key}")
            return
        known = [one for one in self._known if not one.marker]
        if any((one.type, one.key) == (kind, key) for one in known):
            return
        if known:
            raise self._changed(known, kind, key)
        if any((one.type, one.key) == (kind, key) for one in self._plain if not one.marker):
            return
        self._meet(kind, key)

    def _changed(self, known: Sequence[KnownKey], kind: str, key: str) -> HostKeyError:
        same = next((one for one in known if one.type == kind), known[0])
        return HostKeyError(
            f"the host key of {self._settings.where} has changed: {same.place} knows the {same.type} key "
            f"{fingerprint(same.key)}, it shows the {kind} key {fingerprint(key)}",
            hint="if the host was installed anew, remove the line: "
            f"ssh-keygen -R '{self._settings.key_name}' -f {same.file}; if not, somebody may be listening",
        )

    def _meet(self, kind: str, key: str) -> None:
        authority = next((one for one in self._known if one.marker == AUTHORITY), None)
        if authority is not None:
            raise HostKeyError(
                f"{self._settings.where} is known by a certificate authority only ({authority.place}), "
                "and host certificates are not supported",
                hint=f"add its {kind} key {fingerprint(key)} itself, once you compared it",
            )
        if not self._settings.accept_new:
            raise HostKeyError(
                f"the host key of {self._settings.where} is not known: {kind} {fingerprint(key)}",
                hint="compare the fingerprint, then connect once with ssh, or use --accept-new-host-keys",
            )
        self._add(kind, key)

    def _add(self, kind: str, key: str) -> None:
        if not self._settings.user_known_hosts:
            raise HostKeyError(f"{self._settings.where}: there is no known_hosts file to add its key to")
        file = self._settings.user_known_hosts[0]
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            append_known_host(file, f"{self._settings.key_name} {kind} {key}")
        except OSError as error:
            raise HostKeyError(
                f"the key of {self._settings.where} cannot be added to {file}: {error.strerror}"
            ) from error


def append_known_host(file: Path, line: str) -> None:
    """Append a line, unless it is there; safe against others who do the same. Raises OSError."""
    fd = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "rb+", buffering=0) as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        text = opened.read()
        if line.encode() in text.splitlines():
            return
        lead = b"" if not text or text.endswith(b"\n") else b"\n"
        opened.write(lead + line.encode() + b"\n")
