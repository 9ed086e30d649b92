# SPDX-License-Identifier: GPL-3.0-or-later
"""A daemon, a pool and a network for guests, and guests so small that they start at once."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jetpack_core.contracts.provisioner import Surroundings
from jetpack_core.provisioning.locks import named_lock
from tests.integration.provisioners.machines.daemon import LibvirtDaemon, why_no_daemon
from tests.integration.provisioners.machines.image import MachineImage, NoImageError, ensure_image

# Clear interrupts, halt, and again: a guest that does nothing, and hears nothing either.
HALTS = b"\xfa\xf4\xeb\xfd".ljust(510, b"\0") + b"\x55\xaa"
MIB = 1 << 20


@pytest.fixture(scope="session")
def daemon() -> Iterator[LibvirtDaemon]:
    """A daemon of this session; skipped with the reason where none can be started."""
    pytest.importorskip(
        "jetpack_provisioner_libvirt", reason="libvirt-python cannot be compiled here: no libvirt headers"
    )
    reason = why_no_daemon()
    if reason is not None:
        pytest.skip(reason)
    # Not below pytest's own folders: QEMU's user must get in, and the path of a socket is short.
    scratch = Path(tempfile.mkdtemp(prefix="jetpack-libvirt-"))
    try:
        with LibvirtDaemon(scratch) as started:
            started.virsh("pool-create-as", "default", "dir", "--target", "/var/lib/libvirt/images")
            started.add_network("default")
            yield started
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture(scope="session")
def machine_image() -> MachineImage:
    """A Debian that boots."""
    try:
        return ensure_image()
    except NoImageError as error:
        pytest.skip(f"the disk of the test machines cannot be made here: {error}")


@pytest.fixture(scope="session")
def halting_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The disk of a guest that does nothing."""
    path = tmp_path_factory.mktemp("disks") / "halts.img"
    path.write_bytes(HALTS.ljust(MIB, b"\0"))
    return path


@pytest.fixture
def unused(daemon: LibvirtDaemon) -> Iterator[Callable[[], str]]:
    """Return names; domains and volumes that begin with one of them are removed after the test."""
    mark = f"kit-{uuid.uuid4().hex[:8]}"
    count = iter(range(1000))
    yield lambda: f"{mark}-{next(count)}"
    daemon.remove(mark)


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    """What a run surrounds a provisioner with."""
    return Surroundings(lock=lambda name: named_lock(tmp_path / "locks", name, lambda: None))


@pytest.fixture
def make(daemon: LibvirtDaemon, halting_disk: Path, around: Surroundings) -> Callable[..., Any]:
    """Return parameters of a guest that does nothing."""
    from jetpack_provisioner_libvirt.provisioner import VirtualMachine

    def made(**more: object) -> VirtualMachine:
        few = {"uri": daemon.uri, "base_image": str(halting_disk), "memory": "32m", "stop_timeout": 0.5}
        wanted = VirtualMachine.model_validate({**few, **more})
        wanted.attach(around)
        return wanted

    return made
