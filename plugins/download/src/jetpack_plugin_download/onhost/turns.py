# SPDX-License-Identifier: GPL-3.0-or-later
"""Several addresses, and several attempts. Python 3.6."""

import random
import time

from jetpack_plugin_download.onhost.session import Session
from jetpack_plugin_download.onhost.trouble import Refused, Trouble, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Request = dict[str, Any]
    Reply = dict[str, Any]

LONGEST_BACKOFF = 30.0
"""Seconds; what a server asks for by Retry-After may be longer, up to the request's `longest_wait`."""


class Turns:
    """Whom to ask next: one address after the other, and those that may yet answer again after a while."""

    def __init__(self, urls: "list[str]", request: "Request") -> None:
        self._urls = urls
        self._request = request
        self._attempt = 0
        self._refused = set()  # type: set[str]
        self._said = {}  # type: dict[str, str]
        self._waits = []  # type: list[float]

    def waiting(self) -> "list[str]":
        """Return the addresses to ask in this round."""
        return [url for url in self._urls if url not in self._refused]

    def failed(self, url: str, error: Exception) -> None:
        """Note why an address did not help."""
        self._said[url] = str(error)
        if not isinstance(error, Trouble):
            self._refused.add(url)
            return
        longest = float(self._request.get("longest_wait") or 0)
        if error.after is not None and error.after > longest:
            self._refused.add(url)
            self._said[url] += f", and asks to wait {error.after:.0f} s, which is too long"
            return
        backoff = min(LONGEST_BACKOFF, float(self._request.get("delay") or 0) * 2.0**self._attempt)
        self._waits.append(max(error.after or 0.0, backoff * random.uniform(0.5, 1.0)))  # noqa: S311

    def pause(self) -> "float | None":
        """Begin another round; returns the seconds to wait before it, or None when there is to be none."""
        if not self.waiting() or self._attempt >= int(self._request.get("retries") or 0):
            return None
        self._attempt += 1
        waits, self._waits = self._waits, []
        return min(waits) if waits else 0.0

    def reason(self) -> str:
        """Return what all of them said."""
        return "; ".join(f"{shown(url)}: {self._said[url]}" for url in self._urls if url in self._said)


def in_turn(session: Session, urls: "list[str]", ask: "Callable[[str], Reply]") -> "Reply":
    """Ask until an address helps; raises Refused when none does."""
    turns = Turns(urls, session.request)
    while True:
        for url in turns.waiting():
            try:
                return ask(url)
            except (Refused, Trouble) as error:
                turns.failed(url, error)
        pause = turns.pause()
        if pause is None:
            raise Refused(turns.reason())
        session.tell(turns.reason())
        time.sleep(pause)
