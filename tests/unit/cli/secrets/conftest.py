# SPDX-License-Identifier: GPL-3.0-or-later
"""A project with secrets, keys of every type, and a terminal to type at."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from jetpack_core.cli.main import main
from jetpack_core.secrets.age import generate_key

PATIENCE = 120

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Key:
    """A private key in a file, and its recipient."""

    file: Path
    recipient: str


def age_key(file: Path) -> Key:
    private, public = generate_key()
    return _private(file, f"{private}\n", public)


def _private(file: Path, text: str, public: str) -> Key:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
    return Key(file, public)


def ssh_key(file: Path, kind: str) -> Key:
    bits = ["-b", "2048"] if kind == "rsa" else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *bits, "-N", "", "-C", "", "-f", str(file)], check=True)
    return Key(file, " ".join(file.with_suffix(".pub").read_text().split()[:2]))


@dataclass(frozen=True)
class Project:
    """A folder with rules, and the key of whoever works in it."""

    folder: Path
    key: Key
    run: Run

    def secrets(self, *words: str | Path, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a verb that must succeed."""
        done = self.try_secrets(*words, stdin=stdin, **environment)
        assert done.returncode == 0, done.stderr
        return done

    def try_secrets(self, *words: str | Path, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a verb."""
        return self.run("secrets", *map(str, words), cwd=self.folder, stdin=stdin, **environment)

    def rules(self, text: str) -> None:
        (self.folder / ".jetpack-secrets.yml").write_text(text)

    def rules_for(self, *recipients: str) -> None:
        """Let all files be for some recipients."""
        names = [f"  r{number}: {one}\n" for number, one in enumerate(recipients)]
        listed = ", ".join(f"r{number}" for number in range(len(recipients)))
        self.rules(f"recipients:\n{''.join(names)}rules:\n  - paths: '**'\n    recipients: [{listed}]\n")

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def invoke_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process, with something to read."""
    ours = ("JET_", "JETPACK_", "XDG_", "VISUAL", "EDITOR")
    for name in [name for name in os.environ if name.startswith(ours)]:
        monkeypatch.delenv(name)

    def run(*words: str, cwd: Path, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(cwd)
        kept = {"HOME": str(tmp_path / "home"), "NO_COLOR": "1", **environment}
        result = CliRunner().invoke(main, words, env=kept, prog_name="jetpack", input=stdin)
        return subprocess.CompletedProcess(words, result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def project(tmp_path: Path, invoke_with: Run) -> Project:
    """Return a project whose user has a key in the usual file."""
    folder = tmp_path / "project"
    folder.mkdir()
    key = age_key(tmp_path / "home/.config/jetpack/identity.txt")
    made = Project(folder, key, invoke_with)
    made.rules_for(key.recipient)
    return made


Type = Callable[..., tuple[int, str]]


@pytest.fixture
def at_terminal(tmp_path: Path) -> Type:
    """Run a program at a terminal of its own, and answer what it asks."""

    def run(words: Sequence[str], answers: Sequence[str], *, cwd: Path, **environment: str) -> tuple[int, str]:
        child, terminal = pty.fork()
        if not child:
            os.chdir(cwd)
            os.environ.update({"HOME": str(tmp_path / "home"), "NO_COLOR": "1", "TERM": "dumb", **environment})
            os.execvp(words[0], [*words])  # noqa: S606
        try:
            return _converse(child, terminal, list(answers))
        finally:
            os.close(terminal)

    return run


def _converse(child: int, terminal: int, answers: list[str]) -> tuple[int, str]:
    """Type an answer whenever a line ends in a colon or question; return the exit code and what was shown."""
    import select

    shown = b""
    asked = 0
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            more = os.read(terminal, 4096)
        except OSError:
            break
        if not more:
            break
        shown += more
        tail = shown[asked:].rsplit(b"\n", 1)[-1]
        if answers and tail.rstrip().endswith((b":", b"]", b"?")):
            asked = len(shown)
            os.write(terminal, f"{answers.pop(0)}\n".encode())
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown.decode()


JETPACK = (sys.executable, "-m", "jetpack_core.cli")
