# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of connecting goes on at once, and the threads in which it happens."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

T = TypeVar("T")
V = TypeVar("V")

CONNECTING_AT_ONCE: Final = 16
"""Handshakes and logins: they keep the processor busy."""
AT_ONE_SERVER: Final = 8
"""Connections to one SSH server that has not let us in yet: from 10 on, sshd turns some away (MaxStartups)."""
WAITING_AT_ONCE: Final = 1024
"""Hosts that are waited for, if as many files may be open."""
LOOKUPS_AT_ONCE: Final = 256
PATIENCE: Final = 2.0
"""Seconds after which what still goes on is waiting rather than working, so that its place is free for others."""
MOST_THREADS: Final = 256
PREPARING_AT_ONCE: Final = 8
WRITING_AT_ONCE: Final = 16
_FILES_EACH: Final = 4
_ATTRIBUTE: Final = "_jetpack_connect_limiter"


class Place:
    """One of a number of places. It is given back once, by whoever is first."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._loop = asyncio.get_running_loop()
        self._places: asyncio.Semaphore | None = places
        self._timer = self._loop.call_later(PATIENCE, self.give_back)

    def keep(self) -> None:
        """Hold it for as long as it takes."""
        self._timer.cancel()

    def give_back(self) -> None:
        """Let somebody else have it."""
        self._timer.cancel()
        places, self._places = self._places, None
        if places is not None:
            places.release()

    def give_back_soon(self) -> None:
        """Let somebody else have it; for other threads."""
        _tell(self._loop, self.give_back)


class ConnectLimiter:
    """Threads for handshakes, and for writes that may block; shared by the connections of one event loop."""

    def __init__(self) -> None:
        self._connecting = ThreadPoolExecutor(MOST_THREADS, "jetpack-connect")
        self._preparing = ThreadPoolExecutor(PREPARING_AT_ONCE, "jetpack-prepare")
        self._writing = ThreadPoolExecutor(WRITING_AT_ONCE, "jetpack-write")
        self._places = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self._lookups = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = WAITING_AT_ONCE if files == resource.RLIM_INFINITY else min(files // _FILES_EACH, WAITING_AT_ONCE)
        self._waiting = asyncio.Semaphore(max(most, CONNECTING_AT_ONCE))
        self._servers: WeakValueDictionary[object, asyncio.Semaphore] = WeakValueDictionary()
        self._shared: dict[str, object] = {}
        self.sending = 0
        """How many hosts files are being sent to."""
        self._lock = threading.Lock()

    @classmethod
    def of_loop(cls) -> ConnectLimiter:
        """Return the running loop's limiter; it lives as long as the loop does."""
        loop = asyncio.get_running_loop()
        found = cast("ConnectLimiter | None", getattr(loop, _ATTRIBUTE, None))
        if found is None:
            found = cls()
            setattr(loop, _ATTRIBUTE, found)
        return found

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """Return something that all connections use, made once."""
        with self._lock:
            if name not in self._shared:
                self._shared[name] = make()
            return cast("T", self._shared[name])

    @property
    def waiting(self) -> asyncio.Semaphore:
        """Places for hosts that are waited for, which take an open file each and nothing else."""
        return self._waiting

    @asynccontextmanager
    async def server(self, address: object) -> AsyncIterator[Place]:
        """Hold a place at a server that has not let us in yet, for a moment only where it does not answer."""
        places = self._servers.setdefault(address, asyncio.Semaphore(AT_ONE_SERVER))
        async with _lent(places) as place:
            yield place

    async def connecting(self, function: Callable[[], T]) -> T:
        """Run a handshake in a thread; where it takes long, others go on beside it. It is not called off."""
        async with _lent(self._places):
            return await _run(self._connecting, function)

    async def preparing(self, function: Callable[[], T]) -> T:
        """Find out in a thread how a host is reached, which may run commands of the user's. It is not called off."""
        return await _run(self._preparing, function)

    async def looking_up(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Begin what may hang, in a thread that nothing waits for at the end of the program."""
        loop = asyncio.get_running_loop()
        await self._lookups.acquire()
        found: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                result = function()
            except Exception as error:  # noqa: BLE001 - whoever waits raises it
                _tell(loop, partial(_end, found, found.set_exception, error))
            else:
                _tell(loop, partial(_end, found, found.set_result, result))
            _tell(loop, self._lookups.release)

        threading.Thread(target=work, name="jetpack-lookup", daemon=True).start()
        return found

    async def writing(self, function: Callable[[], T]) -> T:
        """Run a write that may block in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writing, function)


@asynccontextmanager
async def _lent(places: asyncio.Semaphore) -> AsyncIterator[Place]:
    await places.acquire()
    place = Place(places)
    try:
        yield place
    finally:
        place.give_back()


async def _run(threads: ThreadPoolExecutor, function: Callable[[], T]) -> T:
    work = asyncio.get_running_loop().run_in_executor(threads, function)
    try:
        await asyncio.wait([work])
    except asyncio.CancelledError:
        work.add_done_callback(_ignore)
        raise
    return work.result()


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    """Call something in a loop from another thread; when the loop has ended, nobody waits for it any more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(what)


def _end(found: asyncio.Future[T], end: Callable[[V], None], value: V) -> None:
    if not found.done():
        end(value)


def _ignore(work: asyncio.Future[T]) -> None:
    if not work.cancelled():
        work.exception()
