# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and texts are UTF-8 whatever the locale is; only a terminal gets what it can show."""

from __future__ import annotations

import os
import sys


def ensure_utf8() -> None:
    """Start anew in Python's UTF-8 mode (PEP 540) where the locale would read names and texts differently.

    A project is the same on every machine, so what it calls `grün` is the same file everywhere.
    """
    if sys.getfilesystemencoding() == "utf-8" or not sys.executable:
        return
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - our own command line


def speak_to_terminals() -> None:
    """Write to terminals as the locale says, where UTF-8 mode would not; what they cannot show is escaped."""
    if not sys.flags.utf8_mode:
        return
    import codecs
    import locale

    spoken = codecs.lookup(locale.getencoding()).name
    if spoken in {"utf-8", "ascii"}:
        return
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            stream.reconfigure(encoding=spoken, errors="backslashreplace")  # type: ignore[union-attr]
