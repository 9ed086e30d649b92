# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are provisioned before the plays of a run."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import HostKeyError, HostUnreachableError
from jetpack_core.events import HostUnreachable, Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jetpack_core.content.model import Play
    from jetpack_core.engine.context import HostRun, RunContext
    from jetpack_core.provisioning.landing import Landing
    from jetpack_core.provisioning.records import GuestRecord
    from jetpack_core.provisioning.survey import Surveyed

_MANY: Final = 8
"""Names that are told at most."""


class Guests:
    """What a run knows of its provisioned hosts."""

    def __init__(self, guests: Sequence[Surveyed]) -> None:
        self.host_keys: dict[str, tuple[str, ...]] = {}
        """Pinned keys by host."""
        self.meetings: dict[str, Callable[[str], None]] = {}
        """For hosts that this run made and whose keys nobody knows: what pins the first key that is seen."""
        self.differing = 0
        """Hosts that are left as they are although they differ."""
        self._guests = guests
        self._away: set[str] = set()
        self._missing: set[str] = set()
        self._awaited: dict[str, Landing] = {}

    async def provision(self, context: RunContext, host: Callable[[str], HostRun]) -> None:
        """Converge all guests; those that fail leave the run, the others are known to the inventory afterwards."""
        if not self._guests:
            return
        from jetpack_core.provisioning.landing import Fate
        from jetpack_core.provisioning.phase import Provisioning

        settings = context.settings
        phase = Provisioning(
            self._guests,
            context.events.send,
            planning=settings.planning or not settings.provision,
            quiet=not settings.provision,
            threads=settings.threads,
            stream=settings.stream_output,
        )
        runs = {guest.host: host(guest.host) for guest in self._guests}
        for name, landing in (await phase.run()).items():
            self.differing += landing.differs
            if landing.fate is Fate.LOST:
                runs[name].lost = True
            elif landing.fate is Fate.AWAY:
                self._away.add(name)
                if settings.planning and landing.done.request.wish.stays:
                    self._missing.add(name)
                if not settings.provision:
                    context.events.send(Warned(msg="it is not running, so it is left out", host=name))
            else:
                self._learn(context, landing)

    def _learn(self, context: RunContext, landing: Landing) -> None:
        context.inventory.learn(landing.host, landing.variables)
        if landing.record is not None and landing.record.host_keys:
            self.host_keys[landing.host] = landing.record.host_keys
        elif landing.record is not None and landing.fresh:
            self.meetings[landing.host] = FirstKey(landing.record, self.host_keys).pin
        if landing.awaited:
            self._awaited[landing.host] = landing

    def there(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the hosts that are not stopped or absent by intent."""
        return tuple(name for name in names if name not in self._away)

    def missing(self, names: Iterable[str]) -> str:
        """Return those of the hosts that only a run would make or start, as a list to read; empty for none."""
        return shortened([name for name in names if name in self._missing])

    async def reach(self, context: RunContext, play: Play | None, hosts: Iterable[HostRun]) -> None:
        """Wait until hosts that were started in this run can be logged in to; those that cannot leave the run."""
        waiting = [(host, self._awaited.pop(host.name)) for host in hosts if host.name in self._awaited]
        if waiting:
            if play is not None:
                context.pool.enter(play)
            await asyncio.gather(*(_wait(context, host, landing) for host, landing in waiting))


def shortened(names: Sequence[str]) -> str:
    """Return names as a list to read, of many only the first."""
    more = len(names) - _MANY
    return ", ".join(names[:_MANY]) + (f" and {more} more" if more > 0 else "")


class FirstKey:
    """Pins the first key that a host of this run shows: for this run, and for later ones.

    Nobody can have known the host before, and its platform told the address; so the first key is as good as it gets
    where the platform has no way to tell the keys themselves.
    """

    def __init__(self, record: GuestRecord, pinned: dict[str, tuple[str, ...]]) -> None:
        self._record = record
        self._pinned = pinned
        self._lock = threading.Lock()

    def pin(self, key: str) -> None:
        """Trust a key. Raises HostKeyError for a second one, and JetpackError where it cannot be kept."""
        from jetpack_core.provisioning.records import KeySource, remember

        with self._lock:
            known = self._pinned.get(self._record.host)
            if known == (key,):
                return
            if known is not None:
                message = f"{self._record.host} showed two different host keys in one run"
                raise HostKeyError(message, hint="something else answers at its address as well")
            remember(replace(self._record, host_keys=(key,), key_source=KeySource.FIRST_SEEN))
            self._pinned[self._record.host] = (key,)


async def _wait(context: RunContext, host: HostRun, landing: Landing) -> None:
    wish = landing.done.request.wish
    try:
        await context.pool.host(host.name).reconnect(wish.wait_timeout, wish.wait_delay)
    except HostUnreachableError as error:
        host.lost = True
        context.events.send(HostUnreachable(host=host.name, msg=error.message, hint=error.hint))
