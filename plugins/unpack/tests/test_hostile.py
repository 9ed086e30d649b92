# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives made to do harm: refused before anything is written, with the member named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from jetpack_plugin_unpack import sending
from jetpack_plugin_unpack.control import read_listing
from jetpack_plugin_unpack.unpack import Unpack

from jetpack_core.errors import TaskError
from jetpack_core.records import PlanKind
from jetpack_core.testing.examples import make_module
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.no_python import ShellConnection
from plugins.unpack.tests.making import (
    directory,
    file,
    hard_link,
    info,
    link,
    tar,
    zip_info,
    zipped,
)

pytestmark = pytest.mark.slow

EVIL = b"evil\n"


@pytest.fixture(params=["python", "shell"])
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHost]:
    """This machine, with Python or by its shell alone: what is refused does not depend on it."""
    if request.param == "python":
        with TestHost() as host:
            yield host
        return
    monkeypatch.setattr(sending, "_PICK", "\n".join(sending._PICK.splitlines()[3:]) + "\n")
    with TestHost(ShellConnection()) as host:
        yield host


def unpack(folder: Path, **more: object) -> Unpack:
    values = {"src": str(folder / "archive"), "dest": str(folder / "dest" / "inner"), **more}
    module = make_module(Unpack, values)
    assert isinstance(module, Unpack)
    return module


def patched(data: bytes, offset: int, new: bytes) -> bytes:
    """Return a tar archive with bytes of its first header changed and the checksum made right."""
    header = bytearray(data[:512])
    header[offset : offset + len(new)] = new
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


def negative_size() -> bytes:
    return patched(tar(file("x", "text")), 124, b"\xff" * 11 + b"\x00")


def wrong_checksum() -> bytes:
    data = bytearray(gzip.compress(tar(file("a", "x"))))
    data[-8] ^= 1
    return bytes(data)


def endless_name() -> bytes:
    """A header that announces a name of two gigabytes."""
    return patched(tar((info("a", tarfile.GNUTYPE_LONGNAME), b"")), 124, b"17777777777\0") + bytes(10240)


def pax_bomb() -> bytes:
    one = info("a", tarfile.XHDTYPE)
    data = patched(tar((one, b"")), 124, b"17777777777\0")
    return data + bytes(10240)


def overlapping_zip() -> bytes:
    """Two entries of the directory that share one stream, as in zip bombs without recursion."""
    data = zipped(("one", "x" * 1000), ("two", "x" * 1000))
    end = data.rindex(b"PK\x05\x06")
    start = struct.unpack("<I", data[end + 16 : end + 20])[0]
    second = data.index(b"PK\x01\x02", start + 4)
    return data[: second + 42] + struct.pack("<I", 0) + data[second + 46 :]


def lying_zip() -> bytes:
    """A member that is longer than the directory says."""
    data = zipped(("one", "x" * 1000))
    at = data.rindex(b"PK\x01\x02")
    return data[: at + 24] + struct.pack("<I", 10) + data[at + 28 :]


def encrypted_zip() -> bytes:
    data = bytearray(zipped(("one", "x" * 100)))
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


def zip_with_zero_byte() -> bytes:
    return zipped(("oneXtwo", "x")).replace(b"oneXtwo", b"one\0two")


LEADS_OUT = "leads out of the destination"
REFUSED = {
    "dot dot": (tar(file("../evil", EVIL)), "'../evil'.*" + LEADS_OUT),
    "dot dot inside": (tar(file("a/../../evil", EVIL)), LEADS_OUT),
    "dot dot that stays inside": (tar(file("a/../evil", EVIL)), LEADS_OUT),
    "absolute": (tar(file("/tmp/evil", EVIL)), "'/tmp/evil'.*absolute"),
    "absolute in zip": (zipped(("/tmp/evil", EVIL)), "absolute"),
    "zip slip": (zipped(("../evil", EVIL)), LEADS_OUT),
    "zip slip by backslash": (zipped(("..\\evil", EVIL)), LEADS_OUT),
    "zip slip from Windows": (zipped((zip_info("a\\..\\..\\evil", system=0), EVIL)), LEADS_OUT),
    "drive letter": (zipped(("C:/evil", EVIL)), "absolute"),
    "link, then through it": (tar(link("a", "/tmp"), file("a/evil", EVIL)), "'a/evil'.*through 'a', which is a link"),
    "through a link that comes later": (tar(file("a/evil", EVIL), link("a", "sub")), "which is a link"),
    "through a file": (tar(file("a", EVIL), file("a/b", EVIL)), "which is a file"),
    "link to an absolute path": (tar(link("a", "/etc/passwd")), "link to '/etc/passwd'"),
    "link that leads out": (tar(link("a/b", "../../evil")), "'a/b'.*outside the destination"),
    "links that lead out together": (
        tar(directory("d"), link("d/up", "."), link("x", "d/up/../../evil")),
        "'x'.*outside the destination",
    ),
    "link chain that leads out": (tar(link("here", "."), link("out", "here/../evil")), "outside the destination"),
    "links in a circle": (tar(link("a", "b"), link("b", "a")), "outside the destination"),
    "link in zip": (zipped((zip_info("a", 0o120777), "../../evil")), "outside the destination"),
    "hard link outside": (tar(hard_link("a", "/etc/passwd")), "hard link to '/etc/passwd'"),
    "hard link up": (tar(hard_link("a", "../../etc/passwd")), "outside the archive"),
    "hard link to what comes later": (tar(hard_link("a", "b"), file("b", EVIL)), "no file that comes before"),
    "hard link to a link": (tar(link("b", "c"), hard_link("a", "b")), "no file that comes before"),
    "character device": (tar((info("null", tarfile.CHRTYPE), b"")), "'null'.*character device"),
    "block device": (tar((info("sda", tarfile.BLKTYPE), b"")), "block device"),
    "named pipe": (tar((info("pipe", tarfile.FIFOTYPE), b"")), "named pipe"),
    "device in zip": (zipped((zip_info("null", 0o020666), b"")), "device"),
    "unknown type": (tar((info("odd", b"Z"), b"")), "unknown type"),
    "setuid": (tar(file("su", EVIL, 0o4755)), "'su'.*setuid"),
    "setgid": (tar(file("sg", EVIL, 0o2755)), "setuid or setgid"),
    "setuid in zip": (zipped((zip_info("su", 0o104755), EVIL)), "setuid"),
    "one name, two things": (tar(file("a", EVIL), link("a", "b")), "twice, as different things"),
    "one name, two links": (tar(link("a", "b"), link("a", "c")), "twice, as different links"),
    "zero byte": (zip_with_zero_byte(), "zero byte"),
    "name too long": (tar(file("n" * 300, EVIL)), "too long"),
    "encrypted": (encrypted_zip(), "encrypted"),
    "overlapping": (overlapping_zip(), "overlaps"),
    "lying about a size": (lying_zip(), "damaged"),
    "negative size": (negative_size(), "damaged|its size is"),
    "endless name": (endless_name(), "damaged"),
    "endless attributes": (pax_bomb(), "damaged"),
    "cut off in a member": (tar(file("a", b"x" * 5000))[:2000], "damaged"),
    "cut off after a member": (tar(file("a", b"x" * 512))[:1024], "end marker"),
    "garbage after a member": (tar(file("a", b"x"))[:1024] + b"\x55" * 1024, "damaged"),
    "cut off gzip": (gzip.compress(tar(file("a", b"x" * 5000)))[:-20], "damaged"),
    "gzip with a wrong checksum": (wrong_checksum(), "damaged"),
    "cut off xz": (lzma.compress(tar(file("a", b"x" * 5000)))[:-20], "damaged"),
    "cut off bzip2": (bz2.compress(tar(file("a", b"x" * 5000)))[:-20], "damaged"),
    "cut off zip": (zipped(("a", "x" * 5000))[:-30], "damaged"),
    "empty file": (b"", "is empty"),
    "an error page": (b"<html>404</html>" * 50, "neither a tar nor a zip"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(600), "7z"),
    "rar": (b"Rar!\x1a\x07\x01" + bytes(600), "RAR"),
    "bomb": (gzip.compress(bytes(64 << 20)), "200 times its own size"),
    "bomb in tar": (gzip.compress(tar(file("a", bytes(64 << 20)))), "200 times its own size"),
    "bomb in zip": (zipped(("a", bytes(64 << 20))), "200 times its own size"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_and_nothing_is_written(host: TestHost, tmp_path: Path, name: str) -> None:
    data, message = REFUSED[name]
    (tmp_path / "archive").write_bytes(data)
    module = unpack(tmp_path)
    with pytest.raises(TaskError, match=message):
        host.converge(module)
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_a_hard_link_bomb_counts_every_copy(host: TestHost, tmp_path: Path) -> None:
    members = [file("a", b"x" * 100_000), *(hard_link(f"b{number}", "a") for number in range(20))]
    (tmp_path / "archive").write_bytes(tar(*members))
    with pytest.raises(TaskError, match="more than 1048576 bytes"):
        host.plan(unpack(tmp_path, limits={"max_size": "1M"}))


def test_too_many_members_are_refused_and_the_limit_can_be_raised(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar(*(file(f"f{number}") for number in range(20))))
    with pytest.raises(TaskError, match="more than 10 members") as caught:
        host.plan(unpack(tmp_path, limits={"max_files": "10"}))
    assert "max_files" in caught.value.hint
    assert host.plan(unpack(tmp_path, limits={"max_files": "20"})).kind is PlanKind.CREATE


def test_a_refused_member_can_be_left_out(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar(file("good"), (info("dev/null", tarfile.CHRTYPE), b""), link("l", "/etc")))
    host.converge(unpack(tmp_path, exclude=["dev", "l"]))
    assert [path.name for path in (tmp_path / "dest" / "inner").iterdir()] == ["good"]


def test_a_mode_for_all_files_makes_setuid_harmless(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar(file("su", EVIL, 0o4755)))
    host.converge(unpack(tmp_path, mode="0o755"))
    assert (tmp_path / "dest" / "inner" / "su").stat().st_mode & 0o7777 == 0o755


def test_nobody_else_may_write_what_was_unpacked(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar(directory("d", 0o2777), file("d/f", "x", 0o666)))
    host.converge(unpack(tmp_path))
    assert (tmp_path / "dest" / "inner" / "d").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "dest" / "inner" / "d" / "f").stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize("where", ["link", "file"])
def test_what_is_on_the_disk_never_leads_out(host: TestHost, tmp_path: Path, where: str) -> None:
    (tmp_path / "archive").write_bytes(tar(file("a/b", EVIL)))
    inner, outside = tmp_path / "dest" / "inner", tmp_path / "outside"
    inner.mkdir(parents=True)
    outside.mkdir()
    if where == "link":
        (inner / "a").symlink_to(outside)
    else:
        (inner / "a").write_text("x")
    with pytest.raises(TaskError, match="and a directory is to be there"):
        host.converge(unpack(tmp_path))
    assert list(outside.iterdir()) == []


def test_a_link_on_the_disk_is_replaced_not_followed(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar(file("a", EVIL)))
    inner, outside = tmp_path / "dest" / "inner", tmp_path / "outside"
    inner.mkdir(parents=True)
    outside.write_text("mine")
    (inner / "a").symlink_to(outside)
    host.converge(unpack(tmp_path))
    assert outside.read_text() == "mine"
    assert (inner / "a").read_bytes() == EVIL


def test_a_directory_is_never_replaced_by_a_file(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar(file("a", EVIL)))
    (tmp_path / "dest" / "inner" / "a").mkdir(parents=True)
    with pytest.raises(TaskError, match="a is a directory, and a file is to be there"):
        host.plan(unpack(tmp_path))


def test_names_that_differ_in_case_are_warned_of(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar(file("Readme"), file("README")))
    plan, _ = host.converge(unpack(tmp_path))
    assert "differ only in case" in plan.outcome.warnings[0]


def test_of_two_members_of_one_name_the_last_one_counts(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar(file("a", "first"), hard_link("b", "a"), file("a", "second")))
    plan, _ = host.converge(unpack(tmp_path))
    assert "twice" in plan.outcome.warnings[0]
    assert (tmp_path / "dest" / "inner" / "a").read_text() == "second"
    assert (tmp_path / "dest" / "inner" / "b").read_text() == "first"


def test_names_of_dos_are_read_in_its_code_page(host: TestHost, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zip_info("Xber.txt", system=0), "x")
    (tmp_path / "archive").write_bytes(stream.getvalue().replace(b"Xber", b"\x9aber"))
    host.converge(unpack(tmp_path))
    assert [path.name for path in (tmp_path / "dest" / "inner").iterdir()] == ["Über.txt"]


@pytest.mark.skipif(shutil.which("zstd") is None, reason="there is no program zstd")
def test_zstandard_by_its_program(host: TestHost, tmp_path: Path) -> None:
    packed = subprocess.run(["zstd", "-c"], input=tar(file("a", "x")), capture_output=True, check=True).stdout
    (tmp_path / "archive").write_bytes(packed)
    _, outcome = host.converge(unpack(tmp_path))
    assert outcome.result["format"] == "tar.zst"
    (tmp_path / "archive").write_bytes(packed[:-5])
    with pytest.raises(TaskError, match="damaged"):
        host.converge(unpack(tmp_path, dest=str(tmp_path / "other")))


def test_without_means_for_a_format_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    path = tmp_path / "archive"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    order = unpack(tmp_path).order()
    with pytest.raises(TaskError, match="there is no program zstd") as caught:
        read_listing(path, order.request)
    assert "install the package zstd" in caught.value.hint


@pytest.mark.parametrize("mtime", [1 << 63, 1 << 80])
def test_a_time_beyond_all_time_is_not_set(host: TestHost, tmp_path: Path, mtime: int) -> None:
    member, content = file("late", EVIL)
    member.mtime = mtime
    (tmp_path / "archive").write_bytes(tar((member, content), form=tarfile.GNU_FORMAT))
    task = unpack(tmp_path)
    host.converge(task)
    assert (tmp_path / "dest" / "inner" / "late").read_bytes() == EVIL
    assert host.plan(task).kind is PlanKind.NONE


def test_a_method_that_python_does_not_know_is_no_damage(host: TestHost, tmp_path: Path) -> None:
    data = bytearray(zipped(("one", "x" * 100)))
    at = data.rindex(b"PK\x01\x02")
    data[at + 10] = data[8] = 93
    (tmp_path / "archive").write_bytes(data)
    with pytest.raises(TaskError, match="Python cannot read") as caught:
        host.plan(unpack(tmp_path))
    assert "fetch it again" not in caught.value.hint
