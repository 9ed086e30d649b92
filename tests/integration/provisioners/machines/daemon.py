# SPDX-License-Identifier: GPL-3.0-or-later
"""A libvirt daemon of the test session: nothing of the machine's own one is used, changed, or seen."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

_STATE: Final = ("run", "var/lib", "var/cache", "var/log", "etc")
"""Where libvirt keeps what is its own, each in a folder `libvirt`."""
_START_TIMEOUT: Final = 60.0
_STOP_TIMEOUT: Final = 20.0
_CONFIG: Final = """\
# Cleared: what the machine has of confinement and control groups is not what is tested.
security_driver = "none"
namespaces = []
cgroup_controllers = []
# Otherwise a second daemon, virtlogd, writes the consoles.
stdio_handler = "file"
"""
# The folders are bound in a mount namespace of the daemon and its guests. /dev/kvm is hidden with a file that
# nobody but root may open: guests are emulated whatever the machine has, and libvirt does not ask again and again.
_SCRIPT: Final = """\
set -eu
for folder in "$@"; do
    mkdir -p "/$folder/libvirt"
    mount --bind "$SCRATCH/$folder" "/$folder/libvirt"
done
if [ -e /dev/kvm ]; then mount --bind "$SCRATCH/no-kvm" /dev/kvm; fi
exec libvirtd --pid-file "$SCRATCH/libvirtd.pid"
"""


_NETWORK: Final = """\
<network><name>{name}</name><bridge name='{bridge}' stp='off' delay='0'/>
  <ip address='{part}.1' netmask='255.255.255.0'><dhcp><range start='{part}.10' end='{part}.250'/></dhcp></ip></network>
"""


class NoDaemonError(Exception):
    """No daemon can be started; the text says why."""


def why_no_daemon() -> str | None:
    """Say why no guests can be made here, or None when they can."""
    if os.getuid() != 0:
        return "starting a libvirt daemon needs root"
    for program in ("libvirtd", "qemu-system-x86_64", "qemu-img", "dnsmasq", "unshare", "debootstrap"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None


class LibvirtDaemon:
    """A daemon of its own, with guests that are emulated."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Return where clients reach it."""
        return f"qemu+unix:///system?socket={self._scratch}/run/libvirt-sock"

    @property
    def images(self) -> Path:
        """Return the folder that the daemon knows as /var/lib/libvirt/images."""
        return self._scratch / "var/lib/images"

    @property
    def boot(self) -> Path:
        """Return the folder that the daemon knows as /var/lib/libvirt/boot."""
        return self._scratch / "var/lib/boot"

    def __enter__(self) -> Self:
        self._prepare()
        log = (self._scratch / "libvirtd.log").open("wb")
        environment = {**os.environ, "SCRATCH": str(self._scratch)}
        argv = [
            "setpriv",
            "--pdeathsig",
            "TERM",
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            _SCRIPT,
            "sh",
            *_STATE,
        ]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
        log.close()
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        for kind in ("", "net-"):
            for name in self.virsh(f"{kind}list", "--name").split():
                self.virsh_returns(f"{kind}destroy", name)
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _prepare(self) -> None:
        for folder in _STATE:
            (self._scratch / folder).mkdir(parents=True)
        # QEMU's user looks for its images below it.
        self._scratch.chmod(0o711)
        shutil.copytree("/etc/libvirt", self._scratch / "etc", dirs_exist_ok=True)
        shutil.rmtree(self._scratch / "etc/qemu/networks", ignore_errors=True)
        (self._scratch / "etc/qemu.conf").write_text(_CONFIG)
        (self._scratch / "etc/libvirtd.conf").write_text('auth_unix_rw = "none"\nauth_unix_ro = "none"\n')
        self.images.mkdir(mode=0o755)
        self.boot.mkdir(mode=0o755)
        (self._scratch / "no-kvm").touch(mode=0o000)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._answers():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                log = (self._scratch / "libvirtd.log").read_text(errors="replace")
                raise NoDaemonError(f"libvirtd did not start: {log[-2000:]}")
            time.sleep(0.2)

    def _answers(self) -> bool:
        return self.virsh_returns("version") == 0

    def add_network(self, name: str) -> None:
        """Start a network that nothing else on this machine has the addresses of."""
        part, bridge = _free_subnet(), f"jt{uuid.uuid4().hex[:8]}"
        text = _NETWORK.format(name=name, bridge=bridge, part=part)
        path = self._scratch / f"{name}.xml"
        path.write_text(text)
        self.virsh("net-create", str(path))

    def remove(self, mark: str) -> None:
        """Remove all domains and volumes whose names begin with something."""
        for name in self.domains():
            if name.startswith(mark):
                self.virsh_returns("destroy", name)
                self.virsh_returns("undefine", name, "--snapshots-metadata", "--nvram")
        for name in self.volumes():
            if name.startswith(mark):
                self.virsh_returns("vol-delete", "--pool", "default", name)

    def domains(self) -> list[str]:
        """Return the names of all domains."""
        return self.virsh("list", "--all", "--name").split()

    def volumes(self) -> list[str]:
        """Return the names of all volumes of the pool `default`."""
        return [line.split()[0] for line in self.virsh("vol-list", "default").splitlines() if line.strip()]

    def virsh_returns(self, *argv: str) -> int:
        """Run a command of virsh, and return its exit code."""
        return subprocess.run(self._virsh(argv), capture_output=True, check=False, timeout=60).returncode

    def virsh(self, *argv: str) -> str:
        """Return what a command of virsh printed."""
        done = subprocess.run(self._virsh(argv), capture_output=True, check=True, text=True, timeout=60)
        return done.stdout.strip()

    def _virsh(self, argv: Sequence[str]) -> list[str]:
        return ["virsh", "--quiet", "--connect", self.uri, *argv]


def _free_subnet() -> str:
    """Return the first three numbers of addresses that this machine has no route to."""
    # As in proc(5): the second column is the destination, its bytes in the order of this processor.
    lines = Path("/proc/net/route").read_text().splitlines()[1:]
    taken = {bytes.fromhex(line.split()[1])[::-1][:3] for line in lines}
    numbers = [number for number in range(256) if bytes((10, 213, number)) not in taken]
    return f"10.213.{random.choice(numbers)}"  # noqa: S311 - any will do
