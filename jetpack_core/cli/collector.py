# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps Python's garbage collector out of the way of a process that is short and makes little garbage.

Starting up and loading content makes many objects that live to the end; walking them again and again costs as much as
reading them. Measured on a run against one host: 60 ms less CPU at the start, 90 ms less at the end.
"""

from __future__ import annotations

import gc
from typing import Final

_THRESHOLD: Final = 50_000
"""New objects between collections while a run is under way; the default is 700."""


def pause() -> None:
    """Stop collecting, while the program starts and content is loaded."""
    gc.disable()


def resume() -> None:
    """Collect what a run makes, and leave alone what there was before it; does nothing unless paused."""
    if gc.isenabled():
        return
    gc.freeze()
    gc.set_threshold(_THRESHOLD)
    gc.enable()


def leave() -> None:
    """Spare the interpreter a last walk over everything when it ends."""
    gc.disable()
    gc.freeze()
