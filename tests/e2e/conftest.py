# SPDX-License-Identifier: GPL-3.0-or-later
"""A project on disk, a home of its own, and the real command line in a process of its own."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.conftest import fleet, new_host  # noqa: F401 - fixtures
from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.session import Fleet

SITE = Path(__file__).parent / "site"


@dataclass(frozen=True)
class Ran:
    """How a command line ended."""

    code: int
    out: str
    err: str = ""

    @property
    def events(self) -> list[dict[str, object]]:
        """Return the JSON lines of `--json`."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    def results(self, *fields: str) -> list[tuple[object, ...]]:
        """Return some fields of every result of a host, sorted."""
        found = [event for event in self.events if event["event"] == "host_result"]
        return sorted((tuple(event.get(name) for name in fields) for event in found), key=repr)

    def statuses(self) -> set[object]:
        """Return the statuses that occurred."""
        return {status for (status,) in self.results("status")}


class Project:
    """An operator's folder and home."""

    def __init__(self, folder: Path, session: Fleet, hosts: Sequence[SshHost], user: str) -> None:
        self.folder = folder / "project"
        self.home = folder / "home"
        shutil.copytree(SITE, self.folder)
        inventory = self.folder / "inventory"
        (inventory / "groups").mkdir(parents=True)
        (inventory / "groups" / "web").write_text(json.dumps({"hosts": [host.name for host in hosts]}))
        (inventory / "host_vars").mkdir()
        for host in hosts:
            self.place(host, host.address, host.port)
        (inventory / "group_vars").mkdir()
        hostile = "a 'b' \"c\" $(touch /tmp/pwned) `id` ; | & \\ * ~ \t ü"
        (inventory / "group_vars" / "all").write_text(json.dumps({"jet_ssh_user": user, "everything": hostile}))
        ssh = self.home / ".ssh"
        ssh.mkdir(parents=True, mode=0o700)
        shutil.copy(session.keys.plain, ssh / "id_ed25519")
        (ssh / "known_hosts").write_text("".join(host.known_hosts_lines() for host in hosts))

    def place(self, host: SshHost, address: str, port: int) -> None:
        """Say where a host is."""
        variables = {"jet_ssh_hostname": address, "jet_ssh_port": port}
        (self.folder / "inventory" / "host_vars" / host.name).write_text(json.dumps(variables))

    def add(self, name: str, address: str, port: int) -> None:
        """Add a host, as the last one of its group."""
        group = self.folder / "inventory" / "groups" / "web"
        hosts = [one for one in json.loads(group.read_text())["hosts"] if one != name]
        group.write_text(json.dumps({"hosts": [*hosts, name]}))
        variables = {"jet_ssh_hostname": address, "jet_ssh_port": port}
        (self.folder / "inventory" / "host_vars" / name).write_text(json.dumps(variables))

    def environment(self) -> dict[str, str]:
        """Return an environment in which only this project and home are known."""
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        return {"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8", "PYTHONWARNINGS": "error::ResourceWarning"}

    def argv(self, *arguments: str) -> list[str]:
        """Return the command line, with this project's inventory and playbook where the verb takes them."""
        named = ["-i", "inventory", "-p", "site.yml"] if arguments[0] in {"apply", "plan", "check"} else []
        return [sys.executable, "-m", "jetpack_core.cli", *arguments[:1], *named, *arguments[1:]]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command line without waiting for it."""
        return subprocess.Popen(
            self.argv(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Ran:
        """Run the command line to its end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=240)
        return Ran(process.returncode, out, err)

    def run_on_terminal(self, *arguments: str, answers: Sequence[tuple[str, str]] = (), width: int = 100) -> Ran:
        """Run the command line on a terminal, typing each answer once its prompt has been shown."""
        own, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, width))

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            self.argv(*arguments),
            cwd=self.folder,
            env={**self.environment(), "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=take_terminal,  # noqa: PLW1509 - the only way to give a child a controlling terminal
        )
        os.close(theirs)
        shown = _converse(own, list(answers), deadline=time.monotonic() + 240)
        os.close(own)
        return Ran(process.wait(timeout=30), shown)


def _converse(terminal: int, answers: list[tuple[str, str]], deadline: float) -> str:
    shown = b""
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
        if answers and answers[0][0].encode() in shown:
            os.write(terminal, f"{answers.pop(0)[1]}\n".encode())
    return shown.decode(errors="replace")


MakeProject = Callable[..., Project]


@pytest.fixture
def project(tmp_path: Path, fleet: Fleet) -> MakeProject:  # noqa: F811
    """Return a function that makes a project for some hosts."""
    return lambda hosts, user="deploy": Project(tmp_path, fleet, hosts, user)
