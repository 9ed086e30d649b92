# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether guests can run on the processor itself (KVM), found out by letting one run.

That /dev/kvm is there, or that libvirt lists `kvm`, proves nothing: on a hypervisor that is a guest itself, both can be
so and every guest hangs. So a guest of 512 bytes is started that goes the way of every kernel, from real mode to long
mode with paging, and then turns the power off. It takes about a second, and nothing of it stays.
"""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from jetpack_core.errors import JetpackError
from jetpack_core.state import state_folder
from jetpack_provisioner_libvirt.daemon import found, parsed, refusals
from jetpack_provisioner_libvirt.storage import Storage

KVM: Final = "kvm"
EMULATED: Final = "qemu"
_PROBED: Final = "x86_64"
_PATIENCE: Final = 20.0
"""Seconds; on a processor it takes one, most of it the BIOS."""
_POLL: Final = 0.2
_BELIEVED: Final = {"runs": 24 * 3600.0, "hangs": 600.0}
"""Seconds for which what came of a trial is believed."""
_SECTOR: Final = 512
# Assembled from: clear 0x1000-0x3fff; page tables there (PML4 -> PDPT -> one page of 2 MiB); CR3, CR4.PAE, EFER.LME,
# CR0.PG|PE; far jump into 64-bit code; count down from two million; write 0x2000 to port 0x604, which is "soft off"
# for ACPI of QEMU's chipset `pc`; halt.
_PROGRAM: Final = (
    "+jHAjtiOwI7QvAB86hF8AABmvwAQAABmMcBmuQAMAABm86tmxwYAEAMgAABmxwYAIAMwAABmxwYAMIMAAABmuAAQAAAPIthmuCAA"
    "AAAPIuBmuYAAAMAPMmYNAAEAAA8wDyDAZg0BAACADyLADwEWoHzqdnwIALmAhB4A85D/yXX6uAAgAABmugQGZu/69Ov8AAAAAAAA"
    "AAD//wAAAJqvAA8AkHw="
)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a hypervisor says it can do."""

    architecture: str
    kinds: tuple[str, ...]
    """Types of domains for its own architecture, such as `kvm` and `qemu`."""
    machines: frozenset[str]
    identity: str
    """Tells it from other hypervisors."""


def abilities_of(connection: Any, uri: str) -> Abilities:
    """Ask a hypervisor what it can do. Raises JetpackError."""
    with refusals(f"asking {uri} what it can do", uri):
        root = parsed(connection.getCapabilities())
        version = connection.getVersion()
    own = root.findtext("host/cpu/arch") or ""
    guests = [one for one in root.findall("guest") if one.findtext("os_type") == "hvm"]
    of = {one.get("name", ""): one for guest in guests for one in guest.findall("arch")}
    if not of:
        raise JetpackError(f"{uri} cannot run virtual machines", hint="install QEMU there (Debian: qemu-system-x86)")
    name = own if own in of else next(iter(of))
    kinds = tuple(one.get("type", "") for one in of[name].findall("domain"))
    machines = frozenset(one.text or "" for one in of[name].findall(".//machine"))
    host = root.findtext("host/uuid") or uri
    return Abilities(name, kinds, machines, f"{host} {version}")


class Acceleration:
    """Chooses how guests of a hypervisor run.

    :param pool: Where the guest of the trial may have its disk for a moment.
    """

    def __init__(
        self,
        connection: Any,
        uri: str,
        storage: Storage,
        pool: str,
        say: Callable[[str], None],
        lock: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._connection = connection
        self._uri = uri
        self._storage = storage
        self._pool = pool
        self._say = say
        self._lock = lock

    def choose(self, abilities: Abilities) -> tuple[str, str]:
        """Return the type for a new domain, and why it is emulated where it is; the reason is empty otherwise."""
        if KVM not in abilities.kinds:
            kind = EMULATED if EMULATED in abilities.kinds else abilities.kinds[0]
            return kind, f"{self._uri} offers no KVM" if kind == EMULATED else ""
        if abilities.architecture != _PROBED:
            # The trial is written for one processor only.
            return KVM, ""
        with self._lock(f"libvirt kvm {abilities.identity}"):
            if self._outcome(abilities) == "runs":
                return KVM, ""
        return EMULATED, f"KVM of {self._uri} is there, but a guest that was tried hung"

    def works(self, kind: str, program: bytes | None = None) -> bool:
        """Tell whether a small guest runs to its end. Raises JetpackError.

        :param kind: `kvm` or `qemu`.
        :param program: Another boot sector than our own.
        """
        name = f"jetpack-kvm-trial-{uuid.uuid4().hex[:8]}"
        volume = self._storage.make(self._pool, name, _SECTOR, "raw")
        try:
            self._storage.fill(volume, [program or trial_program()])
            with refusals("trying out KVM", self._uri):
                return self._ran(kind, name, volume.path())
        except JetpackError:
            # A guest that cannot even be started does not work either; the real one tells why.
            return False
        finally:
            with suppress(JetpackError):
                self._storage.remove(self._pool, name)

    def _ran(self, kind: str, name: str, path: str) -> bool:
        import libvirt

        flags = libvirt.VIR_DOMAIN_START_AUTODESTROY
        domain = self._connection.createXML(
            _TRIAL.format(kind=kind, name=name, path=escape(path, {"'": "&apos;"})), flags
        )
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if found(domain.isActive, "VIR_ERR_NO_DOMAIN") in {None, 0}:
                return True
            time.sleep(_POLL)
        with suppress(libvirt.libvirtError):
            domain.destroy()
        return False

    def _outcome(self, abilities: Abilities) -> str:
        """Return whether a guest `runs` or `hangs`, tried anew where nobody did so of late."""
        note = self._note(abilities)
        # Without the note nothing is lost but time.
        with suppress(OSError, KeyError):
            known = note.read_text(encoding="ascii")
            if 0 <= time.time() - note.stat().st_mtime < _BELIEVED[known]:
                return known
        self._say("trying out KVM")
        outcome = "runs" if self.works(KVM) else "hangs"
        with suppress(OSError):
            note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            note.write_text(outcome, encoding="ascii")
        return outcome

    def _note(self, abilities: Abilities) -> Path:
        return state_folder() / "libvirt" / f"kvm-{hashlib.sha256(abilities.identity.encode()).hexdigest()[:32]}"


def trial_program() -> bytes:
    """Return the boot sector of the guest that is tried."""
    return base64.b64decode(_PROGRAM).ljust(_SECTOR - 2, b"\0") + b"\x55\xaa"


_TRIAL: Final = """\
<domain type='{kind}'>
  <name>{name}</name>
  <memory unit='MiB'>16</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>restart</on_crash>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{path}'/>
      <target dev='hda' bus='ide'/></disk>
  </devices>
</domain>
"""
