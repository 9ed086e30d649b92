# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a session with a host: wait for it in the event loop, then shake hands and log in, in a thread."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from jetpack_core.connections.ssh_reach import DroppedError, Limit, look_up, reach
from jetpack_core.connections.ssh_session import (
    LOG_CHANNEL,
    Attempt,
    SshSession,
    called_off,
    go_on,
    log_in,
    pause,
)
from jetpack_core.connections.ssh_settings import SshSettings, jump_endpoint, may_wait, read_config, settings
from jetpack_core.connections.ssh_transport import EagerTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from paramiko import SSHConfig

    from jetpack_core.connections.limits import ConnectLimiter, Place
    from jetpack_core.connections.ssh_reach import EagerSocket
    from jetpack_core.contracts.connection import Endpoint

T = TypeVar("T")


async def open_session(endpoint: Endpoint, limiter: ConnectLimiter, use: Callable[[SshSession, SshSettings], T]) -> T:
    """Reach a host, log in, and return what `use` makes of the session, in a thread.

    Raises HostUnreachableError, AuthenticationError, HostKeyError.
    """
    quiet = logging.getLogger(LOG_CHANNEL)
    if not quiet.handlers:
        # paramiko logs what it raises as well; without a handler that would end up on the terminal.
        quiet.addHandler(logging.NullHandler())
    config = limiter.shared("ssh config", read_config)
    if limiter.shared("ssh config may wait", lambda: may_wait(config)):
        stops = await limiter.preparing(lambda: _stops(endpoint, config))
    else:
        stops = _stops(endpoint, config)
    opening = _Opening(stops, limiter, use)
    try:
        if stops[0].proxy_command:
            return await limiter.connecting(opening.run)
        return await opening.by_network()
    except asyncio.CancelledError:
        opening.attempt.call_off()
        raise


def _stops(endpoint: Endpoint, config: SSHConfig) -> list[SshSettings]:
    """Return the jump hosts on the way, and the host."""
    target = settings(endpoint, config)
    return [*(settings(jump_endpoint(hop, target), config) for hop in target.jumps), target]


@dataclass
class _Opening(Generic[T]):
    """One session that is being opened."""

    stops: list[SshSettings]
    limiter: ConnectLimiter
    use: Callable[[SshSession, SshSettings], T]
    attempt: Attempt = field(default_factory=Attempt)

    async def by_network(self) -> T:
        """Reach the first server, and go on from there; one that hangs up early is tried again for a while."""
        first = self.stops[0]
        limit = Limit(first.timeout)
        addresses = await look_up(first, self.limiter, limit)
        greeting = EagerTransport.greeting()
        async with self.limiter.server(addresses[0][4]) as place:
            number = 0
            while True:
                try:
                    async with self.limiter.waiting:
                        sock = await reach(first, addresses, limit, greeting)
                    place.keep()
                    return await self._over(sock, place, limit)
                except DroppedError as error:
                    delay = pause(first, number, limit.left, error)
                place.keep()
                number += 1
                limit.left -= delay
                await asyncio.sleep(delay)

    async def _over(self, sock: EagerSocket, place: Place, limit: Limit) -> T:
        try:
            return await self.limiter.connecting(lambda: self.run(sock, place, limit))
        except BaseException:
            sock.close()
            raise

    def run(self, sock: EagerSocket | None = None, place: Place | None = None, limit: Limit | None = None) -> T:
        """Log in everywhere on the way, to the first server over a socket that is given; blocks."""
        stops = list(self.stops)
        try:
            if sock is not None and place is not None and limit is not None:
                self._enter(stops.pop(0), sock, limit)
                place.give_back_soon()
            for number, stop in enumerate(stops, 1):
                go_on(stop, self.attempt, last=number == len(stops))
            used = self.use(SshSession(self.attempt.transports), self.stops[-1])
            if self.attempt.called_off.is_set():
                raise called_off(self.stops[-1])
        except BaseException:
            SshSession(self.attempt.transports).close()
            raise
        return used

    def _enter(self, first: SshSettings, sock: EagerSocket, limit: Limit) -> None:
        end = time.monotonic() + limit.left
        try:
            log_in(first, sock, self.attempt, end, last=len(self.stops) == 1)
        finally:
            limit.left = end - time.monotonic()
