# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours, for terminals that have them."""

from __future__ import annotations

from typing import Final

from jetpack_core.records import Status

_RESET: Final = "\x1b[0m"
_CODES: Final = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "magenta": "35",
    "cyan": "36",
    "bold red": "1;31",
}
_OF_STATUS: Final = {
    Status.MATCHED: "green",
    Status.CREATED: "yellow",
    Status.MODIFIED: "yellow",
    Status.REMOVED: "yellow",
    Status.EXECUTED: "yellow",
    Status.PASSIVE: "cyan",
    Status.SKIPPED: "dim",
    Status.FAILED: "bold red",
    Status.IGNORED: "magenta",
    Status.UNREACHABLE: "bold red",
    Status.UNKNOWN: "magenta",
}


class Paint:
    """Wraps text in colours, or leaves it as it is.

    :param on: Whether the terminal shows colours.
    """

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, style: str) -> str:
        """Return text in a style; no style and no text stay bare."""
        return f"\x1b[{_CODES[style]}m{text}{_RESET}" if self.on and style and text else text

    def status(self, text: str, status: Status) -> str:
        """Return text in the colour of a status."""
        return self(text, _OF_STATUS[status])
