# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack init`: begin a project that runs as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from jetpack_core.errors import UsageError

FILES: Final = {
    ".jetpack.yml": """\
# What the flags would otherwise say; paths are relative to this file.
playbook: site.yml
inventory: inventory
roles: roles
""",
    "inventory/groups/web": """\
hosts:
  - web1.example.com
""",
    "inventory/group_vars/all.yml": """\
owner: operations
""",
    "inventory/group_vars/web.yml": """\
# Lists from several places are joined: these hosts have the page `index` of the play as well.
pages: [status]
""",
    "site.yml": """\
- name: web servers
  groups: [all]
  roles:
    - role: motd
  defaults:
    pages: [index]
    root: /tmp/jetpack-example
  tasks:
    - !directory
      name: folder for the pages
      path: "{{ root }}"
    - !copy
      name: the pages
      content: |
        This is {{ item }}.
      dest: "{{ root }}/{{ item }}.txt"
      with:
        items: pages
      and:
        notify: pages changed
  handlers:
    - !echo
      name: tell about it
      msg: the pages changed; a web server would be reloaded now
      with:
        subscribe: pages changed
""",
    "roles/motd/role.yml": """\
defaults:
  owner: nobody in particular
  motd: /tmp/jetpack-example-motd
tasks:
  - main.yml
""",
    "roles/motd/tasks/main.yml": """\
- !template
  name: message of the day
  src: motd.j2
  dest: "{{ motd }}"
""",
    "roles/motd/templates/motd.j2": """\
This machine is looked after by {{ owner }}.
""",
}
"""The files of a new project by path; they work with `jetpack local` and change nothing outside of /tmp."""

_NEXT: Final = """\
Next, in {folder}:
  jetpack check            finds mistakes without touching a host
  jetpack check-local      shows what would change on this machine, which is safe to try
  jetpack local            changes it; the second time everything matches
Then name your hosts in inventory/groups/web, and:
  jetpack plan --diff      shows what would change on them
  jetpack apply            changes it
`jetpack doc` lists the modules."""


@click.command("init", short_help="Begin a project.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
def command(folder: Path) -> None:
    """Begin a project in FOLDER, or in the current one.

    Makes .jetpack.yml, an inventory, a playbook and a role, which run as they are. Files that are there
    already are never overwritten: if there is one, nothing is made.
    """
    there = [name for name in FILES if (folder / name).exists() or (folder / name).is_symlink()]
    if there:
        raise UsageError(f"{folder / there[0]} is there already", hint="nothing was made; choose another folder")
    for name, content in FILES.items():
        _write(folder / name, content)
        click.echo(f"made {folder / name}")
    click.echo(f"\n{_NEXT.format(folder=folder.resolve())}", err=True)


def _write(file: Path, content: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(content)
    except OSError as error:
        raise UsageError(f"cannot make {file}: {error.strerror}") from None
