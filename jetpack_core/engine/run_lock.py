# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps other runs off the hosts of this one, and waits where another one was first."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import socket
import time
from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.operations import Hold, Request
from jetpack_core.errors import HeldError, HostUnreachableError
from jetpack_core.events import Warned

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from jetpack_core.contracts.operations import Reply
    from jetpack_core.engine.event_stream import EventStream

    Execute = Callable[[Sequence[Request]], Awaitable[Sequence[Reply]]]

_FIRST_PAUSE: Final = 0.2
"""Seconds until a host is asked again; a run that has just ended may still be tidying up."""
_LONGEST_PAUSE: Final = 2.0
_SILENT: Final = 1.0
"""Seconds of waiting that are not worth a word."""
_OWNER: Final = re.compile(r"([0-9a-f]{8,64}) \d+ (\d{1,11}) (\d{1,10}) ([\x21-\x7e]{1,200})")
_DAY: Final = 86400


class RunLock:
    """One run's claim on its hosts.

    :param timeout: Seconds to wait for another run to end.
    """

    def __init__(self, events: EventStream, timeout: float) -> None:
        self._events = events
        self._timeout = timeout
        self._request = Request(Hold(events.run, f"{int(time.time())} {os.getpid()} {_user()}@{_machine()}"))

    async def execute(self, host: str, execute: Execute, frame: Sequence[Request]) -> Sequence[Reply]:
        """Hold a host and carry out a frame in the same round trip, once no other run holds it.

        Raises HostUnreachableError when that takes too long.
        """
        patience = _Patience(self._events, host, self._timeout)
        while True:
            held, *replies = await execute((self._request, *frame))
            if isinstance(held.error, HeldError):
                await patience.wait(held.error)
                continue
            if held.error is not None:
                raise HostUnreachableError(f"it cannot be held against other runs: {held.error}") from held.error
            if held.value:
                message = f"other runs are not kept off this host: {held.value}"
                self._events.send(Warned(msg=message, host=host))
            return replies


class _Patience:
    """How long one host has been waited for."""

    def __init__(self, events: EventStream, host: str, timeout: float) -> None:
        self._events = events
        self._host = host
        self._timeout = timeout
        self._began = time.monotonic()
        self._pause = _FIRST_PAUSE
        self._told = ""

    async def wait(self, error: HeldError) -> None:
        """Pause before the host is asked again. Raises HostUnreachableError when time is up."""
        waited = time.monotonic() - self._began
        holder = describe(error.line, error.owner)
        if waited >= self._timeout:
            hint = (
                "wait for it, or longer with --lock-timeout; if there is no such run, "
                f"remove {error.path} on the host, or run with --lock-timeout off"
            )
            message = f"held by {holder}" + (f"; it was waited for, {self._timeout:g} s" if self._timeout else "")
            raise HostUnreachableError(message, hint=hint) from error
        if waited >= _SILENT and holder != self._told:
            self._told = holder
            message = f"held by {holder}; it is waited for, up to {self._timeout:g} s"
            self._events.send(Warned(msg=message, host=self._host))
        await asyncio.sleep(min(self._pause, max(0.0, self._timeout - waited)))
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)


def describe(line: str, user: str) -> str:
    """Return the words for a holder.

    :param line: What its lock file says, which whoever made it may have invented.
    :param user: The user of the host to whom the file belongs, which nobody can.
    """
    there = f", as {_plain(user)} on the host" if user else ""
    found = _OWNER.fullmatch(line)
    if found is None:
        return f"another run{there}"
    run, since, pid, owner = found.groups()
    return f"a run of {owner} since {_clock(int(since))} (run {run[:8]}, process {pid}){there}"


def _clock(since: int) -> str:
    try:
        then = time.localtime(since)
    except (OverflowError, OSError, ValueError):
        return "a time unknown"
    return time.strftime("%H:%M" if abs(time.time() - since) < _DAY else "%Y-%m-%d %H:%M", then)


def _user() -> str:
    try:
        return _plain(getpass.getuser())
    except (OSError, KeyError):
        return str(os.getuid())


def _machine() -> str:
    return _plain(socket.gethostname())


def _plain(text: str) -> str:
    """Return a name as one word of ASCII."""
    return re.sub(r"[^\x21-\x7e]", "?", text)[:90] or "?"
