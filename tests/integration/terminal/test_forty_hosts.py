# SPDX-License-Identifier: GPL-3.0-or-later
"""Forty hosts watched at a terminal: calm, complete, and gone from the screen at the end."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest

from tests.integration.terminal.forty import make
from tests.integration.terminal.tmux import Terminal

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux")]
ERASE = "\x1b[2K"


def test_a_run_on_forty_hosts_is_calm_to_watch(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, make(tmp_path), tmp_path / "run.cast")
    screens = set()
    try:
        while not terminal.over:
            screens.add(terminal.screen())
            time.sleep(0.1)
        code, last = terminal.end(), terminal.screen()
    finally:
        terminal.close()
    assert code == 0, last
    watched = "\n".join(screens)
    assert re.search(r"\[4/5\] the site is warmed up, 39 of 40 hosts, 40 changed, waiting for web38, \d+ s", watched), (
        watched
    )
    frames = terminal.frames()
    written = "".join(text for _, text in frames)
    # The line at the bottom is drawn in place, a few times a second at most, and nothing else ever is.
    assert not re.search(r"\x1b\[\d*[ABCDEFGHJ]", written.partition("PLAY")[2])
    seconds = frames[-1][0] - frames[0][0]
    assert written.count(ERASE) <= 12 * seconds + 10
    assert "TIMINGS of 6 tasks" in written
    assert "changes on 40 of 40 hosts." in last
    assert "[4/5]" not in last
