# SPDX-License-Identifier: GPL-3.0-or-later
"""The provisioners of Proxmox VE as users get them: wheels in an environment that holds nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioners.proxmox.tests.cluster import DEBIAN_IMAGE, DEBIAN_TEMPLATE, Cluster
from provisioners.proxmox.tests.support import FAST, variables
from tests.integration.plugins.wheels import install_wheels, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheels")]

COMMON = {"cluster": "pve", "wait_for_host": False}


def test_wheels_make_guests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    jetpack = str(install_wheels(tmp_path, "proxmox", "proxmox_lxc", "proxmox_vm") / "jetpack")
    for kind in ("lxc", "vm"):
        said = run(jetpack, "doc", f"proxmox_{kind}")
        assert said.startswith(f"provisioner proxmox_{kind}, of jetpack-provisioner-proxmox-{kind}\n")
    with Cluster(**FAST) as cluster:
        container = {**COMMON, "type": "proxmox_lxc", "ostemplate": DEBIAN_TEMPLATE}
        machine = {**COMMON, "type": "proxmox_vm", "image": f"local:import/{DEBIAN_IMAGE}", "agent_timeout": 0}
        files = {
            "groups/all_of_them": {"hosts": ["pve", "web1", "db1"]},
            "host_vars/pve": variables(cluster),
            "host_vars/web1": {"provision": container},
            "host_vars/db1": {"provision": machine},
        }
        for name, content in files.items():
            (tmp_path / "inventory" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "inventory" / name).write_text(json.dumps(content))
        run(jetpack, "provision", "-i", str(tmp_path / "inventory"))
        assert sorted(guest["name"] for guest in cluster.guests.values()) == ["db1", "web1"]
