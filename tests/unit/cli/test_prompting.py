# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions at a real terminal: the command line in a pseudo-terminal, answered as a person would."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE = 60.0
PLAYBOOK = """
- name: p
  groups: [all]
  tasks:
    - !shell {name: first, cmd: "echo 1 >>log", cwd: "%s"}
    - !shell {name: second, cmd: "echo 2 >>log", cwd: "%s", with: {confirm: "Write the second line?"}}
"""


class Terminal:
    """`jetpack local` with a terminal of its own."""

    def __init__(self, folder: Path, *flags: str) -> None:
        (folder / "p.yml").write_text(PLAYBOOK.replace("%s", str(folder)))
        main, side = pty.openpty()
        environment = {**os.environ, "HOME": str(folder), "TERM": "xterm"}
        argv = [sys.executable, "-m", "jetpack_core.cli", "local", "-p", str(folder / "p.yml"), *flags]
        self.process = subprocess.Popen(argv, stdin=side, stdout=side, stderr=side, env=environment, cwd=folder)
        os.close(side)
        self._main = main
        self.seen = ""

    def wait_for(self, text: str) -> None:
        """Read until the terminal shows a text."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if not self._read():
                break
        before, found, self.seen = self.seen.partition(text)
        assert found, before

    def _read(self) -> bool:
        if not select.select([self._main], [], [], 1.0)[0]:
            return True
        try:
            data = os.read(self._main, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen += data.decode()
        return bool(data)

    def type(self, text: str) -> None:
        """Type at the keyboard."""
        os.write(self._main, text.encode())

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        os.close(self._main)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_an_answer_may_be_short_and_is_asked_for_again_where_it_is_none(
    tmp_path: Path, terminals: list[Terminal]
) -> None:
    terminal = Terminal(tmp_path)
    terminals.append(terminal)
    terminal.wait_for("Write the second line? [yes/no] ")
    terminal.type("perhaps\n")
    terminal.wait_for("Please answer yes or no; the first letter will do.")
    terminal.wait_for("Write the second line? [yes/no] ")
    terminal.type("Y\n")
    assert terminal.end() == 0
    assert (tmp_path / "log").read_text() == "1\n2\n"


def test_each_step_is_asked_about_and_quit_ends_the_run(tmp_path: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(tmp_path, "--step")
    terminals.append(terminal)
    terminal.wait_for("Run 'first' on localhost? [yes/no/all/quit] ")
    terminal.type("yes\n")
    terminal.wait_for("Run 'second' on localhost? [yes/no/all/quit] ")
    terminal.type("q\n")
    assert terminal.end() == 130
    assert (tmp_path / "log").read_text() == "1\n"


def test_the_end_does_not_say_that_a_host_matches_that_was_left_alone(
    tmp_path: Path, terminals: list[Terminal]
) -> None:
    terminal = Terminal(tmp_path, "--step")
    terminals.append(terminal)
    for task in ("first", "second"):
        terminal.wait_for(f"Run '{task}' on localhost? [yes/no/all/quit] ")
        terminal.type("no\n")
    terminal.wait_for("Nothing was changed, and 2 questions answered with no.")
    assert terminal.end() == 0
    assert not (tmp_path / "log").exists()


def test_the_end_tells_of_a_no_beside_what_was_changed(tmp_path: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(tmp_path)
    terminals.append(terminal)
    terminal.wait_for("Write the second line? [yes/no] ")
    terminal.type("n\n")
    terminal.wait_for("1 change, 1 question answered with no.")
    assert terminal.end() == 0


def test_the_end_of_the_input_is_a_no(tmp_path: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(tmp_path)
    terminals.append(terminal)
    terminal.wait_for("Write the second line? [yes/no] ")
    terminal.type("\x04")
    assert terminal.end() == 0
    assert (tmp_path / "log").read_text() == "1\n"


def test_an_interrupt_while_a_question_stands_ends_the_run(tmp_path: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(tmp_path)
    terminals.append(terminal)
    terminal.wait_for("Write the second line? [yes/no] ")
    terminal.process.send_signal(2)
    assert terminal.end() == 130
    assert (tmp_path / "log").read_text() == "1\n"


def test_step_needs_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text(PLAYBOOK.replace("%s", str(tmp_path)))
    argv = [sys.executable, "-m", "jetpack_core.cli", "local", "-p", "p.yml", "--step"]
    ran = subprocess.run(argv, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "no terminal to ask on" in ran.stderr
    assert not (tmp_path / "log").exists()


def test_a_closed_standard_input_is_nobody_to_ask(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text("- {name: p, groups: [all], tasks: [!echo {msg: hi}]}\n")
    argv = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "jetpack_core.cli", "local", "-p", "p.yml"]
    ran = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
