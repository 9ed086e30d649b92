# SPDX-License-Identifier: GPL-3.0-or-later
"""What was notified on hosts that failed, whose handlers had not run, for a run that begins those hosts anew.

A task that has changed something changes it once only, so nothing would notify its handler again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.engine.guests import shortened
from jetpack_core.engine.run_state import HostState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.engine.run_state import RunSketch, RunState

Subscribed = tuple[tuple[str, ...], ...]
"""What the handlers of each play listen to, in the order of the plays' sketches."""


def begin_anew(failed: RunState, now: RunSketch, subscribed: Subscribed) -> tuple[dict[str, HostState], list[str]]:
    """Return in which state hosts begin that failed, and what is to be said of that."""
    states: dict[str, HostState] = {}
    gone: dict[tuple[str, str], list[str]] = {}
    for name, before in failed.hosts.items():
        states[name] = HostState()
        for number, notified in {**before.waiting, before.play: before.notified}.items():
            for notification in notified:
                place = _place(failed.sketch, number, now)
                listening = zip(subscribed[place], now.plays[place].handlers, strict=True) if place is not None else ()
                handlers = {digest for heard, digest in listening if heard == notification}
                if place is None or not handlers:
                    gone.setdefault((failed.sketch.plays[number].name, notification), []).append(name)
                elif handlers - _handled(failed, before, number):
                    states[name].wait(place, notification)
    return states, [_told(failed, *what, hosts) for what, hosts in gone.items()]


def _place(then: RunSketch, number: int, now: RunSketch) -> int | None:
    """Return where a play is now, among others of its name as it was; None where it is gone."""
    name = then.plays[number].name
    rank = sum(play.name == name for play in then.plays[:number])
    same = [place for place, play in enumerate(now.plays) if play.name == name]
    return same[rank] if rank < len(same) else None


def _handled(failed: RunState, host: HostState, number: int) -> set[str]:
    """Return the handlers of a play that ran; each runs once, however often it was notified."""
    handlers = failed.sketch.plays[number].handlers
    return {handlers[index] for index in host.handled if index < len(handlers)} if number == host.play else set()


def _told(failed: RunState, play: str, notification: str, hosts: Sequence[str]) -> str:
    where = f"play {play!r} has no handler of {notification!r} any more"
    return f"{where}, which run {failed.sketch.run[:8]} had notified and not run on {shortened(hosts)}: see to it there"
