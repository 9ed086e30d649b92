# SPDX-License-Identifier: GPL-3.0-or-later
"""A release found, downloaded, unpacked and moved into place on three hosts by one playbook, and then left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.download.tests.server import serving
from plugins.github_release.tests.conftest import REPO, GitHub
from plugins.github_release.tests.programs import elf, tar
from plugins.github_release.tests.test_github_release import HERE
from tests.integration.fleet import Fleet, SshHost

pytestmark = [pytest.mark.docker, pytest.mark.ssh, pytest.mark.slow]

PLAYBOOK = """\
- name: release
  groups: [all]
  tasks:
    - !github_release
      repo: {repo}
      api_url: {api}
      save: release
    - !download
      url: "{{{{ release.url }}}}"
      checksum: "{{{{ release.digest }}}}"
      dest: /var/cache/tool.tar.gz
      via: control
    - !unpack
      src: /var/cache/tool.tar.gz
      dest: /opt/tool-{{{{ release.version }}}}.new
      strip_components: 1
      creates: /opt/tool-{{{{ release.version }}}}
    - !move
      src: /opt/tool-{{{{ release.version }}}}.new
      dest: /opt/tool-{{{{ release.version }}}}
"""


def test_a_release_gets_to_three_hosts_and_stays(
    tmp_path: Path, fleet: Fleet, new_host: Callable[[str], SshHost]
) -> None:
    hosts = [new_host(image) for image in ("debian", "nopython", "busybox")]
    program = elf(HERE, b"tool")
    asset = tar({"tool-1/bin/tool": program, "tool-1/README": b"read"})
    inventory, ssh = tmp_path / "inventory", tmp_path / "home" / ".ssh"
    for folder in (inventory / "groups", inventory / "host_vars", ssh):
        folder.mkdir(parents=True)
    (inventory / "groups" / "web").write_text(json.dumps({"hosts": [host.name for host in hosts]}))
    for host in hosts:
        variables = {"jet_ssh_hostname": host.address, "jet_ssh_port": host.port, "jet_ssh_user": "root"}
        (inventory / "host_vars" / host.name).write_text(
            json.dumps({**variables, "jet_ssh_private_key_file": str(fleet.keys.plain)})
        )
    (ssh / "known_hosts").write_text("".join(host.known_hosts_lines() for host in hosts))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET", "XDG", "GITHUB", "GH_"))}

    def apply(verb: str = "apply") -> list[str]:
        argv = [sys.executable, "-m", "jetpack_core.cli", verb, "-i", str(inventory), "-p", str(tmp_path / "play.yml")]
        environment = {**kept, "HOME": str(tmp_path / "home"), "SSH_AUTH_SOCK": ""}
        done = subprocess.run([*argv, "--json"], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return [event["status"] for event in events if event["event"] == "host_result"]

    with serving() as site, serving() as storage:
        github = GitHub(site, storage)
        site.dynamic = github.answer
        github.release("v1.0.0", {f"tool-linux-{HERE}.tar.gz": asset})
        (tmp_path / "play.yml").write_text(PLAYBOOK.format(repo=REPO, api=site.url("")))
        assert "failed" not in apply()
        for host in hosts:
            assert host.read("/opt/tool-1.0.0/bin/tool") == program
        assert github.lookups == [200]
        assert [one.sent for one in storage.log] == [len(asset)]
        for count, verb in ((2, "apply"), (3, "plan")):
            assert set(apply(verb)) == {"matched", "passive"}
            assert len(github.lookups) == count
            assert len(storage.log) == 1
