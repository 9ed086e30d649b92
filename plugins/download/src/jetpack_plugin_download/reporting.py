# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a transfer is, as the client says it, handed on to the run."""

from __future__ import annotations

import re
from typing import Final

from jetpack_core.contracts.host import Host

_SAID: Final = re.compile(r"(\d{1,15}) of (?:(\d{1,15})|\?) bytes")
_LONGEST: Final = 1000


class Reporter:
    """Hands on what the client says; from the control machine as a text, from a host as its output."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._rest = ""

    def hear(self, message: str) -> None:
        """Take one message."""
        said = _SAID.fullmatch(message)
        if said is not None:
            self._host.progress(int(said[1]), int(said[2]) if said[2] else None)

    def listen(self, stream: str, data: bytes) -> None:
        """Take what the client prints."""
        if stream != "stderr":
            return
        *lines, rest = (self._rest + data.decode("utf-8", "replace")).split("\n")
        self._rest = rest[-_LONGEST:]
        for line in lines:
            self.hear(line)
