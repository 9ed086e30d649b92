# SPDX-License-Identifier: GPL-3.0-or-later
"""Room for many connections: the system's usual limit of open files is reached with a thousand hosts."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

_PER_HOST: Final = 4
"""A socket; pipes to a ProxyCommand or another program that carries the connection."""
_BESIDES: Final = 256
_FEWEST_BESIDES: Final = 48
"""What a run has open itself, at the least: standard streams, logs, the event loop, files on their way."""


def make_room(hosts: int) -> str:
    """Raise this process's limit of open files as far as connections to so many hosts need, and the system lets us.

    Returns a warning where the limit stays too low for one connection to every host, or nothing.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hosts * _PER_HOST + _BESIDES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems have a lower limit than they say.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    needed = hosts + _FEWEST_BESIDES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return ""
    return (
        f"{hosts} hosts at once need some {needed} open files, and this system allows {soft}: some may be out of reach "
        "for that alone; raise the hard limit (ulimit -Hn), or take fewer hosts with --limit-hosts"
    )
