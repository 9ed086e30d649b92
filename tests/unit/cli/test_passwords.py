# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords are asked for on the terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

ASK = "from jetpack_core.cli.passwords import ask_password; print('got', ask_password('Password for sudo', '--x'))"


def test_what_is_typed_at_the_terminal_is_not_shown() -> None:
    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-c", f"{ASK[:-1]} == 'sécret')"])  # noqa: S606
    shown = b""
    while b"sudo: " not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, "sécret\n".encode())
    try:
        while more := os.read(terminal, 1024):
            shown += more
    except OSError:
        pass  # the other end has closed the terminal
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert status == 0
    assert shown.decode().split() == ["Password", "for", "sudo:", "got", "True"]


def test_without_a_terminal_standard_input_is_not_taken_for_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        input="secret\n", capture_output=True, text=True, check=False, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "--x needs a terminal to ask on" in done.stderr
    assert "got" not in done.stdout
