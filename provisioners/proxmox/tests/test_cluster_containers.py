# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests of the test cluster that are real containers: reached over SSH at the address the API tells."""

from __future__ import annotations

import ipaddress
import shutil
import subprocess
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from provisioners.proxmox.tests.cluster import DEBIAN_TEMPLATE, Cluster
from provisioners.proxmox.tests.cluster.raw import RawClient
from tests.integration.fleet.engine import docker, why_no_engine
from tests.integration.fleet.images import ImageUnavailableError, ensure_image
from tests.integration.fleet.keys import ClientKeys, generate_keys

pytestmark = [pytest.mark.docker, pytest.mark.ssh, pytest.mark.slow]

LXC, QEMU = "/nodes/pve1/lxc", "/nodes/pve1/qemu"
PATIENCE = 30.0


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> ClientKeys:
    if shutil.which("ssh") is None:
        pytest.skip("the ssh command is not installed")
    return generate_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def client() -> Iterator[RawClient]:
    reason = why_no_engine()
    if reason is not None:
        pytest.skip(reason)
    try:
        image = ensure_image("debian")
    except ImageUnavailableError as error:
        pytest.skip(f"the test images cannot be made here: {error}")
    with Cluster(guests="docker", image=image) as cluster:
        yield RawClient.by_token(cluster)


def run(keys: ClientKeys, user: str, address: str, command: str) -> str:
    """Run a command over SSH with the plain key; the host's key is not the matter here."""
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"]
    argv = ["ssh", "-i", str(keys.plain), *(part for option in options for part in ("-o", option))]
    done = subprocess.run(
        [*argv, f"{user}@{address}", command], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def container_address(client: RawClient, vmid: int) -> str:
    """Return the address that the interfaces of a container tell once it has one."""
    deadline = time.monotonic() + PATIENCE
    while True:
        for card in client.get(f"{LXC}/{vmid}/interfaces") or []:
            if card["name"] == "eth0" and "inet" in card:
                return str(card["inet"].partition("/")[0])
        assert time.monotonic() < deadline, "no address"
        time.sleep(0.1)


def test_a_container_lets_its_key_in_and_keeps_its_files(client: RawClient, keys: ClientKeys) -> None:
    public = keys.plain.with_suffix(".pub").read_text()
    new = {"ostemplate": f"local:vztmpl/{DEBIAN_TEMPLATE}", "rootfs": "local-lvm:1", "hostname": "web"}
    values = {"ssh-public-keys": public, "vmid": 100, "net0": "name=eth0,bridge=vmbr0,ip=dhcp", "start": 1, **new}
    client.do("POST", LXC, values)
    address = container_address(client, 100)
    assert run(keys, "root", address, "hostname; id -un; echo kept >/root/file").split() == ["web", "root"]
    client.do("POST", f"{LXC}/100/status/shutdown")
    assert client.get(f"{LXC}/100/interfaces") is None
    client.do("POST", f"{LXC}/100/status/start")
    assert run(keys, "root", container_address(client, 100), "cat /root/file") == "kept\n"


def test_a_machine_has_its_cloud_init_user_and_its_static_address(client: RawClient, keys: ClientKeys) -> None:
    public = keys.plain.with_suffix(".pub").read_text()
    address = str(ipaddress.ip_network(client.cluster.subnet)[77])
    values = {"vmid": 101, "name": "vm", "scsi0": "local-lvm:1", "ide2": "local-lvm:cloudinit", "net0": "virtio"}
    cloud = {"ciuser": "admin", "sshkeys": quote(public, safe=""), "ipconfig0": f"ip={address}/24"}
    client.do("POST", QEMU, {**values, **cloud, "agent": "enabled=1"})
    client.do("POST", f"{QEMU}/101/status/start")
    deadline = time.monotonic() + PATIENCE
    while (answer := client.call("GET", f"{QEMU}/101/agent/network-get-interfaces")).status != 200:
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    card = answer.data["result"][1]
    assert card["ip-addresses"][0] == {"ip-address": address, "prefix": 24, "ip-address-type": "ipv4"}
    began = client.call("POST", f"{QEMU}/101/agent/exec", {"command": ["sh", "-c", "cat; id -un"], "input-data": "in "})
    while not (ended := client.get(f"{QEMU}/101/agent/exec-status", pid=began.data["pid"]))["exited"]:
        assert time.monotonic() < deadline, ended
        time.sleep(0.1)
    assert ended == {"exited": 1, "exitcode": 0, "out-data": "in root\n"}
    assert run(keys, "admin", address, "hostname; id -un; sudo id -un").split() == ["vm", "admin", "root"]


def test_what_is_taken_away_is_gone_and_the_end_leaves_nothing() -> None:
    if (reason := why_no_engine()) is not None:
        pytest.skip(reason)
    with Cluster(guests="docker", image=ensure_image("debian")) as cluster:
        client = RawClient.by_token(cluster)
        new = {"ostemplate": f"local:vztmpl/{DEBIAN_TEMPLATE}", "rootfs": "local-lvm:1", "start": 1}
        client.do("POST", LXC, vmid=100, **new)
        client.do("POST", LXC, vmid=101, **new)
        network = network_of(cluster.subnet)
        assert len(containers_of(network)) == 2
        client.do("DELETE", f"{LXC}/100", force=1)
        assert len(containers_of(network)) == 1
    assert containers_of(network) == []
    assert network not in docker("network", "ls", "--format", "{{.Name}}").split()


def network_of(subnet: str) -> str:
    """Return the name of the cluster's network that has a subnet."""
    names = docker("network", "ls", "--format", "{{.Name}}").split()
    described = "{{range .IPAM.Config}}{{.Subnet}}{{end}}"
    mine = [name for name in names if name.startswith("jetpack-pve-")]
    return next(name for name in mine if docker("network", "inspect", "--format", described, name) == subnet)


def containers_of(network: str) -> list[str]:
    return docker("ps", "--all", "--quiet", "--filter", f"label=jetpack-pve={network}").split()
