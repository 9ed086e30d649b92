# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Jetpack keeps what outlives a run on the control machine."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """Return this user's folder (XDG base directory specification); it need not be there yet."""
    given = Path(os.environ.get("XDG_STATE_HOME", ""))
    base = given if given.is_absolute() else Path.home() / ".local" / "state"
    return base / "jetpack"
