# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts whose clock is days off: what a file holds decides, never when it was written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.conftest import MakeProject
from tests.integration.fleet.hosts import SshHost

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

PLAY = """
- name: p
  groups: [web]
  tasks:
    - !copy {src: here, dest: /tmp/copied}
    - !copy {src: tree/, dest: /tmp/tree}
    - !template {src: stamp.j2, dest: /tmp/coloured}
    - !line {path: /tmp/copied, line: x}
    - !fetch {src: /etc/debian_version, dest: "back-{{ inventory_hostname }}"}
"""


@pytest.mark.parametrize("dates", ["1999-01-01", "2037-12-31"])
def test_times_of_files_do_not_matter(dates: str, new_host: Callable[[str], SshHost], project: MakeProject) -> None:
    hosts = [new_host("debian"), new_host("nopython")]
    made = project(hosts)
    (made.folder / "here").write_text("x\n")
    (made.folder / "tree").mkdir()
    (made.folder / "tree" / "one").write_text("1")
    (made.folder / "site.yml").write_text(PLAY)
    (made.folder / "templates" / "stamp.j2").write_text("{{ inventory_hostname }}\n")
    assert made.run("apply", "--json").code == 0
    for host in hosts:
        host.shell(f"find /tmp/copied /tmp/tree /tmp/coloured -exec touch -d {dates} {{}} +")
    again = made.run("apply", "--json")
    assert again.code == 0
    assert again.statuses() == {"matched"}
    # What is different is made right, be it newer or older than what it is made from.
    for host in hosts:
        host.shell(f"echo y >/tmp/tree/one; touch -d {dates} /tmp/tree/one")
    assert made.run("apply", "--json").statuses() == {"matched", "modified"}
    assert [host.read("/tmp/tree/one") for host in hosts] == [b"1", b"1"]
