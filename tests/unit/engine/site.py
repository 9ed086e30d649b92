# SPDX-License-Identifier: GPL-3.0-or-later
"""A project on disk, run by the command line on this machine, which stands in for every host of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from jetpack_core.cli.main import main


@dataclass(frozen=True)
class Ran:
    """How a verb ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, object]]:
        """Return the events of `--json`."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    def results(self, **wanted: object) -> list[dict[str, object]]:
        """Return the results whose fields are as wanted."""
        found = (event for event in self.events if event["event"] == "host_result")
        return [one for one in found if all(one.get(name) == value for name, value in wanted.items())]

    def statuses(self, **wanted: object) -> list[object]:
        """Return their statuses, in order."""
        return [one["status"] for one in self.results(**wanted)]

    def messages(self, **wanted: object) -> list[object]:
        """Return their messages, in order."""
        return [one.get("msg", "") for one in self.results(**wanted)]


class Site:
    """The project's folder; the text of each file is written as it is given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("inventory/groups/web", "hosts: [a]\n")
        self.write("inventory/group_vars/all", "jet_connection: local\n")
        (folder / "home").mkdir()

    def write(self, name: str, text: str, *, executable: bool = False) -> Path:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if executable:
            path.chmod(0o755)
        return path

    def remove(self, name: str) -> None:
        """Remove a file."""
        (self.folder / name).unlink()

    def run(self, *arguments: str, **environment: str) -> Ran:
        """Run any verb in the project's folder."""
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            env = {"HOME": str(self.folder / "home"), "NO_COLOR": "1", **environment}
            result = CliRunner().invoke(main, arguments, env=env, prog_name="jetpack")
        finally:
            os.chdir(before)
        return Ran(result.exit_code, result.stdout, result.stderr)

    def apply(self, playbook: str, *arguments: str, verb: str = "apply", **environment: str) -> Ran:
        """Write a playbook and run it."""
        self.write("site.yml", playbook)
        return self.run(verb, "-p", "site.yml", "-i", "inventory", "--json", *arguments, **environment)
