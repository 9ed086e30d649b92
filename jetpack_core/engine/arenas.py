# SPDX-License-Identifier: GPL-3.0-or-later
"""One heap for all threads: glibc otherwise gives many threads several, each of which keeps what was freed in it."""

from __future__ import annotations

import contextlib
from typing import Final

_MANY: Final = 16
_M_ARENA_MAX: Final = -8
"""mallopt(3)."""


def share_heap(hosts: int) -> None:
    """Let the threads of connections to many hosts share one heap; they take turns by Python's own lock anyway."""
    if hosts < _MANY:
        return
    # A Python may have been built without ctypes. Other C libraries have no such function, and no such heaps.
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
