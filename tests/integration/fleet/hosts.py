# SPDX-License-Identifier: GPL-3.0-or-later
"""One host of the fleet: a container with sshd, and what a test may do to it from outside."""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.integration.fleet.engine import EngineError, docker, run_docker
from tests.integration.fleet.images import OPS_PASSWORD, ROOT_PASSWORD, RUN_ARGS, ensure_image
from tests.integration.fleet.keys import ClientKeys
from tests.integration.fleet.snapshot import LOGIN_TRACES, Entry, take_snapshot

__all__ = ["DEPLOY_USER", "OPS_PASSWORD", "OPS_USER", "ROOT_PASSWORD", "SshHost", "start_host"]

OPS_USER = "ops"
DEPLOY_USER = "deploy"
SSH_PORT = 22
START_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class SshHost:
    """A running container of the fleet, reached by its own address."""

    name: str
    image: str
    address: str
    port: int
    container: str
    host_keys: tuple[str, ...]

    def exec(
        self, argv: Sequence[str], *, stdin: bytes = b"", user: str = "root", check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command inside through the engine, without SSH."""
        return run_docker("exec", "--interactive", "--user", user, self.container, *argv, stdin=stdin, check=check)

    def shell(self, script: str, *, user: str = "root") -> str:
        """Return what a shell script run inside through the engine printed."""
        return self.exec(["sh", "-c", script], user=user).stdout.decode()

    def read(self, path: str) -> bytes:
        """Return the content of a file inside."""
        return self.exec(["cat", "--", path]).stdout

    def write(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """Put a file inside, owned by root, its directories made."""
        quoted = shlex.quote(path)
        script = f'mkdir -p "$(dirname -- {quoted})" && cat >{quoted} && chmod {mode:o} {quoted}'
        self.exec(["sh", "-c", script], stdin=content)

    def exists(self, path: str) -> bool:
        """Say whether something, even a broken link, is at a path inside."""
        quoted = shlex.quote(path)
        return self.exec(["sh", "-c", f"test -e {quoted} || test -L {quoted}"], check=False).returncode == 0

    def known_hosts_lines(self, address: str | None = None, port: int | None = None) -> str:
        """Return known_hosts lines for this host, or for another way to reach it such as a proxy."""
        return "".join(f"{_host_pattern(address or self.address, port or self.port)} {key}\n" for key in self.host_keys)

    def kill(self) -> None:
        """End every process inside at once, as a power cut does."""
        docker("kill", self.container)

    def stop(self) -> None:
        """Shut the host down in order."""
        docker("stop", "--time", "5", self.container)

    def pause(self) -> None:
        """Freeze every process inside: connections stay open and nothing answers."""
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                docker("pause", self.container)
            except EngineError as error:
                # On a busy machine the kernel may not get hold of processes that write a lot, at first.
                if "unable to freeze" not in str(error) or time.monotonic() > deadline:
                    raise
            else:
                return

    def unpause(self) -> None:
        """Let a paused host go on."""
        docker("unpause", self.container)

    def remove(self) -> None:
        """Take the host away for good, whatever its state."""
        run_docker("rm", "--force", "--volumes", self.container, check=False)

    def snapshot(self, *, ignore: Iterable[str] = LOGIN_TRACES) -> dict[str, Entry]:
        """List every file of the host by path, to be compared before and after a run."""
        return take_snapshot(self.container, ignore)


def start_host(
    image: str,
    *,
    name: str,
    ssh_keys: ClientKeys,
    labels: Sequence[str] = (),
    extra_run_args: Sequence[str] = (),
) -> SshHost:
    """Start a container of an image (`debian`, `nopython`, `busybox`, `systemd`) and wait until its sshd answers."""
    tag = ensure_image(image)
    labelled = [part for label in labels for part in ("--label", label)]
    settings = ["--hostname", name, "--env", f"FLEET_AUTHORIZED_KEYS={ssh_keys.authorized_lines()}"]
    container = docker("run", "--detach", *labelled, *settings, *RUN_ARGS.get(image, ()), *extra_run_args, tag)
    try:
        return _await_host(name, image, container)
    except BaseException:
        run_docker("rm", "--force", "--volumes", container, check=False)
        raise


def _await_host(name: str, image: str, container: str) -> SshHost:
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    address = docker("inspect", "--format", template, container).split()[0]
    _await_banner(address, container)
    listed = docker("exec", container, "sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub")
    host_keys = tuple(" ".join(line.split()[:2]) for line in listed.splitlines())
    return SshHost(name, image, address, SSH_PORT, container, host_keys)


def _await_banner(address: str, container: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not _has_banner(address):
        if time.monotonic() > deadline:
            logs = run_docker("logs", container, check=False)
            raise EngineError(f"sshd of {address} does not answer: {(logs.stdout + logs.stderr).decode()}")
        time.sleep(0.05)


def _has_banner(address: str) -> bool:
    try:
        with socket.create_connection((address, SSH_PORT), timeout=2) as probe:
            return probe.recv(4) == b"SSH-"
    except OSError:
        return False


def _host_pattern(address: str, port: int) -> str:
    return address if port == SSH_PORT else f"[{address}]:{port}"
