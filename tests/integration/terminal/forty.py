# SPDX-License-Identifier: GPL-3.0-or-later
"""A project of forty hosts, each a folder of this machine; `python -m tests.integration.terminal.forty` records it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.integration.terminal.tmux import Terminal

RECORDING = Path("docs/recordings/forty-hosts.cast")
COUNT = 40
PLAYBOOK = """
- name: web servers
  groups: [web]
  tasks:
    - !directory {name: the site's folder, path: "{{ root }}/site"}
    - !template {name: the site's page, src: page.j2, dest: "{{ root }}/site/index.html"}
    - !copy
      name: the site's configuration
      dest: "{{ root }}/site.conf"
      content: "listen 80;\\n"
      and: {notify: reload}
    - !command {name: the site is warmed up, cmd: [sleep, "{{ warm_up }}"], changed_when: "false"}
    - !copy {name: robots are told, dest: "{{ root }}/site/robots.txt", content: "User-agent: *\\n"}
  handlers:
    - !shell {name: reload the server, cmd: "touch {{ root | quote }}/reloaded", with: {subscribe: reload}}
"""


def make(folder: Path) -> list[str]:
    """Write the project; half of the hosts have the site already. Returns the command that applies it."""
    inventory = folder / "inventory"
    (inventory / "groups").mkdir(parents=True)
    (inventory / "group_vars").mkdir()
    (inventory / "host_vars").mkdir()
    names = [f"web{number:02}" for number in range(1, COUNT + 1)]
    (inventory / "groups" / "web").write_text(f"hosts: [{', '.join(names)}]\n")
    (inventory / "group_vars" / "all").write_text("jet_connection: local\nwarm_up: 0.2\n")
    (folder / "page.j2").write_text("<h1>{{ inventory_hostname }}</h1>\n")
    (folder / "site.yml").write_text(PLAYBOOK)
    for number, name in enumerate(names):
        root = folder / "hosts" / name
        root.mkdir(parents=True)
        slow = "warm_up: 7\n" if number + 3 == COUNT else ""
        (inventory / "host_vars" / name).write_text(f"root: {root}\n{slow}")
        if number % 2:
            (root / "site").mkdir()
            (root / "site.conf").write_text("listen 80;\n")
    home = folder / "home"
    home.mkdir()
    jetpack = [sys.executable, "-m", "jetpack_core.cli", "apply", "-p", str(folder / "site.yml"), "-i", str(inventory)]
    return ["env", f"HOME={home}", "JET_LOCK_TIMEOUT=off", *jetpack, "--profile"]


def main() -> int:
    """Record the project being applied."""
    with tempfile.TemporaryDirectory() as folder:
        terminal = Terminal(Path(folder), make(Path(folder)), RECORDING.absolute())
        try:
            code = terminal.end()
        finally:
            terminal.close()
    # What stands in the documentation does not say where it was made.
    RECORDING.write_text(RECORDING.read_text().replace(folder, "/srv/project"))
    return code


if __name__ == "__main__":
    sys.exit(main())
