# SPDX-License-Identifier: GPL-3.0-or-later
"""Becoming another user from a shell: what is sent for it, and what a refusal says."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.connections import codec, shell_script
from jetpack_core.connections.become import Ladder, ladder
from jetpack_core.connections.payload import SHELL_BOOT
from jetpack_core.connections.remote.helper import boot
from jetpack_core.connections.remote.helper.holding import TAKEN

if TYPE_CHECKING:
    from jetpack_core.contracts.operations import Become

_CLIMB: Final = (
    # What runs as the other user is to have the login's umask, not the private one of this shell.
    b'if [ -n "$STOP" ]; then :; elif jours; then umask "$JU"; LC_ALL=C %s 2>&1; umask 077; else echo %s; fi'
)


@dataclass(frozen=True, slots=True)
class Climb:
    """The way to another user."""

    become: Become
    way: Ladder
    script: bytes
    """Starts the other user's shell, unless something before it in the frame failed."""
    mark: bytes
    """What that shell says first, before it waits for its program."""


def climb(become: Become) -> Climb:
    """Return the way to another user. Raises BecomeError."""
    way, nonce = ladder(become), secrets.token_hex(12)
    own = ["/bin/sh", "-c", f"printf %s {nonce};{SHELL_BOOT}"]
    line = " ".join(boot.quote(word) for word in own)
    words: list[str] = []
    for word in way.argv:
        words.extend(own if word is None else [word.replace("\1", line)])
    script = _CLIMB % (b" ".join(shell_script.quote(word) for word in words), shell_script.quote(TAKEN))
    return Climb(become, way, script, f"{nonce}{boot.SHELL_MARK}".encode())


def asks(way: Ladder, heard: bytes) -> bool:
    """Tell whether the program on the way asks for a password."""
    if way.prompt:
        return way.prompt.encode() in heard
    return way.terminal and heard.lower().rstrip().endswith(b":")


def complaint(said: bytes, way: Ladder, *, given: bool) -> str:
    """Return what a program that lets nobody through said; `given` tells that it had the password."""
    # What the shell itself says starts with the program it was given.
    said = said.rpartition(b"eval: ")[2]
    shown = " ".join(codec.text(said).replace(way.prompt or "\0", "").split())
    if given:
        return f"the password was not accepted ({shown})"
    return shown or "the program ended without a word"
