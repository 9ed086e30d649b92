# SPDX-License-Identifier: GPL-3.0-or-later
"""What the provisioner `libvirt` does on QEMU beyond what all provisioners do, with guests that do nothing."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from jetpack_core.contracts.provisioner import GuestAction
from jetpack_core.errors import JetpackError
from tests.integration.provisioners.machines.conftest import HALTS, MIB
from tests.integration.provisioners.machines.daemon import LibvirtDaemon

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.xdist_group("libvirt"), pytest.mark.timeout(300)]

Make = Callable[..., Any]
Unused = Callable[[], str]


class Requests(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing; the server counts."""

    def log_message(self, *_: object) -> None:
        """Count instead."""
        self.server.count += 1  # type: ignore[attr-defined]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Any]:
    """A web server of a folder `folder`, with `address`, and `count` of its answers."""
    folder = tmp_path / "web"
    folder.mkdir()
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), partial(Requests, directory=str(folder)))
    server.count, server.folder, server.address = 0, folder, f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def served(web: Any, content: bytes) -> tuple[str, str]:
    """Return the address and the checksum of an image that is served."""
    (web.folder / "disk.img").write_bytes(content)
    return f"{web.address}/disk.img", f"sha256:{hashlib.sha256(content).hexdigest()}"


def own_image() -> bytes:
    """Return an image that nobody else has."""
    return HALTS + os.urandom(16).ljust(MIB - len(HALTS), b"\0")


def xml_of(daemon: LibvirtDaemon, name: str, *flags: str) -> Element:
    return fromstring(daemon.virsh("dumpxml", name, *flags))  # noqa: S314 - libvirt's own


# What is said is what there is.


def test_everything_said_is_what_the_domain_has(daemon: LibvirtDaemon, make: Make, unused: Unused) -> None:
    name = unused()
    wanted = make(
        memory="32m",
        memory_max="64m",
        vcpus=1,
        vcpus_max=3,
        cpu_mode="maximum",
        machine="pc",
        networks=[{"network": "default", "mac": "52:54:00:AA:BB:01", "model": "e1000"}],
        graphics="vnc",
        console_log="/var/log/libvirt/qemu/console.log",
        direct_kernel={"kernel": "/var/lib/libvirt/images/kernel", "cmdline": "quiet"},
        extra_disks=[{"name": "data", "size": "8m", "bus": "scsi"}],
        cloud_init={"bus": "ide", "user_data": {"packages": ["nginx"]}},
        autostart=True,
        start_on_create=False,
    )
    guest = wanted.create(name)
    assert not guest.running
    root = xml_of(daemon, name)
    assert (root.findtext("memory"), root.findtext("currentMemory")) == ("65536", "32768")
    vcpu = root.find("vcpu")
    assert vcpu is not None
    assert (vcpu.text, vcpu.get("current")) == ("3", "1")
    found = {
        path: [one.get(key) for one in root.findall(path)]
        for path, key in (
            ("cpu", "mode"),
            ("devices/interface/mac", "address"),
            ("devices/interface/model", "type"),
            ("devices/graphics", "listen"),
            ("devices/serial/log", "file"),
            ("devices/disk/target", "bus"),
            ("devices/rng/backend", "model"),
        )
    }
    assert found == {
        "cpu": ["maximum"],
        "devices/interface/mac": ["52:54:00:aa:bb:01"],
        "devices/interface/model": ["e1000"],
        "devices/graphics": ["127.0.0.1"],
        "devices/serial/log": ["/var/log/libvirt/qemu/console.log"],
        "devices/disk/target": ["virtio", "scsi", "ide"],
        "devices/rng/backend": ["random"],
    }
    assert root.findtext("os/cmdline") == "quiet"
    assert daemon.virsh("dominfo", name).partition("Autostart:")[2].split()[0] == "enable"
    assert wanted.plan(name, wanted.find(name)).action is GuestAction.NONE


def test_the_disk_is_a_layer_above_the_image(daemon: LibvirtDaemon, make: Make, unused: Unused) -> None:
    name = unused()
    make(disk_size="5m").create(name)
    described = fromstring(daemon.virsh("vol-dumpxml", "--pool", "default", f"{name}.qcow2"))  # noqa: S314 - as above
    backing = described.findtext("backingStore/path") or ""
    assert "jetpack-base-" in backing
    assert described.findtext("capacity") == str(5 * MIB)
    assert described.findtext("target/permissions/mode") == "0600"


def test_a_volume_that_is_there_is_used_and_outlives_the_guest(
    daemon: LibvirtDaemon, make: Make, unused: Unused
) -> None:
    name, volume = unused(), unused()
    daemon.virsh("vol-create-as", "default", volume, "2M")
    wanted = make(extra_disks=[{"name": "kept", "volume": volume}])
    guest = wanted.create(name)
    by_hand = unused()
    daemon.virsh("vol-create-as", "default", by_hand, "2M")
    daemon.virsh("attach-disk", name, f"/var/lib/libvirt/images/{by_hand}", "vdx", "--live", "--config")
    assert wanted.plan(name, wanted.find(name)).action is GuestAction.NONE
    rebuilt = make(extra_disks=[{"name": "kept", "volume": volume}], hostname="other")
    after = rebuilt.replace(name, wanted.find(name), rebuilt.plan(name, guest))
    assert after.id != guest.id
    daemon.virsh("snapshot-create-as", name, "by-hand", "--disk-only", "--no-metadata", "--diskspec", "sda,snapshot=no")
    rebuilt.stop(after)
    rebuilt.destroy(rebuilt.find(name))
    left = [one for one in daemon.volumes() if one.startswith(name) or one in {volume, by_hand}]
    assert {volume, by_hand} <= set(left)
    assert f"{name}.qcow2" not in left
    assert name not in daemon.domains()


# Network cards.


def test_a_card_keeps_its_address_when_it_is_plugged_elsewhere_and_when_the_guest_is_rebuilt(
    daemon: LibvirtDaemon, make: Make, unused: Unused
) -> None:
    name, other = unused(), f"net-{os.getpid()}"
    daemon.add_network(other)
    wanted = make()
    before = wanted.create(name)
    mac = xml_of(daemon, name).find("devices/interface/mac")
    assert mac is not None
    moved = make(networks=[other])
    plan = moved.plan(name, before)
    assert [(one.field, one.before, one.after) for one in plan.changes] == [
        ("networks[0]", "network default", f"network {other}")
    ]
    assert plan.reason == ""
    moved.update(before, plan)
    for flags in ((), ("--inactive",)):
        root = xml_of(daemon, name, *flags)
        source, now = root.find("devices/interface/source"), root.find("devices/interface/mac")
        assert source is not None
        assert now is not None
        assert (source.get("network"), now.get("address")) == (other, mac.get("address"))
    rebuilt = make(networks=[other], hostname="renamed")
    guest = rebuilt.find(name)
    rebuilt.replace(name, guest, rebuilt.plan(name, guest))
    now = xml_of(daemon, name).find("devices/interface/mac")
    assert now is not None
    assert now.get("address") == mac.get("address")
    rebuilt.destroy(rebuilt.find(name))
    daemon.virsh("net-destroy", other)


# When changes take effect.


def test_the_plan_says_what_waits_for_the_next_start(daemon: LibvirtDaemon, make: Make, unused: Unused) -> None:
    name = unused()
    make(memory_max="64m").create(name)
    assert make(memory_max="64m").plan(name, make().find(name)).action is GuestAction.NONE
    wanted = make(memory="128m", memory_max="128m", vcpus=2, disk_size="4m", cpu_mode="maximum")
    plan = wanted.plan(name, wanted.find(name))
    assert plan.action is GuestAction.UPDATE
    changes = {one.field: (one.before, one.after) for one in plan.changes}
    assert changes == {
        "memory": ("32m", "128m"),
        "memory_max": ("64m", "128m"),
        "vcpus": (1, 2),
        "cpu_mode": ("qemu64", "maximum"),
        "disk_size": ("1m", "4m"),
    }
    assert plan.reason == "memory, memory_max, vcpus, cpu_mode: from its next start on"
    guest = wanted.update(wanted.find(name), plan)
    assert wanted.plan(name, wanted.find(name)).action is GuestAction.NONE
    assert daemon.virsh("domblkinfo", name, "vda").split()[1] == str(4 * MIB)
    assert xml_of(daemon, name).findtext("memory") == "65536"
    wanted.stop(guest)
    wanted.start(guest)
    assert xml_of(daemon, name).findtext("memory") == "131072"


def test_what_only_a_new_guest_could_have_is_left_while_the_rest_is_changed(make: Make, unused: Unused) -> None:
    name = unused()
    make().create(name)
    wanted = make(disk_size="2m", hostname="other", machine="pc")
    plan = wanted.plan(name, wanted.find(name))
    assert plan.action is GuestAction.UPDATE
    assert [one.field for one in plan.changes] == ["disk_size"]
    assert plan.reason == "machine, hostname: left as it is, as only `rebuild: true` could change it"
    wanted.update(wanted.find(name), plan)
    left = wanted.plan(name, wanted.find(name))
    assert (left.action, {one.field for one in left.changes}) == (GuestAction.DRIFT, {"machine", "hostname"})
    smaller = make(disk_size="1m")
    assert smaller.plan(name, smaller.find(name)).action is GuestAction.DRIFT


def test_a_paused_guest_goes_on(daemon: LibvirtDaemon, make: Make, unused: Unused) -> None:
    name = unused()
    wanted = make()
    wanted.create(name)
    daemon.virsh("suspend", name)
    guest = wanted.find(name)
    assert not guest.running
    wanted.start(guest)
    assert daemon.virsh("domstate", name) == "running"


def test_a_guest_that_was_taken_over_keeps_what_nobody_spoke_of(
    daemon: LibvirtDaemon, make: Make, unused: Unused
) -> None:
    name = unused()
    path = daemon.images / "by-hand.xml"
    path.write_text(
        f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>48</memory><vcpu>2</vcpu>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
    )
    daemon.virsh("define", str(path))
    wanted = make(autostart=True, memory="64m")
    plan = wanted.plan(name, wanted.find(name))
    assert {one.field for one in plan.changes} == {"autostart", "memory"}
    wanted.update(wanted.find(name), plan)
    guest = wanted.find(name)
    assert (wanted.plan(name, guest).action, guest.owned) == (GuestAction.NONE, False)
    assert xml_of(daemon, name).findtext("vcpu") == "2"
    with pytest.raises(JetpackError, match="not made by Jetpack"):
        wanted.destroy(guest)


# Base images.


def test_an_image_from_the_web_is_fetched_once_for_all(
    daemon: LibvirtDaemon, make: Make, unused: Unused, web: Any
) -> None:
    address, checksum = served(web, own_image())
    names = [unused() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda name: make(base_image=address, checksum=checksum).create(name), names))
    assert web.count == 1
    found = [one for one in daemon.volumes() if checksum[7:23] in one]
    assert found == [f"jetpack-base-{checksum[7:23]}-disk.img"]
    for name in names:
        wanted = make(base_image=address, checksum=checksum)
        wanted.destroy(wanted.find(name))
    assert found[0] in daemon.volumes()


def test_an_image_with_another_checksum_is_not_used(
    daemon: LibvirtDaemon, make: Make, unused: Unused, web: Any
) -> None:
    address, _ = served(web, own_image())
    before = daemon.volumes()
    with pytest.raises(JetpackError, match="does not have the checksum"):
        make(base_image=address, checksum=f"sha256:{'0' * 64}").create(unused())
    assert daemon.volumes() == before


def test_half_of_an_image_is_brought_again(
    daemon: LibvirtDaemon, make: Make, unused: Unused, web: Any, tmp_path: Path
) -> None:
    content = own_image()
    address, checksum = served(web, content)
    name = f"jetpack-base-{checksum[7:23]}-disk.img"
    daemon.virsh("vol-create-as", "default", name, "1M")
    make(base_image=address, checksum=checksum).create(unused())
    assert (daemon.images / name).read_bytes() == content


def test_a_changed_file_is_another_image(make: Make, unused: Unused, tmp_path: Path) -> None:
    name, image = unused(), tmp_path / "disk.img"
    image.write_bytes(own_image())
    make(base_image=str(image)).create(name)
    assert make(base_image=str(image)).plan(name, make().find(name)).action is GuestAction.NONE
    image.write_bytes(own_image() + bytes(MIB))
    plan = make(base_image=str(image)).plan(name, make().find(name))
    assert (plan.action, [one.field for one in plan.changes]) == (GuestAction.DRIFT, ["base_image"])


# KVM.


def test_acceleration_is_tried_with_a_guest_that_must_run(daemon: LibvirtDaemon, make: Make) -> None:
    before = daemon.volumes(), daemon.domains()
    trial = make()._tools().acceleration()
    assert trial.works("qemu")
    assert not trial.works("qemu", HALTS)
    assert not trial.works("kvm")
    assert (daemon.volumes(), daemon.domains()) == before


def test_emulation_is_warned_of(make: Make, unused: Unused) -> None:
    plan = make().plan(unused(), None)
    assert plan.action is GuestAction.CREATE
    assert "no KVM" in plan.reason
    assert make(domain_type="qemu").plan(unused(), None).reason == ""


# Refusals.


@pytest.mark.parametrize(
    ("wrong", "message", "hint"),
    [
        ({"pool": "nowhere"}, "no storage pool 'nowhere'; there are: .*default", "pool-create-as nowhere"),
        ({"networks": ["nowhere"]}, "no network 'nowhere'; there are: default", "bridge"),
        ({"networks": [{"bridge": "nowhere0"}]}, "nowhere0", "ip link show type bridge"),
        ({"base_image": "nowhere.qcow2"}, "no volume 'nowhere.qcow2'", "vol-list"),
        ({"base_image": "/nowhere/disk.qcow2"}, "neither in a pool of the hypervisor nor on this machine", "path"),
        ({"base_image": "http://127.0.0.1:1/x", "checksum": f"sha256:{'0' * 64}"}, "cannot be fetched", ""),
        ({"disk_size": "512k"}, "whole number of MiB", ""),
        ({"extra_disks": [{"name": "a", "volume": "nowhere"}]}, "no volume 'nowhere' for the disk a", ""),
        ({"machine": "pc-i440fx-0.1"}, "pc-i440fx-0.1", ""),
        ({"cpu_mode": "host-passthrough"}, "host-passthrough", ""),
        ({"direct_kernel": {"kernel": "/nowhere/vmlinuz"}}, "/nowhere/vmlinuz", ""),
        ({"authorized_keys": ["/nowhere/id.pub"]}, "`authorized_keys`: /nowhere/id.pub cannot be read", ""),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_left(
    daemon: LibvirtDaemon, make: Make, unused: Unused, wrong: dict[str, Any], message: str, hint: str
) -> None:
    name = unused()
    with pytest.raises((JetpackError, ValueError), match=message) as failure:
        make(**wrong).create(name)
    assert hint in str(failure.value)
    assert [one for one in (*daemon.volumes(), *daemon.domains()) if one.startswith(name)] == []


def test_a_volume_of_somebody_else_is_not_taken(daemon: LibvirtDaemon, make: Make, unused: Unused) -> None:
    name = unused()
    daemon.virsh("vol-create-as", "default", f"{name}-seed.iso", "1M")
    with pytest.raises(JetpackError, match=r"has a volume .*-seed\.iso already") as failure:
        make().create(name)
    assert "vol-delete" in failure.value.hint
    assert [one for one in daemon.volumes() if one.startswith(name)] == [f"{name}-seed.iso"]
    assert name not in daemon.domains()


def test_networks_and_pools_that_sleep_are_named(daemon: LibvirtDaemon, make: Make, unused: Unused) -> None:
    pool, network = unused(), unused()
    daemon.virsh("pool-define-as", pool, "dir", "--target", f"/var/lib/libvirt/{pool}")
    path = daemon.images / "sleeps.xml"
    path.write_text(f"<network><name>{network}</name><bridge name='jtsleeps0'/></network>")
    daemon.virsh("net-define", str(path))
    with pytest.raises(JetpackError, match="is not active") as failure:
        make(pool=pool).plan(unused(), None)
    assert "pool-start" in failure.value.hint
    with pytest.raises(JetpackError, match="is not active") as failure:
        make(networks=[network]).plan(unused(), None)
    assert "net-start" in failure.value.hint
    daemon.virsh("pool-undefine", pool)
    daemon.virsh("net-undefine", network)


def test_a_daemon_that_is_not_there_or_not_for_us_is_told(daemon: LibvirtDaemon, make: Make, tmp_path: Path) -> None:
    with pytest.raises(JetpackError, match="cannot be reached") as failure:
        make(uri=f"qemu+unix:///system?socket={tmp_path}/libvirt-sock").find("web1")
    assert "systemctl start libvirtd" in failure.value.hint
    sock = daemon.images.parents[3] / "closed-libvirt-sock"
    with socket.socket(socket.AF_UNIX) as closed:
        closed.bind(str(sock))
        sock.chmod(0o600)
        os.seteuid(65534)
        try:
            with pytest.raises(JetpackError, match="cannot be reached") as failure:
                make(uri=f"qemu+unix:///system?socket={sock}").find("web1")
        finally:
            os.seteuid(0)
    sock.unlink()
    assert "join the group libvirt" in failure.value.hint
    with pytest.raises(JetpackError, match="cannot be reached"):
        make(uri="nonsense:///system").find("web1")


def test_somebody_else_who_makes_the_guest_is_not_disturbed(
    daemon: LibvirtDaemon, make: Make, unused: Unused, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = unused()
    wanted = make()
    wanted.create(name)
    text = daemon.virsh("dumpxml", "--inactive", name)
    making = text.replace('"making": null', '"making": {"since": 4102444800.0, "who": "ann@other"}')
    path = daemon.images / "making.xml"
    path.write_text(making)
    daemon.virsh("define", str(path))
    with pytest.raises(JetpackError, match="ann@other is making the guest"):
        wanted.plan(name, wanted.find(name))
    path.write_text(making.replace("4102444800.0", "0.0"))
    daemon.virsh("define", str(path))
    assert wanted.plan(name, wanted.find(name)).action is GuestAction.REPLACE


def test_a_file_that_is_gone_is_no_difference(make: Make, unused: Unused, tmp_path: Path) -> None:
    name, image = unused(), tmp_path / "disk.img"
    image.write_bytes(own_image())
    wanted = make(base_image=str(image))
    wanted.create(name)
    image.unlink()
    assert wanted.plan(name, wanted.find(name)).action is GuestAction.NONE


def test_a_disk_that_a_snapshot_took_the_place_of_does_not_grow(
    daemon: LibvirtDaemon, make: Make, unused: Unused
) -> None:
    name = unused()
    make().create(name)
    daemon.virsh("snapshot-create-as", name, "by-hand", "--disk-only", "--no-metadata", "--diskspec", "sda,snapshot=no")
    wanted = make(disk_size="4m")
    guest = wanted.find(name)
    with pytest.raises(JetpackError, match="does not use its disk") as failure:
        wanted.update(guest, wanted.plan(name, guest))
    assert "blockcommit" in failure.value.hint
