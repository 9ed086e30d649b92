# SPDX-License-Identifier: GPL-3.0-or-later
"""`mount`: its file on this machine, the rest on a scripted host; real mounts are in tests/integration."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from jetpack_core.contracts.operations import Run, Stat
from jetpack_core.errors import TaskError
from jetpack_core.modules.system.mount import Mount
from jetpack_core.modules.system.mounts import kernel_options, missing_options, parse_look, parse_mounts
from jetpack_core.records import CommandResult, FileKind, FileStat, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import Sandbox
from jetpack_core.testing.scripted import ScriptedConnection

FSTAB = "# the disks\nUUID=1\t/\text4\terrors=remount-ro 0 1\n"
ROOT = "21 1 0:20 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/x\n"
DATA = "30 21 0:40 / /srv/data rw,nosuid,relatime shared:2 - tmpfs tmp rw,size=1024k,mode=750\n"


def wanted(box: Sandbox, **more: object) -> Mapping[str, object]:
    known = {"path": box.path("m"), "src": "tmpfs", "fstype": "tmpfs", "state": "present"}
    return known | {"fstab": box.path("fstab")} | more


def written(box: Sandbox, *, opts: str = "size=1M,nodev") -> None:
    with_line = Mount.model_validate({**wanted(box), "opts": opts})
    box.write("fstab", f"{FSTAB}{with_line.entry.line}\n")


class TestMountConformance(ModuleConformance):
    module = Mount
    without_python = True
    cases = (
        Case("no file yet", wanted, expected=PlanKind.CREATE),
        Case(
            "no line yet",
            wanted,
            prepare=lambda box: box.write("fstab", FSTAB),
            expected=PlanKind.CREATE,
            disturb=lambda box: box.write("fstab", f"{FSTAB}# mine\n"),
        ),
        Case("other options", lambda box: wanted(box, opts="size=2M"), prepare=written),
        Case("other order", lambda box: wanted(box, opts="nodev,size=1M"), prepare=written, expected=PlanKind.NONE),
        Case("checked", lambda box: wanted(box, opts=["size=1M", "nodev"], passno="2"), prepare=written),
        Case("gone", lambda box: wanted(box, state="absent"), prepare=written, expected=PlanKind.REMOVE),
        Case("never there", lambda box: wanted(box, state="absent"), expected=PlanKind.NONE),
        Case("not mounted", lambda box: wanted(box, state="unmounted"), prepare=written, expected=PlanKind.NONE),
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"path": "/m"},
        {"path": "/m", "src": "tmpfs"},
        {"path": "m", "src": "tmpfs", "fstype": "tmpfs"},
        {"path": "/m", "src": "", "fstype": "tmpfs"},
        {"path": "/m", "src": "-a", "fstype": "tmpfs"},
        {"path": "/m", "src": "tmpfs", "fstype": "-a"},
        {"path": "/m", "src": "tmpfs", "fstype": "t; x"},
        {"path": "none", "src": "/swap", "fstype": "swap"},
        {"path": "/m", "src": "/swap", "fstype": "swap"},
        {"path": "/m", "src": "x", "fstype": "ext4", "opts": "remount,ro"},
        {"path": "/m", "src": "x", "fstype": "ext4", "opts": ["ro", "a\nb"]},
        {"path": "/m", "src": "x", "opts": "bind"},
        {"path": "/", "state": "unmounted"},
        {"path": "/", "state": "absent"},
        {"path": "/m", "src": "x", "fstype": "ext4", "passno": -1},
        {"path": "/m", "src": "x", "fstype": "ext4", "state": "gone"},
    ],
)
def test_what_cannot_be_meant_is_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Mount.model_validate(parameters)


def scripted(
    mounts: str, fstab: str = "", *, source: str = "tmp", same: bool = False, directory: str = ""
) -> ScriptedConnection:
    told = f"{mounts}\n{'same' if same else ''}\nsource {source}\npath /srv/data"
    file = FileStat("/etc/fstab", FileKind.FILE, 0o644, size=len(fstab), content=fstab.encode())
    known = {"/etc/fstab": file, "/srv": FileStat("/srv", FileKind.DIRECTORY, 0o755)}
    if DATA in mounts or same:
        known["/srv/data"] = FileStat("/srv/data", FileKind.DIRECTORY, 0o755)
    known[directory] = FileStat(directory, FileKind.DIRECTORY, 0o755)
    script = ScriptedConnection().on(Stat, lambda asked: known.get(asked.path, FileStat(asked.path)))
    return script.on(Run, CommandResult((), 0, told))


def tmpfs(opts: str = "size=1M", **more: object) -> Mount:
    known = {"path": "/srv/data", "src": "tmp", "fstype": "tmpfs", "opts": opts}
    return Mount.model_validate(known | more)


LINE = "tmp /srv/data tmpfs {} 0 0\n"


@pytest.mark.parametrize(
    ("fstab", "opts", "changed"),
    [
        ("size=1M", "size=1M", []),
        ("size=1M", "size=1024k,mode=0750", ["opts"]),
        ("nosuid,size=1M", "size=1M,nosuid", []),
        ("size=2M", "size=2M", ["mount options"]),
        ("noexec", "noexec", ["mount options"]),
        ("size=1M,nosuid", "size=1M", ["opts", "mount options"]),
        ("size=1M,nofail,x-systemd.automount", "size=1M", ["opts"]),
        ("size=1M", "size=1M,huge=never", ["opts", "mount options"]),
        ("size=1M,huge=never", "huge=never,size=1M", []),
        ("user", "user", ["mount options"]),
    ],
)
def test_options_are_compared_as_sets_with_the_kernel_and_with_fstab(fstab: str, opts: str, changed: list[str]) -> None:
    with TestHost(scripted(ROOT + DATA, LINE.format(fstab))) as host:
        plan = host.plan(tmpfs(opts))
        assert [change.field for change in plan.changes] == changed
        assert plan.kind is (PlanKind.MODIFY if changed else PlanKind.NONE)
        assert len(host.frames) == 1


def test_another_source_makes_place() -> None:
    with TestHost(scripted(ROOT + DATA, LINE.format("size=1M"), source="/dev/sdb1")) as host:
        plan = host.plan(tmpfs("defaults", src="/dev/sdb1", fstype="ext4"))
    assert [(change.field, change.after) for change in plan.changes] == [
        ("src", "/dev/sdb1"),
        ("fstype", "ext4"),
        ("opts", "defaults"),
        ("mounted", "/dev/sdb1 (ext4)"),
    ]


def test_a_directory_that_is_not_there_cannot_be_bound() -> None:
    with TestHost(scripted(ROOT)) as host, pytest.raises(TaskError, match="there is no /gone") as caught:
        host.plan(Mount(path="/srv/data", src="/gone", opts=["bind"]))
    assert "!directory" in caught.value.hint


def test_a_bind_is_known_by_its_place() -> None:
    line = "/srv/real /srv/data none bind 0 0\n"
    bind = Mount(path="/srv/data", src="/srv/real", opts=["bind"])
    with TestHost(scripted(ROOT + DATA, line, same=True, directory="/srv/real")) as host:
        assert host.plan(bind).kind is PlanKind.NONE
    with TestHost(scripted(ROOT + DATA, line, directory="/srv/real")) as host:
        assert [change.field for change in host.plan(bind).changes] == ["mounted"]


def test_an_automounter_is_no_mount() -> None:
    auto = "29 21 0:39 / /srv/data rw,relatime - autofs systemd-1 rw,fd=1\n"
    with TestHost(scripted(ROOT + auto)) as host:
        assert host.plan(Mount(path="/srv/data", state="unmounted")).kind is PlanKind.NONE


def test_a_host_without_the_table_says_so() -> None:
    script = ScriptedConnection().on(Stat, lambda asked: FileStat(asked.path))
    with TestHost(script.on(Run, CommandResult((), 3, "", "cat: no such file"))) as host:
        with pytest.raises(TaskError, match="cat: no such file") as caught:
            host.plan(tmpfs())
        assert "Linux" in caught.value.hint


def test_names_in_the_table_are_decoded() -> None:
    line = r"30 21 8:1 / /m\040a\011b\134 ro,noatime shared:1 master:2 - ext4 /dev/x\040y rw,errors=continue"
    (found,) = parse_mounts(line)
    assert (found.path, found.source, found.fstype) == ("/m a\tb\\", "/dev/x y", "ext4")
    assert found.options == ("ro", "noatime", "rw", "errors=continue")


def test_a_path_may_hold_line_breaks() -> None:
    seen = parse_look("30 21 0:1 / /a\\012path rw - tmpfs t rw\n\nloop /dev/loop0 /i m\nsource t\npath /a\npath")
    assert (seen.path, seen.source, dict(seen.loops)) == ("/a\npath", "t", {"/dev/loop0": "/i m"})
    assert seen.top is not None
    assert seen.point == "/a\\012path"


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (("defaults",), ()),
        (("nofail", "x-systemd.requires=a", "comment=x", "_netdev", "noauto"), ()),
        (("user", "exec"), ("nosuid", "nodev", "exec")),
        (("ro", "rw", "size=1M"), ("rw", "size=1M")),
        (("nosuid", "suid", "nosuid"), ("nosuid",)),
    ],
)
def test_what_concerns_the_kernel(options: tuple[str, ...], left: tuple[str, ...]) -> None:
    assert kernel_options(options) == left


def test_what_the_kernel_rounds_or_hides_is_not_told() -> None:
    (now,) = parse_mounts("1 0 0:1 / /m rw,relatime - tmpfs t rw,size=12k,rsize=4096,uid=7\n")
    wanted = ["size=10000", "rsize=8192", "uid=app", "acl", "strictatime", "relatime", "uid=8"]
    assert missing_options(wanted, now) == (("strictatime", "uid=8"), ("size=10000", "rsize=8192", "uid=app", "acl"))
