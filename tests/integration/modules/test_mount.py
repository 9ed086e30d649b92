# SPDX-License-Identifier: GPL-3.0-or-later
"""`mount` with the real mount(8): file systems in memory and binds, on hosts with and without Python and GNU tools."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jetpack_core.errors import StaleError, TaskError, UnknownValueError
from jetpack_core.modules.files.file import File
from jetpack_core.modules.system.mount import Mount
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import SshHost
from tests.integration.modules.conftest import MAY_ADMINISTER, Reach, converged, machines

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

FSTAB = "# the disks\n\nLABEL=none\t/never\text4 noauto\t0\t2"


machine = machines(
    *("debian", "nopython", "busybox", "systemd"),
    prepare=lambda host: host.shell("mkdir -p /srv/real/below; echo here >/srv/real/file; mkdir '/srv/m t'"),
    run_args=MAY_ADMINISTER,
)


@pytest.fixture
def host(machine: SshHost, connected: TestHost) -> Iterator[TestHost]:
    machine.write("/etc/fstab", FSTAB.encode())
    yield connected
    machine.shell("for d in /srv/a /srv/real/below '/srv/m t'; do while umount \"$d\" 2>/dev/null; do :; done; done")
    machine.shell("rm -rf /srv/a /srv/deep")


def tmpfs(path: str = "/srv/a", opts: str = "size=1M,mode=0750", **more: object) -> Mount:
    return Mount.model_validate({"path": path, "src": "tmpfs", "fstype": "tmpfs", "opts": opts} | more)


def mounted(machine: SshHost, path: str) -> list[str]:
    """Return the options of what is mounted at a path, from the last to the first."""
    escaped = path.replace(" ", r"\040")
    rows = [line.split(" ") for line in machine.read("/proc/mounts").decode().splitlines()]
    return [row[3] for row in rows if row[1] == escaped]


def test_a_new_file_system_is_mounted_and_remembered(host: TestHost, machine: SshHost) -> None:
    before = machine.read("/proc/mounts")
    assert host.plan(tmpfs("/srv/deep/a b"), planning=True).kind is PlanKind.CREATE
    assert (machine.read("/proc/mounts"), machine.exists("/srv/deep")) == (before, False)
    assert converged(host, tmpfs("/srv/deep/a b")).kind is PlanKind.CREATE
    assert "size=1024k" in mounted(machine, "/srv/deep/a b")[0]
    line = r"tmpfs /srv/deep/a\040b tmpfs size=1M,mode=0750 0 0"
    assert machine.read("/etc/fstab").decode() == f"{FSTAB}\n{line}\n"
    machine.shell("umount '/srv/deep/a b' && mount '/srv/deep/a b'")
    assert host.plan(tmpfs("/srv/deep/a b")).kind is PlanKind.NONE
    assert converged(host, tmpfs("/srv/deep/a b", state="absent")).kind is PlanKind.REMOVE
    assert machine.read("/etc/fstab").decode() == f"{FSTAB}\n"
    assert mounted(machine, "/srv/deep/a b") == []


def test_options_are_changed_without_unmounting(host: TestHost, machine: SshHost) -> None:
    converged(host, tmpfs(opts="size=1M,noexec,noatime"))
    machine.shell("echo kept >/srv/a/file")
    assert host.plan(tmpfs(opts="noatime,noexec,size=1024k")).kind is PlanKind.MODIFY
    plan = converged(host, tmpfs(opts="size=2M,nosuid"))
    assert [change.field for change in plan.changes] == ["opts", "mount options"]
    (now,) = mounted(machine, "/srv/a")
    assert {"size=2048k", "nosuid", "relatime"} <= set(now.split(","))
    assert not {"noexec", "noatime"} & set(now.split(","))
    assert machine.read("/srv/a/file") == b"kept\n"
    machine.shell("mount -o remount,ro,nosuid /srv/a")
    converged(host, tmpfs(opts="size=2M,nosuid,rw"))
    assert mounted(machine, "/srv/a")[0].startswith("rw")


def test_present_and_unmounted_keep_to_their_half(host: TestHost, machine: SshHost) -> None:
    converged(host, tmpfs(state="present"))
    assert mounted(machine, "/srv/a") == []
    assert not machine.exists("/srv/a")
    converged(host, tmpfs())
    line = machine.read("/etc/fstab")
    machine.shell("mount -t tmpfs twice /srv/a")
    plan = converged(host, Mount(path="/srv/a", state="unmounted"))
    assert plan.kind is PlanKind.MODIFY
    assert mounted(machine, "/srv/a") == []
    assert machine.read("/etc/fstab") == line
    converged(host, Mount(path="/srv/a", state="absent"))
    assert machine.exists("/srv/a")


def test_a_directory_is_seen_at_a_second_place(host: TestHost, machine: SshHost) -> None:
    bind = Mount(path="/srv/a", src="/srv/real", opts=["bind", "ro", "nodev"])
    converged(host, bind)
    assert machine.read("/srv/a/file") == b"here\n"
    assert {"ro", "nodev"} <= set(mounted(machine, "/srv/a")[0].split(","))
    assert machine.exec(["touch", "/srv/a/x"], check=False).returncode != 0
    assert "nodev" not in machine.shell("grep ' / ' /proc/mounts").split(" ")[3].split(",")
    converged(host, Mount(path="/srv/a", src="/srv/real", opts=["bind", "rw", "nosuid", "nodev"]))
    machine.shell("touch /srv/a/x && rm /srv/real/x")
    plan = converged(host, Mount(path="/srv/a", src="/srv/real/below", opts=["bind"]))
    assert "mounted" in [change.field for change in plan.changes]
    assert not machine.exists("/srv/a/file")
    assert len(mounted(machine, "/srv/a")) == 1


def test_a_file_is_seen_at_a_second_place(host: TestHost, machine: SshHost) -> None:
    converged(host, Mount(path="/srv/deep/file", src="/srv/real/file", opts=["bind"]))
    assert machine.read("/srv/deep/file") == b"here\n"
    converged(host, Mount(path="/srv/deep/file", state="absent"))
    assert machine.read("/srv/deep/file") == b""


@pytest.mark.parametrize(
    "module",
    [
        {"src": "/srv/real/file", "fstype": "ext4"},
        {"src": "/dev/no-such-disk", "fstype": "ext4"},
        {"src": "UUID=0a1b2c3d-0000-4000-8000-0123456789ab", "fstype": "ext4"},
        {"src": "tmpfs", "fstype": "no_such_type"},
        {"src": "tmpfs", "fstype": "tmpfs", "opts": "no_such_option=1"},
    ],
)
def test_what_cannot_be_mounted_changes_nothing(host: TestHost, machine: SshHost, module: dict[str, object]) -> None:
    before = machine.read("/proc/mounts")
    with pytest.raises(TaskError, match=r"/srv/deep/x cannot be mounted, and fstab stays as it is: .*mount") as caught:
        host.converge(Mount.model_validate({"path": "/srv/deep/x", **module}))
    assert "exit code" not in caught.value.message
    assert machine.read("/etc/fstab").decode() == FSTAB
    assert machine.read("/proc/mounts") == before
    assert not machine.exists("/srv/deep")


def test_what_is_there_stays_where_the_new_one_cannot_be_mounted(host: TestHost, machine: SshHost) -> None:
    converged(host, tmpfs("/srv/m t"))
    machine.shell("echo kept >'/srv/m t/file'")
    with pytest.raises(TaskError, match="cannot be mounted"):
        host.converge(Mount(path="/srv/m t", src="/srv/real/file", fstype="ext4"))
    assert machine.read("/srv/m t/file") == b"kept\n"
    assert b"/srv/real/file" not in machine.read("/etc/fstab")


def test_what_is_in_use_stays(host: TestHost, machine: SshHost) -> None:
    converged(host, tmpfs())
    machine.shell("exec 3>/srv/a/held; sleep 300 >/dev/null 2>&1 & echo $! >/tmp/user")
    try:
        with pytest.raises(TaskError, match=r"cannot be unmounted, and fstab stays as it is: .*busy"):
            host.converge(tmpfs(state="absent"))
    finally:
        machine.shell("kill $(cat /tmp/user)")
    assert len(mounted(machine, "/srv/a")) == 1
    assert b"/srv/a" in machine.read("/etc/fstab")


def test_a_second_mount_in_between_is_noticed(host: TestHost, machine: SshHost) -> None:
    plan = host.plan(tmpfs("/srv/m t"))
    machine.shell("mount -t tmpfs other '/srv/m t'")
    with pytest.raises(StaleError):
        host.apply(tmpfs("/srv/m t"), plan)
    assert len(mounted(machine, "/srv/m t")) == 1
    assert machine.read("/etc/fstab").decode() == FSTAB


def test_a_change_of_fstab_in_between_is_kept(host: TestHost, machine: SshHost) -> None:
    plan = host.plan(tmpfs(state="present"))
    machine.write("/etc/fstab", b"# mine\n")
    with pytest.raises(StaleError):
        host.apply(tmpfs(state="present"), plan)
    assert machine.read("/etc/fstab") == b"# mine\n"


@pytest.mark.parametrize(
    ("src", "fstype", "field"),
    [
        ("LABEL=my data", "ext4", r"LABEL=my\040data"),
        ("UUID=0a1b2c3d-0000-4000-8000-0123456789ab", "ext4", "UUID=0a1b2c3d-0000-4000-8000-0123456789ab"),
        ("server:/srv/a b", "nfs", r"server:/srv/a\040b"),
        ("[fe80::1%eth0]:/srv", "nfs4", "[fe80::1%eth0]:/srv"),
        ("//server/share", "cifs", "//server/share"),
    ],
)
def test_sources_that_are_not_there_are_remembered_but_not_mounted(
    host: TestHost, machine: SshHost, src: str, fstype: str, field: str
) -> None:
    parameters = {"path": "/srv/a", "src": src, "fstype": fstype}
    with pytest.raises(TaskError, match="cannot be mounted, and fstab stays as it is"):
        host.converge(Mount.model_validate(parameters))
    assert machine.read("/etc/fstab").decode() == FSTAB
    assert not machine.exists("/srv/a")
    converged(host, Mount.model_validate({**parameters, "state": "present"}))
    assert machine.read("/etc/fstab").decode() == f"{FSTAB}\n{field} /srv/a {fstype} defaults 0 0\n"


def test_without_the_rights_it_says_what_to_do(machine: SshHost, reach: Reach, host: TestHost) -> None:
    with reach(machine, "deploy") as other, pytest.raises(TaskError) as caught:
        other.converge(tmpfs("/srv/m t"))
    assert "sudo: root" in caught.value.hint
    assert "CAP_SYS_ADMIN" in caught.value.hint
    assert mounted(machine, "/srv/m t") == []


def test_a_later_task_does_not_look_below_what_will_be_mounted(host: TestHost) -> None:
    with pytest.raises(UnknownValueError, match="/srv/a"):
        host.plan_all([tmpfs(), File(path="/srv/a/file")])
    plans = host.plan_all([tmpfs(), tmpfs("/srv/m t")])
    assert [plan.kind for plan in plans] == [PlanKind.CREATE, PlanKind.CREATE]
