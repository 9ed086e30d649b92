# SPDX-License-Identifier: GPL-3.0-or-later
"""The phase itself: all guests at once, told as events, ended in order."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import JetpackError
from jetpack_core.events import (
    HostOutput,
    HostResult,
    HostWaiting,
    PlayFinished,
    PlayStarted,
    TaskFinished,
    TaskStarted,
    Warned,
)
from jetpack_core.provisioning.landing import Fate, Landing, land, planned
from jetpack_core.provisioning.locks import lock_folder, named_lock
from jetpack_core.provisioning.steps import GuestSteps
from jetpack_core.provisioning.survey import Unsettled
from jetpack_core.records import Status

if TYPE_CHECKING:
    from jetpack_core.events import Event
    from jetpack_core.provisioning.survey import Surveyed

PLAY: Final = "provisioning"
TASK: Final = "guests"
MODULE: Final = "provision"
"""The names under which events of the phase are sent."""
_AT_ONCE: Final = 32
_TICK: Final = 5.0
"""Seconds between two looks at what takes long."""
_LONG: Final = 10.0
"""Seconds after which a guest that is still under way is told of, once more each time."""
_PATIENCE: Final = 60.0
"""Seconds that guests are given to come to an end once the user interrupts."""


class Provisioning:
    """Converges surveyed guests, in plan mode only in thought.

    :param quiet: Tell of failures only.
    :param threads: How many guests are worked on at once; at most 32.
    :param stream: Send what provisioners tell meanwhile.
    """

    def __init__(
        self,
        guests: Sequence[Surveyed],
        send: Callable[[Event], None],
        *,
        planning: bool,
        threads: int,
        quiet: bool = False,
        stream: bool = False,
    ) -> None:
        self._guests = guests
        self._send = send if not quiet else _failures_only(send)
        self._planning = planning
        self._threads = max(1, min(threads, _AT_ONCE, len(guests)))
        self._stream = stream
        self._ended = threading.Event()
        self._doing: dict[str, tuple[str, float]] = {}
        self._told: dict[str, float] = {}

    async def run(self) -> Mapping[str, Landing]:
        """Return what became of each guest, by host. On cancellation, guests come to an end in order first."""
        hosts = tuple(guest.host for guest in self._guests)
        self._send(PlayStarted(play=PLAY, hosts=hosts, planned=self._planning, tasks=1))
        self._send(TaskStarted(play=PLAY, task=TASK, module=MODULE, hosts=hosts, planned=self._planning))
        landings = await self._converge()
        counts = Counter(_status(landing).value for landing in landings.values())
        self._send(TaskFinished(play=PLAY, task=TASK, module=MODULE, planned=self._planning, statuses=counts))
        self._send(PlayFinished(play=PLAY))
        return landings

    async def _converge(self) -> dict[str, Landing]:
        loop = asyncio.get_running_loop()
        executor = ThreadPoolExecutor(self._threads, PLAY)
        pending = {loop.run_in_executor(executor, self._one, guest, loop) for guest in self._guests}
        landings: dict[str, Landing] = {}
        try:
            while pending:
                done, pending = await asyncio.wait(pending, timeout=_TICK, return_when=asyncio.FIRST_COMPLETED)
                self._take(done, landings)
                self._tell_long()
        except asyncio.CancelledError:
            self._ended.set()
            done, pending = await asyncio.wait(pending, timeout=_PATIENCE)
            self._take(done, landings)
            for host, (what, _) in self._doing.items():
                self._send(Warned(msg=f"{what} has not ended; look at the platform for what is left", host=host))
            raise
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
        return landings

    def _one(self, guest: Surveyed, loop: asyncio.AbstractEventLoop) -> Landing:
        """Land one guest, in a thread."""
        host, provisioner = guest.host, guest.request.provisioner

        def say(text: str) -> None:
            loop.call_soon_threadsafe(self._said, host, text)

        def warn(text: str) -> None:
            loop.call_soon_threadsafe(self._send, Warned(msg=text, host=host))

        def check() -> None:
            if self._ended.is_set():
                raise JetpackError("interrupted", hint="run it again to go on")

        def lock(name: str) -> AbstractContextManager[None]:
            return named_lock(lock_folder(), name, check)

        provisioner.attach(replace(provisioner.surroundings, say=say, warn=warn, check=check, lock=lock))
        loop.call_soon_threadsafe(self._doing.__setitem__, host, ("provisioning", time.monotonic()))
        return planned(guest) if self._planning else land(guest, self._ended)

    def _said(self, host: str, text: str) -> None:
        _, since = self._doing.get(host, ("", time.monotonic()))
        self._doing[host] = (text, since)
        if self._stream:
            self._send(HostOutput(host=host, task=PLAY, stream="stdout", text=f"{text}\n"))

    def _tell_long(self) -> None:
        now = time.monotonic()
        for host, (what, since) in self._doing.items():
            if now - max(since, self._told.get(host, since)) > _LONG:
                self._told[host] = now
                self._send(HostWaiting(host=host, task=what, seconds=now - since))

    def _take(self, done: set[asyncio.Future[Landing]], landings: dict[str, Landing]) -> None:
        for future in done:
            landing = future.result()
            landings[landing.host] = landing
            self._doing.pop(landing.host, None)
            self._send(self._result(landing))

    def _result(self, landing: Landing) -> HostResult:
        done, error = landing.done, landing.error
        return HostResult(
            play=PLAY,
            host=landing.host,
            task=TASK,
            module=MODULE,
            status=_status(landing),
            planned=self._planning,
            changes=() if isinstance(done, Unsettled) else done.changes,
            msg=error.message if error is not None else f"{done.request.wish.type}: {_said_of(done)}",
            hint=error.hint if error is not None else "",
            warnings=_warnings(landing),
            duration=landing.duration,
        )


def _failures_only(send: Callable[[Event], None]) -> Callable[[Event], None]:
    def filtered(event: Event) -> None:
        if isinstance(event, Warned) or (isinstance(event, HostResult) and event.status.ended_badly):
            send(event)

    return filtered


def _status(landing: Landing) -> Status:
    if landing.fate is Fate.LOST or isinstance(landing.done, Unsettled):
        return Status.FAILED
    return landing.done.status


def _said_of(done: Surveyed) -> str:
    """Return what is done to a guest, in a few words."""
    if isinstance(done, Unsettled) or not done.steps:
        return "differs" if isinstance(done, GuestSteps) and done.drifts else "unchanged"
    return ", ".join(done.steps)


def _warnings(landing: Landing) -> tuple[str, ...]:
    done = landing.done
    if isinstance(done, Unsettled) or done.plan is None:
        return ()
    if done.drifts:
        why = done.plan.reason or "it differs in what only a replacement could change"
        return (f"left as it is: {why}; `rebuild: true` replaces the guest",)
    return (done.plan.reason,) if done.plan.reason and done.steps else ()
