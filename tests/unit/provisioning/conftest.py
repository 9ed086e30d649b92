# SPDX-License-Identifier: GPL-3.0-or-later
"""A platform in a folder, so that the phase can be seen at work from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

_PLUGIN = '''
import json, os, time
from pathlib import Path
from jetpack_core.contracts.provisioner import Guest, GuestAction, GuestPlan, Provisioner
from jetpack_core.errors import JetpackError
from jetpack_core.hookspecs import Reference, hookimpl
from jetpack_core.records import Change


@hookimpl
def jetpack_register_provisioners():
    return [Reference("shelf", "shelf:Shelf", "Guests that are files")]


class Shelf(Provisioner):
    """Keep guests as files."""

    folder: Path
    memory: int = 256
    disk: int = 1
    image: str = "plain"
    start_on_create: bool = True
    cluster: str | None = None

    @property
    def needs_address(self):
        return False

    def _file(self, host):
        return self.folder / host

    def _log(self, what, host):
        with (self.folder / "log").open("a") as log:
            log.write(f"{what} {host}\\n")
        if (self.folder / f"fail-{what}-{host}").exists():
            raise JetpackError(f"the platform refuses to {what}", hint="ask it why")
        if (self.folder / f"break-{what}-{host}").exists():
            raise ZeroDivisionError(what)
        deadline = time.monotonic() + 60
        while (self.folder / f"hang-{what}-{host}").exists() and time.monotonic() < deadline:
            self.surroundings.check()
            time.sleep(0.02)

    def find(self, host):
        try:
            data = json.loads(self._file(host).read_text())
        except FileNotFoundError:
            return None
        return Guest(data["id"], host, data["running"], data.get("owned", True), data)

    def plan(self, host, guest):
        if guest is None:
            return GuestPlan(GuestAction.CREATE, (Change("memory", None, self.memory),))
        actions = {"disk": GuestAction.DRIFT, "image": GuestAction.REPLACE, "memory": GuestAction.UPDATE}
        for name, action in actions.items():
            if guest.data[name] != getattr(self, name):
                return GuestPlan(action, (Change(name, guest.data[name], getattr(self, name)),))
        return GuestPlan(GuestAction.NONE)

    def _write(self, guest, **data):
        data = {**guest.data, **data}
        self._file(guest.name).write_text(json.dumps(data))
        return Guest(guest.id, guest.name, data["running"], guest.owned, data)

    def create(self, host):
        self._log("create", host)
        guest = Guest(f"id-{host}", host, True, True, {})
        return self._write(
            guest, id=guest.id, running=self.start_on_create, memory=self.memory, disk=self.disk, image=self.image,
            api=self.surroundings.cluster.get("api"), of=self.surroundings.variables.get("inventory_hostname"),
        )

    def update(self, guest, plan):
        self._log("update", guest.name)
        return self._write(guest, memory=self.memory)

    def start(self, guest):
        self._log("start", guest.name)
        self._write(guest, running=True)

    def stop(self, guest):
        self._log("stop", guest.name)
        self._write(guest, running=False)

    def destroy(self, guest):
        self._log("destroy", guest.name)
        self._file(guest.name).unlink()

    def addresses(self, guest):
        return ()

    def details(self, guest):
        return {"node": "first"}

    def connection_variables(self, guest):
        return {"jet_connection": "local", "told_by_shelf": guest.id}
'''


class Site:
    """A project whose hosts are guests of the platform, and the command line to work on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shelf = folder / "shelf"
        self._plugins = folder / "plugins"
        for path in (self.shelf, self._plugins, folder / "home", folder / "inventory" / "groups"):
            path.mkdir(parents=True)
        (self._plugins / "shelf.py").write_text(_PLUGIN)
        about = self._plugins / "jetpack_provisioner_shelf-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: jetpack-provisioner-shelf\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[jetpack]\nshelf = shelf\n")
        self.write("inventory/groups/web", "hosts: [a, b, c]\n")
        self.write("inventory/group_vars/web", f"provision:\n  type: shelf\n  folder: {self.shelf}\n  memory: 256\n")
        tasks = f"    - !shell {{cmd: 'echo {{{{ inventory_hostname }}}} {{{{ told_by_shelf }}}} >> {folder}/done'}}\n"
        self.write("site.yml", f"- name: site\n  groups: [web]\n  tasks:\n{tasks}")

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a verb on the project."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET_", "XDG_"))}
        environment = {**kept, "HOME": str(self.folder / "home"), "NO_COLOR": "1", "PYTHONPATH": str(self._plugins)}
        return subprocess.Popen(
            [sys.executable, "-m", "jetpack_core.cli", words[0], "-i", "inventory", *words[1:]],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a verb on the project."""
        process = self.start(*words)
        output, complaint = process.communicate(timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, output, complaint)

    def guest(self, host: str) -> Mapping[str, object] | None:
        """Return a guest as the platform has it."""
        path = self.shelf / host
        # A guest that is being written is not there yet.
        text = path.read_text() if path.exists() else ""
        return json.loads(text) if text.endswith("}") else None

    @property
    def log(self) -> list[str]:
        """Return what was asked of the platform, sorted: guests are worked on at once."""
        path = self.shelf / "log"
        return sorted(path.read_text().splitlines()) if path.exists() else []

    @property
    def done(self) -> list[str]:
        """Return what the tasks of the playbook wrote, sorted."""
        path = self.folder / "done"
        return sorted(path.read_text().splitlines()) if path.exists() else []


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an empty platform and a project for it."""
    return Site(tmp_path / "site")
