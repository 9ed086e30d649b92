# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts' connections of one run: opened on first use, shared by everything, closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn

from jetpack_core.errors import HostKeyError, HostUnreachableError, JetpackError, SecretError

if TYPE_CHECKING:
    from jetpack_core.content.model import Play
    from jetpack_core.contracts.connection import Connection, Endpoint
    from jetpack_core.contracts.operations import Reply, Request
    from jetpack_core.engine.run_lock import RunLock

_LANES: Final = 16
"""How many tasks that are delegated to this machine run on it at once."""
_PATIENCE: Final = 2.0
"""Seconds after which a host that is still being connected to is waited for rather than worked on."""


class Rendezvous:
    """Where the hosts of a batch wait until all that are still in the run have come."""

    def __init__(self, hosts: Iterable[str], lost: Callable[[], tuple[str, ...]]) -> None:
        self.lost = lost
        """Return which hosts of the play have left the run."""
        self._expected = set(hosts)
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def arrive(self, host: str) -> None:
        """Wait for the others."""
        opened = self._waiting[host] = asyncio.get_running_loop().create_future()
        self._open_when_complete()
        try:
            await opened
        finally:
            if self._waiting.get(host) is opened:
                del self._waiting[host]

    def leave(self, host: str) -> None:
        """Stop expecting a host: it failed, or it is past the place."""
        self._expected.discard(host)
        self._open_when_complete()

    def _open_when_complete(self) -> None:
        if self._expected <= self._waiting.keys():
            # Whoever comes next waits for the next meeting.
            complete, self._waiting = self._waiting, {}
            for future in complete.values():
                if not future.done():
                    future.set_result(None)


class Slot:
    """A host's share of the hosts that are worked on at once; another has it while this one is only waited for."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._held = False
        self._lent = False

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        self._held = True

    async def __aexit__(self, *raised: object) -> None:
        self._release()

    async def wait_for(self, connecting: Awaitable[None]) -> None:
        """Wait until a host is connected to; takes the share again before it returns, not where this fails."""
        self._lent = False
        timer = asyncio.get_running_loop().call_later(_PATIENCE, self._lend)
        try:
            await connecting
        finally:
            timer.cancel()
        if self._lent:
            await self.__aenter__()

    def _lend(self) -> None:
        self._lent = self._held
        self._release()

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._slots.release()


class LiveHost:
    """A host with its connection; frames of several users of it go one after the other."""

    def __init__(
        self, name: str, make: Callable[[], Connection], slots: asyncio.Semaphore, run_lock: RunLock | None = None
    ) -> None:
        self.name = name
        self.turn = asyncio.Lock()
        """Held by a task that found the host changed under it, until it has made its own change."""
        self.rendezvous: Rendezvous | None = None
        """Where the batch's hosts wait for each other."""
        self._make = make
        self._slot = Slot(slots)
        self._run_lock = run_lock
        self._held = False
        self._connection: Connection | None = None
        self._lost: HostUnreachableError | None = None
        self._lock = asyncio.Lock()

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Carry out a frame, opening the connection first where it is not. Raises HostUnreachableError."""
        async with self._lock:
            if self._run_lock is None or self._held or not await self._can_be_held():
                return await self._send(frame)
            try:
                replies = await self._run_lock.execute(self.name, self._send, frame)
            except HostUnreachableError as error:
                self._lost = error
                raise
            self._held = True
            return replies

    async def _can_be_held(self) -> bool:
        async with self._slot:
            return (await self._open()).holds

    async def _send(self, frame: Sequence[Request]) -> Sequence[Reply]:
        async with self._slot:
            connection = await self._open()
            try:
                return await connection.execute(frame)
            except HostUnreachableError as error:
                self._lost = error
                raise
            except Exception as error:
                self._lost = _broken(connection, error)
                raise self._lost from error

    async def _open(self) -> Connection:
        if self._lost is not None:
            raise self._lost
        if self._connection is None:
            try:
                self._connection = await self._connect()
            except HostUnreachableError as error:
                self._lost = error
                raise
        return self._connection

    async def _connect(self) -> Connection:
        try:
            connection = self._make()
        except JetpackError as error:
            # Such as a connection plugin that is missing: this host is out, the others are not.
            raise HostUnreachableError(error.message, hint=error.hint) from error
        try:
            await self._slot.wait_for(connection.connect())
        except BaseException as error:
            await connection.close()
            if isinstance(error, HostUnreachableError) or not isinstance(error, Exception):
                raise
            raise _broken(connection, error) from error
        return connection

    async def reconnect(self, timeout: float, delay: float) -> None:
        """Drop the connection and try until the host is back.

        Raises HostUnreachableError when time is up, or at once when the host shows a key that is not trusted.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        async with self._lock:
            await self._drop()
            while True:
                self._lost = None
                try:
                    await self._open()
                except HostKeyError:
                    raise
                except HostUnreachableError as error:
                    if loop.time() + delay > end:
                        message = f"not back after {timeout:g} s: {error.message}"
                        raise HostUnreachableError(message, hint=error.hint) from error
                    await asyncio.sleep(delay)
                else:
                    return

    async def barrier(self, timeout: float) -> tuple[str, ...]:
        """Wait for the other hosts of the batch; returns those of the play that are lost. Raises TimeoutError."""
        if self.rendezvous is None:
            return ()
        await asyncio.wait_for(self.rendezvous.arrive(self.name), timeout)
        return self.rendezvous.lost()

    async def _drop(self) -> None:
        connection, self._connection, self._held = self._connection, None, False
        if connection is not None:
            await connection.close()

    async def close(self) -> None:
        """Hang up; the next frame would open the connection anew."""
        await self._drop()


class Pool:
    """All live hosts of a run. A host has one connection, or one per login user and port that plays ask for."""

    def __init__(
        self, endpoint: Callable[[str, Play | None], Endpoint], connect: Callable[[Endpoint], Connection], threads: int
    ) -> None:
        self._endpoint = endpoint
        self._connect = connect
        self._slots = asyncio.Semaphore(threads)
        self._run_lock: RunLock | None = None
        self._play: Play | None = None
        self._hosts: dict[tuple[str, str | None, int | None, int], LiveHost] = {}
        self._by_name: dict[tuple[str, int], LiveHost] = {}
        self._lanes: dict[str, int] = {}

    def hold(self, run_lock: RunLock) -> None:
        """Keep other runs off the hosts from here on."""
        self._run_lock = run_lock

    def enter(self, play: Play) -> None:
        """Begin a play, whose keywords may name another login user or port."""
        self._play = play
        self._by_name.clear()

    def host(self, name: str) -> LiveHost:
        """Return a host's live side; nothing is opened yet."""
        return self._host(name, 0)

    def here(self, name: str, origin: str) -> LiveHost:
        """Return this machine under its name, for what another host delegates to it.

        Many hosts may delegate to it at once, and nobody logs in, so there are several ways to it. No run keeps this
        machine for itself by that: what is delegated to it concerns other places, such as a load balancer's API.
        """
        return self._host(name, self._lanes.setdefault(origin, 1 + len(self._lanes) % _LANES))

    def _host(self, name: str, lane: int) -> LiveHost:
        live = self._by_name.get((name, lane))
        if live is None:
            try:
                endpoint = self._endpoint(name, self._play)
            except SecretError as error:
                # This host is out; the others may need none of the secrets that cannot be read.
                live = self._by_name[name, lane] = LiveHost(name, partial(_refuse, error), self._slots)
                return live
            key = (name, endpoint.user, endpoint.port, lane)
            live = self._hosts.get(key)
            if live is None:
                run_lock = self._run_lock if lane == 0 else None
                live = self._hosts[key] = LiveHost(name, lambda: self._connect(endpoint), self._slots, run_lock)
            self._by_name[name, lane] = live
        return live

    async def close(self) -> None:
        """Hang up everywhere, in parallel."""
        await asyncio.gather(*(host.close() for host in self._hosts.values()), return_exceptions=True)


def _refuse(error: SecretError) -> NoReturn:
    raise error


def _broken(connection: Connection, error: Exception) -> HostUnreachableError:
    """Return what an error that no connection may raise means: this host is out, the others are not."""
    kind = type(connection).__name__
    hint = "this is a bug of the connection's plugin; report it there"
    return HostUnreachableError(f"the connection {kind} broke: {type(error).__name__}: {error}", hint=hint)
