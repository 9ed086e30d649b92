# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays run on guests of a Proxmox cluster for tests, whose guests are containers with an SSH server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioners.proxmox.tests.cluster import DEBIAN_IMAGE, DEBIAN_TEMPLATE, Cluster
from provisioners.proxmox.tests.support import variables
from tests.integration.fleet.keys import generate_keys
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh, pytest.mark.slow]

CONTAINER: dict[str, Any] = {
    "type": "proxmox_lxc",
    "cluster": "pve",
    "ostemplate": DEBIAN_TEMPLATE,
    "memory": 512,
    "ssh_user": "root",
    "wait_delay": 0.5,
}
MACHINE: dict[str, Any] = {
    "type": "proxmox_vm",
    "cluster": "pve",
    "image": f"local:import/{DEBIAN_IMAGE}",
    "memory": 1024,
    "ssh_user": "admin",
    "wait_delay": 0.5,
}
PLAY = """
- name: guests
  groups: [guests]
  sudo: root
  tasks:
    - !copy
      content: "made for {{ inventory_hostname }}\\n"
      dest: /etc/made
"""


@pytest.fixture
def cluster(fleet: Fleet, debian_image: str) -> Iterator[Cluster]:
    with Cluster(guests="docker", image=debian_image, boot_seconds=0.0) as cluster:
        yield cluster


class Project:
    """An inventory and a playbook, and the command line that uses them."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self._folder = folder
        self._key = generate_keys(folder).plain
        self.write("groups/guests", {"hosts": ["web1", "db1"]})
        self.write("groups/clusters", {"hosts": ["pve"]})
        self.write("host_vars/pve", variables(cluster, jet_proxmox_patience=20))
        self.write("group_vars/guests", {"jet_ssh_private_key_file": str(self._key)})
        self.provision()
        self.playbook = folder / "site.yml"
        self.playbook.write_text(PLAY)

    def write(self, name: str, content: object) -> None:
        path = self._folder / "inventory" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))

    def provision(self, **more: object) -> None:
        keys = {"authorized_keys": f"{self._key}.pub", **more}
        self.write("host_vars/web1", {"provision": {**CONTAINER, **keys}})
        self.write("host_vars/db1", {"provision": {**MACHINE, **keys}})

    def run(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET_", "XDG_", "SSH_AUTH"))}
        env = {**kept, "HOME": str(self._folder), "JET_LOCK_TIMEOUT": "off"}
        argv = [sys.executable, "-m", "jetpack_core.cli", verb, "-i", str(self._folder / "inventory"), *words]
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=280)

    def apply(self, *words: str, verb: str = "apply") -> str:
        done = self.run(verb, "-p", str(self.playbook), *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def notes(self) -> dict[str, dict[str, Any]]:
        """Return what this machine remembers, by host."""
        return {str(note["host"]): note for note in (json.loads(file.read_text()) for file in self._note_files())}

    def pin(self, host: str, keys: list[str]) -> None:
        """Let this machine remember other host keys."""
        for file in self._note_files():
            note = json.loads(file.read_text())
            if note["host"] == host:
                file.write_text(json.dumps({**note, "host_keys": keys}))

    def _note_files(self) -> list[Path]:
        return list((self._folder / ".local/state/jetpack/guests").glob("*.json"))


@pytest.fixture
def project(cluster: Cluster, tmp_path: Path) -> Project:
    return Project(tmp_path, cluster)


def address(cluster: Cluster, name: str) -> str:
    (found,) = [guest for guest in cluster.guests.values() if guest["name"] == name]
    return str(found["address"]).partition("/")[0]


def test_from_an_empty_cluster_to_configured_hosts_and_back(cluster: Cluster, project: Project) -> None:
    said = project.apply()
    assert "4 changes" in said, said
    assert {guest["name"] for guest in cluster.guests.values()} == {"web1", "db1"}
    notes = project.notes()
    assert notes["web1"]["key_source"].startswith("first seen in the run that made it")
    assert notes["web1"]["address"] == address(cluster, "web1")
    assert notes["db1"]["key_source"] == "told by its platform"
    assert len(notes["db1"]["host_keys"]) > 1

    changing = len([call for call in cluster.calls if call.method != "GET" and "/agent/" not in call.path])
    assert "nothing was changed" in project.apply()
    assert len([call for call in cluster.calls if call.method != "GET" and "/agent/" not in call.path]) == changing

    project.provision(memory=2048, rootfs_size="9G")
    planned = project.apply(verb="plan")
    assert "memory: 512 -> 2048" in planned
    assert "rootfs_size: 8G -> 9G" in planned
    assert "2 changes" in project.apply()

    assert project.run("provision", "-e", "provision.state=absent", "--yes").returncode == 0
    assert cluster.guests == {}
    assert project.notes() == {}


def test_a_rebuilt_host_replaces_its_key_and_another_key_is_refused(cluster: Cluster, project: Project) -> None:
    project.apply("--limit-hosts", "web1")
    first = project.notes()["web1"]["host_keys"]
    project.provision(unprivileged=False, rebuild=True)
    project.write("host_vars/db1", {})
    said = project.apply("--limit-hosts", "web1")
    assert "replace" in said, said
    second = project.notes()["web1"]["host_keys"]
    assert second != first, "another container has other keys"
    assert "nothing was changed" in project.apply("--limit-hosts", "web1")

    # As if somebody else answered where the guest was: it is not talked to.
    project.pin("web1", first)
    done = project.run("apply", "-p", str(project.playbook), "--limit-hosts", "web1")
    assert done.returncode != 0
    assert "not the one it is known by" in " ".join((done.stdout + done.stderr).split())
