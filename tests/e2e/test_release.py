# SPDX-License-Identifier: GPL-3.0-or-later
"""The four plugins in one playbook: a release is found, downloaded, unpacked and moved into place on three hosts."""

from __future__ import annotations

import pytest

from plugins.download.tests.server import serving
from plugins.github_release.tests.conftest import REPO, GitHub
from plugins.github_release.tests.programs import tar
from tests.e2e.conftest import MakeProject
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

PLAYBOOK = """
- name: install the tool
  groups: [web]
  sudo: root
  tasks:
    - !github_release {{repo: {repo}, api_url: "{api}", asset: "tool.tar.gz", save: release}}
    - !directory {{path: /opt}}
    - !download
      url: "{{{{ release.url }}}}"
      dest: "/opt/tool-{{{{ release.version }}}}.tar.gz"
      checksum: "{{{{ release.digest }}}}"
      via: control
    - !unpack
      src: "/opt/tool-{{{{ release.version }}}}.tar.gz"
      dest: "/opt/tool-{{{{ release.version }}}}.new"
      creates: "/opt/tool-{{{{ release.version }}}}/bin/tool"
    - !move
      src: "/opt/tool-{{{{ release.version }}}}.new"
      dest: "/opt/tool-{{{{ release.version }}}}"
    - !link {{path: /opt/tool, target: "/opt/tool-{{{{ release.version }}}}"}}
"""


def test_a_release_gets_into_place_on_three_hosts(fleet: Fleet, project: MakeProject) -> None:
    hosts = [fleet.start("debian"), fleet.start("debian"), fleet.start("nopython")]
    try:
        with serving() as site, serving() as storage:
            github = GitHub(site, storage)
            site.dynamic = github.answer
            github.release("v1.2.0", {"tool.tar.gz": tar({"bin/tool": b"#!/bin/sh\necho 1.2.0\n", "README": b"read"})})
            made = project(hosts)
            (made.folder / "site.yml").write_text(PLAYBOOK.format(repo=REPO, api=site.url("")))
            first = made.run("apply", "--json")
            assert first.code == 0, first.out + first.err
            assert all(host.read("/opt/tool/bin/tool") == b"#!/bin/sh\necho 1.2.0\n" for host in hosts)
            assert github.lookups == [200]
            assert len(storage.log) == 1
            second = made.run("apply", "--json")
            assert second.code == 0, second.out + second.err
            assert second.statuses() <= {"matched", "passive", "skipped"}
            assert len(storage.log) == 1
    finally:
        for host in hosts:
            fleet.remove(host)
