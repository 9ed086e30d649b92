# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole life of a virtual machine, beside two containers: one inventory, one playbook, from nothing to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.provisioners.machines.daemon import LibvirtDaemon
from tests.integration.provisioners.machines.image import MachineImage

pytestmark = [
    pytest.mark.docker,
    pytest.mark.root,
    pytest.mark.ssh,
    pytest.mark.slow,
    pytest.mark.xdist_group("libvirt"),
    # An emulated machine boots in half a minute where nothing else runs, and in minutes where much does.
    pytest.mark.timeout(1500),
]
PATIENCE = 900
MIB = 1 << 20
PLAYBOOK = """\
- name: all alike
  groups: [new]
  tasks:
    - !copy {content: "made by jetpack\\n", dest: /etc/motd}
    - !directory {path: /srv/data}
"""


class Project:
    """A folder with an inventory and a playbook, and the command that works in it."""

    def __init__(self, folder: Path, virtual: dict[str, Any], container: dict[str, Any]) -> None:
        self.folder = folder
        self.mark = f"kit{uuid.uuid4().hex[:6]}"
        self.machine = f"{self.mark}-vm"
        self.containers = [f"{self.mark}-c1", f"{self.mark}-c2"]
        self.virtual = virtual
        inventory = folder / "inventory"
        (inventory / "groups").mkdir(parents=True)
        (inventory / "host_vars").mkdir()
        (inventory / "groups/new").write_text(json.dumps({"hosts": [self.machine, *self.containers]}))
        for name in self.containers:
            (inventory / "host_vars" / name).write_text(json.dumps({"provision": container}))
        (folder / "site.yml").write_text(PLAYBOOK)
        self.say()

    def say(self, **more: object) -> None:
        """Write down what the machine is to be like."""
        self.virtual |= more
        variables = {"provision": self.virtual, "jet_ssh_private_key_file": str(self.folder / "key")}
        (self.folder / "inventory/host_vars" / self.machine).write_text(json.dumps(variables))

    def jetpack(self, verb: str, *args: str) -> str:
        """Run a verb, and return all that it wrote. Fails the test where it does not end well."""
        argv = [str(Path(sys.executable).with_name("jetpack")), verb, "-i", "inventory", *args]
        done = subprocess.run(
            argv,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def project(
    tmp_path: Path,
    daemon: LibvirtDaemon,
    machine_image: MachineImage,
    debian_image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Project]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    for file in (machine_image.kernel, machine_image.initrd):
        target = daemon.boot / file.name
        target.write_bytes(file.read_bytes())
        target.chmod(0o644)
    virtual = {
        "type": "libvirt",
        "uri": daemon.uri,
        "base_image": str(machine_image.disk),
        "disk_size": "1536m",
        "memory": "320m",
        "memory_max": "384m",
        "machine": "pc",
        "direct_kernel": {
            "kernel": "/var/lib/libvirt/boot/vmlinuz",
            "initrd": "/var/lib/libvirt/boot/initrd",
            "cmdline": "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off loglevel=4",
        },
        "console_log": "/var/log/libvirt/life.log",
        "ssh_user": "root",
        "authorized_keys": [str(tmp_path / "key.pub")],
        "cloud_init": {"user_data": {"write_files": [{"path": "/etc/told", "content": "by cloud-init"}]}},
        "stop_timeout": 120,
        "wait_timeout": PATIENCE,
    }
    container = {"type": "docker", "image": debian_image, "command": ["sleep", "infinity"], "init": True}
    project = Project(tmp_path, virtual, container)
    yield project
    daemon.remove(project.mark)
    for name in project.containers:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


def listed(daemon: LibvirtDaemon) -> dict[str, object]:
    """Return what there is besides base images, which stay for the next guest."""
    containers = subprocess.run(
        ["docker", "ps", "-a", "--format", "{{.Names}}"], capture_output=True, check=True, text=True
    )
    return {
        "domains": daemon.domains(),
        "volumes": [one for one in daemon.volumes() if not one.startswith("jetpack-base-")],
        "containers": [one for one in containers.stdout.split() if one.startswith("kit")],
    }


def until(what: Callable[[], bool]) -> bool:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + 120
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def test_from_nothing_to_a_configured_fleet_and_back(project: Project, daemon: LibvirtDaemon) -> None:
    before = listed(daemon)
    plan = project.jetpack("plan", "-p", "site.yml")
    assert plan.count("create") >= 3
    assert listed(daemon) == before

    project.jetpack("apply", "-p", "site.yml")
    assert project.machine in daemon.domains()
    assert inside(project, daemon, "cat /etc/motd /etc/told; hostname") == [
        "made by jetpack",
        f"by cloud-init{project.machine}",
    ]
    assert "nothing was changed" in project.jetpack("apply", "-p", "site.yml")

    project.say(memory="360m", disk_size="2g", vcpus=2)
    told = project.jetpack("provision", "--plan")
    assert all(text in told for text in ("320m", "360m", "1536m", "2g", "vcpus: from its next start on"))
    project.jetpack("provision")
    assert until(lambda: inside(project, daemon, "cat /sys/block/vda/size") == [str((2 << 30) // 512)])
    assert until(lambda: memory_of(daemon, project.machine) == 360 << 10)

    assert "nothing was changed" in project.jetpack("provision")

    ended = project.jetpack("destroy", "--yes")
    assert "power was turned off" not in ended
    assert "Power down" in (daemon.images.parents[1] / "log/life.log").read_text(errors="replace")
    assert listed(daemon) == before
    # Of the lease, which only the network's DHCP server could take back, nothing is used again: the card is gone.
    assert daemon.virsh("net-dhcp-leases", "default").count(project.machine) <= 1


def inside(project: Project, daemon: LibvirtDaemon, command: str) -> list[str]:
    """Return the lines that a command wrote in the machine, asked past Jetpack."""
    address = daemon.virsh("domifaddr", project.machine).split()[-1].partition("/")[0]
    options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
    flags = [part for one in options for part in ("-o", one)]
    argv = ["ssh", "-F", "none", "-i", str(project.folder / "key"), *flags, f"root@{address}", command]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout.splitlines()


def memory_of(daemon: LibvirtDaemon, name: str) -> int:
    facts = dict(line.split(":", 1) for line in daemon.virsh("dominfo", name).splitlines() if ":" in line)
    return int(facts["Used memory"].split()[0])
