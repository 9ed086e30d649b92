# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line in locales that are not UTF-8."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.unit.cli.conftest import Run

STRICT = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
SPEAKS = """
import locale
locale.getencoding = lambda: {encoding!r}
from jetpack_core.cli.encoding import speak_to_terminals
speak_to_terminals()
print("日本 ü")
"""


def test_names_of_files_are_utf8_in_any_locale(jetpack: Run, tmp_path: Path) -> None:
    (tmp_path / "grün").write_text("x")
    (tmp_path / "site.yml").write_text(
        f'- {{name: p, groups: [all], tasks: [!copy {{src: grün, dest: "{tmp_path}/ü"}}]}}\n', encoding="utf-8"
    )
    ran = jetpack("local", "-p", "site.yml", **STRICT)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "ü").read_text() == "x"


def spoken(encoding: str) -> bytes:
    """Return what a terminal is sent."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-X", "utf8", "-c", SPEAKS.format(encoding=encoding)]
    subprocess.run(argv, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, check=True, timeout=60)
    said = os.read(ours, 1000)
    os.close(ours)
    os.close(theirs)
    return said.strip()


def test_a_terminal_is_spoken_to_in_its_own_encoding() -> None:
    assert spoken("euc_jp").decode("euc_jp") == "日本 ü"
    assert spoken("latin-1") == b"\\u65e5\\u672c \xfc"
    assert spoken("ascii").decode() == "日本 ü"
