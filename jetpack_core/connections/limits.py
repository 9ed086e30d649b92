# SPDX-License-Identifier: GPL-3.0-or-later
"""How many hosts are being connected to at once, and the threads in which that happens."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

CONNECTING_AT_ONCE: Final = 16
WRITING_AT_ONCE: Final = 16
_ATTRIBUTE: Final = "_jetpack_connect_limiter"


class ConnectLimiter:
    """Threads for handshakes, and for writes that may block; shared by the connections of one event loop."""

    def __init__(self) -> None:
        self._connecting = ThreadPoolExecutor(CONNECTING_AT_ONCE, "jetpack-connect")
        self._writing = ThreadPoolExecutor(WRITING_AT_ONCE, "jetpack-write")
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

    async def connecting(self, function: Callable[[], T]) -> T:
        """Run a handshake in a thread, once there is one free."""
        return await asyncio.get_running_loop().run_in_executor(self._connecting, function)

    async def writing(self, function: Callable[[], T]) -> T:
        """Run a write that may block in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writing, function)
