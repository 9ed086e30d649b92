# SPDX-License-Identifier: GPL-3.0-or-later
"""A terminal of tmux, whose screen can be read, and what was written to it recorded."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 120.0
_RECORDER = """
import json, os, sys, time
out, width, height = open(sys.argv[1], "w", buffering=1), int(sys.argv[2]), int(sys.argv[3])
out.write(json.dumps({"version": 2, "width": width, "height": height, "env": {"TERM": "screen-256color"}}) + "\\n")
began, rest = time.monotonic(), b""
while data := os.read(0, 65536):
    data, rest = rest + data, b""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        text, rest = data[: error.start].decode(), data[error.start :]
    out.write(json.dumps([round(time.monotonic() - began, 4), "o", text]) + "\\n")
"""


class Terminal:
    """One window of a tmux server of its own, in which a command runs.

    :param recording: Where an asciicast (version 2) of all that is shown goes.
    """

    def __init__(
        self, folder: Path, command: list[str], recording: Path, *, width: int = 100, height: int = 30
    ) -> None:
        self.recording = recording
        self._socket = str(folder / "tmux")
        self._done = folder / "done"
        self._go = folder / "go"
        recorder = folder / "record.py"
        recorder.write_text(_RECORDER)
        # Begins once the recorder listens.
        script = (
            f"until test -e {shlex.quote(str(self._go))}; do sleep 0.05; done; clear; {shlex.join(command)}; "
            f"echo $? >{shlex.quote(str(self._done))}; sleep 600"
        )
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "sh", "-c", script)
        into = shlex.join([sys.executable, str(recorder), str(recording), str(width), str(height)])
        self._tmux("pipe-pane", "-O", into)
        self._await(recording.exists)
        self._go.touch()

    def _tmux(self, *words: str) -> str:
        argv = ["tmux", "-S", self._socket, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout

    def _await(self, condition: object) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < deadline, "the terminal does not come to its end"
            time.sleep(0.02)

    def screen(self) -> str:
        """Return what the screen shows now."""
        return self._tmux("capture-pane", "-p")

    @property
    def over(self) -> bool:
        """Tell whether the command has ended."""
        return self._done.exists() and self._done.read_text().endswith("\n")

    def end(self) -> int:
        """Wait for the command's end, and for all it wrote; returns the exit code."""
        self._await(lambda: self.over)
        self._tmux("pipe-pane")
        self._await(lambda: self.recording.read_text().endswith("\n"))
        return int(self._done.read_text())

    def frames(self) -> list[tuple[float, str]]:
        """Return what was recorded: seconds and what was written."""
        return [(one[0], one[2]) for one in map(json.loads, self.recording.read_text().splitlines()[1:])]

    def close(self) -> None:
        """End everything in the terminal."""
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], check=False, capture_output=True)
