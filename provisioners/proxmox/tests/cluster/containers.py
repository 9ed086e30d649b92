# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that are real containers of an image with sshd, in a network of their own."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import secrets
import socket
import subprocess
import time
import uuid
from collections.abc import Sequence
from urllib.parse import unquote

from provisioners.proxmox.tests.cluster.errors import ApiError
from provisioners.proxmox.tests.cluster.machines import Machines, wanted_address
from provisioners.proxmox.tests.cluster.world import Ended, Guest

DOCKER_SECONDS = 120
SSHD_SECONDS = 60
# Puts a user with the given keys into a container whose sshd lets keys in; root for containers, the cloud-init user
# with password-less sudo for virtual machines.
_ADMIT = """
id -u "$1" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$1"
home=$(getent passwd "$1" | cut -d: -f6)
mkdir -p "$home/.ssh" && cat >"$home/.ssh/authorized_keys"
chmod 700 "$home/.ssh" && chmod 600 "$home/.ssh/authorized_keys" && chown -R "$1:" "$home/.ssh"
[ "$1" = root ] || echo "$1 ALL=(ALL:ALL) NOPASSWD: ALL" >"/etc/sudoers.d/90-$1"
"""
# Reserved for benchmarks of networks, so no network of the machine's own is in it.
_RESERVED = ipaddress.IPv4Network("198.18.0.0/15")
_NETWORK_TRIES = 8
DEFAULT_CLOUD_USER = "debian"


class ContainerMachines(Machines):
    """One container for each guest that ever ran.

    A static address that a guest asks for is its own when it lies in `subnet`; any other is ignored, and the address
    that the engine gave is reported in its place by the interfaces and the agent. CPU and memory are
    not limited, and the card's own hardware address is the engine's.
    """

    def __init__(self, image: str) -> None:
        self._image = image
        self._name = f"jetpack-pve-{uuid.uuid4().hex[:12]}"
        self.subnet = _make_network(self._name)
        self._containers: dict[int, str] = {}
        self._addresses: dict[int, str] = {}

    def start(self, guest: Guest) -> None:
        """Start a guest's container, made at its first start, and let its keys in once its sshd answers."""
        if guest.vmid in self._containers:
            _docker("start", self._containers[guest.vmid])
        else:
            self._containers[guest.vmid] = _docker(*self._run_command(guest))
        container = self._containers[guest.vmid]
        networks = json.loads(_docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container))
        found = networks[self._name]
        _await_sshd(found["IPAddress"])
        user, keys = _admitted(guest)
        if keys:
            _docker("exec", "--interactive", container, "sh", "-ec", _ADMIT, "sh", user, stdin=keys)
        self._addresses[guest.vmid] = f"{found['IPAddress']}/{found['IPPrefixLen']}"

    def _run_command(self, guest: Guest) -> list[str]:
        command = ["run", "--detach", "--network", self._name, "--label", f"jetpack-pve={self._name}"]
        command += ["--hostname", guest.name, "--env", "FLEET_AUTHORIZED_KEYS="]
        asked = wanted_address(guest).partition("/")[0]
        if asked and ipaddress.ip_address(asked) in ipaddress.ip_network(self.subnet):
            command += ["--ip", asked]
        return [*command, self._image]

    def stop(self, guest: Guest) -> None:
        """Stop a guest's container."""
        self._addresses.pop(guest.vmid, None)
        if guest.vmid in self._containers:
            _docker("stop", "--time", "5", self._containers[guest.vmid])

    def remove(self, vmid: int) -> None:
        """Remove a guest's container."""
        self._addresses.pop(vmid, None)
        container = self._containers.pop(vmid, None)
        if container is not None:
            _docker("rm", "--force", "--volumes", container)

    def address(self, guest: Guest) -> str:
        """Return the address the engine gave."""
        return self._addresses.get(guest.vmid, "")

    def execute(self, guest: Guest, argv: Sequence[str], stdin: str) -> Ended:
        """Run a command in a guest's container."""
        command = ["docker", "exec", "--interactive", self._containers[guest.vmid], *argv]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=DOCKER_SECONDS)
        return Ended(done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        """Remove every container and the network."""
        with contextlib.suppress(ApiError):
            left = _docker("ps", "--all", "--quiet", "--filter", f"label=jetpack-pve={self._name}").split()
            if left:
                _docker("rm", "--force", "--volumes", *left)
            _docker("network", "rm", self._name)


def _make_network(name: str) -> str:
    """Make a network with a subnet of its own, as static addresses need; another's is met by the next try."""
    free = list(_RESERVED.subnets(new_prefix=24))
    secrets.SystemRandom().shuffle(free)
    for subnet in free[:_NETWORK_TRIES]:
        with contextlib.suppress(ApiError):
            _docker("network", "create", "--label", f"jetpack-pve={name}", "--subnet", str(subnet), name)
            return str(subnet)
    raise ApiError(f"docker network create: no free subnet of {_RESERVED} in {_NETWORK_TRIES} tries")


def _admitted(guest: Guest) -> tuple[str, str]:
    if guest.kind == "lxc":
        return "root", guest.ssh_keys
    return guest.config.get("ciuser", DEFAULT_CLOUD_USER), unquote(guest.config.get("sshkeys", ""))


def _await_sshd(address: str) -> None:
    """Wait for sshd: the image's own start writes keys of its own before."""
    deadline = time.monotonic() + SSHD_SECONDS
    while not _has_banner(address):
        if time.monotonic() > deadline:
            raise ApiError(f"sshd of {address} does not answer after {SSHD_SECONDS} s")
        time.sleep(0.05)


def _has_banner(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=2) as probe:
            return probe.recv(4) == b"SSH-"
    except OSError:
        return False


def _docker(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["docker", *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=DOCKER_SECONDS
    )
    if done.returncode != 0:
        raise ApiError(f"docker {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
