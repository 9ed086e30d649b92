# SPDX-License-Identifier: GPL-3.0-or-later
"""Room for many connections: the system's usual limit of open files is reached with a thousand hosts."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

_PER_HOST: Final = 4
"""A socket; pipes to a ProxyCommand or another program that carries the connection."""
_BESIDES: Final = 256


def make_room(hosts: int) -> None:
    """Raise this process's limit of open files as far as connections to so many hosts need, and the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hosts * _PER_HOST + _BESIDES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems have a lower limit than they say; whoever meets it is told then.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
