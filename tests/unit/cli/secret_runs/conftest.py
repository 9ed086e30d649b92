# SPDX-License-Identifier: GPL-3.0-or-later
"""A project with secrets, and the command line to run it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from jetpack_core.secrets import age
from jetpack_core.secrets.binding import place_of, seal
from tests.unit.cli.conftest import Run

SECRET = "Sw0rdfish/und-mehr"
OTHER = "Kn0blauch & Öl"


class Project:
    """A project whose secrets are for one key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        private, public = age.generate_key()
        self.recipient = age.parse_recipient(public, None)
        self.key = folder / "key.txt"
        self.key.write_text(f"{private}\n")
        self.key.chmod(0o600)
        (folder / ".jetpack-secrets.yml").touch()
        for name in ("inventory/groups", "inventory/host_vars", "inventory/group_vars", "files", "templates"):
            (folder / name).mkdir(parents=True)
        self.write("inventory/groups/web", "hosts: [localhost]\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.folder / name
        path.write_text(text)
        return path

    def value(self, file: str, *parts: str | int, value: str = SECRET) -> str:
        """Return an encrypted value as YAML has it, for a key at the top."""
        plaintext = seal(value, place_of(self.folder / file, parts))
        armor = age.encrypt(plaintext, [self.recipient], armored=True).decode()
        return "!age |\n" + "".join(f"    {line}\n" for line in armor.splitlines())

    def encrypted(self, name: str, text: str) -> None:
        """Write a wholly encrypted file."""
        (self.folder / name).write_bytes(age.encrypt(text.encode(), [self.recipient], armored=False))

    def playbook(self, *tasks: str, extra: str = "") -> None:
        """Write the playbook."""
        listed = "".join(f"    - {task}\n" for task in tasks)
        self.write("site.yml", f"- name: p\n  groups: [all]\n{extra}  tasks:\n{listed}")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write("inventory/host_vars/localhost", "password: " + made.value("inventory/host_vars/localhost", "password"))
    return made


@pytest.fixture
def local(invoke: Run, project: Project) -> Run:
    """Run a verb on this machine with the project's key."""

    def run(verb: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return invoke(
            verb, "-p", "site.yml", "-i", "inventory", *arguments, JETPACK_AGE_IDENTITY_FILE="key.txt", **environment
        )

    return run


@pytest.fixture
def keyless(invoke: Run, project: Project) -> Run:
    """Run a verb on this machine without any key."""
    return lambda verb, *arguments: invoke(verb, "-p", "site.yml", "-i", "inventory", *arguments)


def copy(folder: Path, content: str, name: str = "out") -> str:
    return f"!copy {{content: {json.dumps(content)}, dest: {folder / name}}}"


def everything(ran: subprocess.CompletedProcess[str], folder: Path) -> str:
    """Return all that a run printed, and its log."""
    logs = "".join(log.read_text() for log in folder.glob("home/.local/state/jetpack/runs/*/*"))
    return f"{ran.stdout}{ran.stderr}{logs}"
