# SPDX-License-Identifier: GPL-3.0-or-later
"""One heap for all threads: glibc otherwise gives many threads several, each of which keeps what was freed in it."""

from __future__ import annotations

from typing import Final

_MANY: Final = 16
_M_ARENA_MAX: Final = -8
"""mallopt(3)."""


def share_heap(hosts: int) -> None:
    """Let the threads of connections to many hosts share one heap; they take turns by Python's own lock anyway."""
    if hosts < _MANY:
        return
    import ctypes

    # Other C libraries have no such function, and no such heaps.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
