# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of one test session: started together, removed at its end, never left to the next."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.integration.fleet.engine import docker, run_docker
from tests.integration.fleet.hosts import SshHost, start_host
from tests.integration.fleet.images import ensure_image
from tests.integration.fleet.keys import ClientKeys, generate_keys

_OWNER_LABEL = "org.jetpack.test.owner"
_STARTS_AT_ONCE = 4


class Fleet:
    """Starts hosts for a session, lets its keys in, and knows their host keys."""

    def __init__(self, directory: Path) -> None:
        """Prepare the session in a private directory, removing the hosts of sessions that died."""
        self.directory = directory
        self.keys: ClientKeys = generate_keys(directory)
        self._hosts: list[SshHost] = []
        self._networks: dict[SshHost, str] = {}
        remove_leftovers()

    def start(
        self,
        image: str = "debian",
        *,
        name: str | None = None,
        extra_run_args: Sequence[str] = (),
        alone: bool = False,
    ) -> SshHost:
        """Start one host and return it once its sshd answers (about a second).

        A host that is alone has a network of its own, so that it has the same address after a restart.
        """
        label = f"{_OWNER_LABEL}={_owner(os.getpid())}"
        network = ""
        if alone:
            network = docker("network", "create", "--label", label, f"jetpack-test-{uuid.uuid4().hex[:12]}")
        host = start_host(
            image,
            name=name or f"{image}-{uuid.uuid4().hex[:6]}",
            ssh_keys=self.keys,
            labels=[label],
            extra_run_args=[*extra_run_args, *(("--network", network) if network else ())],
        )
        self._hosts.append(host)
        if network:
            self._networks[host] = network
        return host

    def start_many(self, names: Sequence[str], image: str = "debian") -> list[SshHost]:
        """Start a host for every name, several at a time, in the order of the names."""
        ensure_image(image)
        with ThreadPoolExecutor(_STARTS_AT_ONCE) as pool:
            return list(pool.map(lambda name: self.start(image, name=name), names))

    def known_hosts(self, hosts: Iterable[SshHost] | None = None) -> Path:
        """Write a known_hosts file for some hosts, or for all of the session, and return its path."""
        path = self.directory / f"known_hosts-{uuid.uuid4().hex[:8]}"
        chosen = self._hosts if hosts is None else hosts
        path.write_text("".join(host.known_hosts_lines() for host in chosen))
        return path

    def ssh_argv(self, host: SshHost, user: str = "root", *options: str) -> list[str]:
        """Return an OpenSSH command line that reaches a host with the plain key and reads no user files."""
        settings = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityFile": str(self.keys.plain),
            "IdentityAgent": "none",
            "UserKnownHostsFile": str(self.known_hosts([host])),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
        }
        flags = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
        return ["ssh", "-F", "none", *flags, *options, "-p", str(host.port), f"{user}@{host.address}"]

    def remove(self, host: SshHost) -> None:
        """Take one host away before the session ends."""
        host.remove()
        self._hosts.remove(host)
        if host in self._networks:
            docker("network", "rm", self._networks.pop(host))

    def close(self) -> None:
        """Remove every host of the session."""
        if self._hosts:
            run_docker("rm", "--force", "--volumes", *(host.container for host in self._hosts), check=False)
        self._hosts.clear()
        if self._networks:
            run_docker("network", "rm", *self._networks.values(), check=False)
        self._networks.clear()


def remove_leftovers() -> None:
    """Remove the hosts and networks of sessions whose process has ended without doing it."""
    if dead := _owned_by_the_dead("ps", "--all"):
        run_docker("rm", "--force", "--volumes", *dead, check=False)
    if dead := _owned_by_the_dead("network", "ls"):
        run_docker("network", "rm", *dead, check=False)


def _owned_by_the_dead(*listing: str) -> list[str]:
    template = f'{{{{.ID}}}} {{{{.Label "{_OWNER_LABEL}"}}}}'
    listed = docker(*listing, "--filter", f"label={_OWNER_LABEL}", "--format", template)
    return [line.split()[0] for line in listed.splitlines() if _is_dead(line.split()[1])]


def _owner(pid: int) -> str:
    """Name a process so that its number, used again by another or in a container, is not mistaken for it."""
    # proc(5): the command's name in brackets may hold spaces; the start time is the 20th field after it.
    started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    namespace = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    return f"{namespace}.{pid}.{started}"


def _is_dead(owner: str) -> bool:
    namespace, pid, _ = owner.split(".")
    if namespace != _owner(os.getpid()).split(".", maxsplit=1)[0]:
        return False
    try:
        return _owner(int(pid)) != owner
    except FileNotFoundError:
        return True
