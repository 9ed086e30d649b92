# SPDX-License-Identifier: GPL-3.0-or-later
"""The asset for a host out of the names that projects really use, and what programs and archives tell of themselves."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pytest
from jetpack_plugin_github_release.archives import program_in
from jetpack_plugin_github_release.assets import Filters, choose_asset, machine
from jetpack_plugin_github_release.binary import check_program, machines_of
from jetpack_plugin_github_release.releases import Asset

from jetpack_core.errors import TaskError
from plugins.github_release.tests.programs import elf, mach, portable, tar, zipped

LINUX = machine("Linux", "x86_64", "gnu")
ARM = machine("Linux", "aarch64", "gnu")
ALPINE = machine("Linux", "x86_64", "musl")
MAC = machine("Darwin", "arm64", None)
PI = machine("Linux", "armv7l", "gnu")

RIPGREP = [
    "ripgrep-14.1.0-aarch64-apple-darwin.tar.gz",
    "ripgrep-14.1.0-aarch64-apple-darwin.tar.gz.sha256",
    "ripgrep-14.1.0-aarch64-unknown-linux-gnu.tar.gz",
    "ripgrep-14.1.0-aarch64-unknown-linux-gnu.tar.gz.sha256",
    "ripgrep-14.1.0-armv7-unknown-linux-gnueabihf.tar.gz",
    "ripgrep-14.1.0-i686-pc-windows-msvc.zip",
    "ripgrep-14.1.0-x86_64-apple-darwin.tar.gz",
    "ripgrep-14.1.0-x86_64-pc-windows-gnu.zip",
    "ripgrep-14.1.0-x86_64-pc-windows-msvc.zip",
    "ripgrep-14.1.0-x86_64-unknown-linux-musl.tar.gz",
    "ripgrep-14.1.0-x86_64-unknown-linux-musl.tar.gz.sha256",
    "ripgrep_14.1.0-1_amd64.deb",
]
JQ = [
    "jq-linux-amd64",
    "jq-linux-arm64",
    "jq-linux-armhf",
    "jq-linux-i386",
    "jq-linux64",
    "jq-macos-amd64",
    "jq-macos-arm64",
    "jq-osx-amd64",
    "jq-win64.exe",
    "jq-windows-amd64.exe",
    "sha256sum.txt",
    "jq-1.7.1.tar.gz",
    "jq-1.7.1.zip",
]
GH = [
    "gh_2.60.0_checksums.txt",
    "gh_2.60.0_linux_386.deb",
    "gh_2.60.0_linux_386.tar.gz",
    "gh_2.60.0_linux_amd64.deb",
    "gh_2.60.0_linux_amd64.rpm",
    "gh_2.60.0_linux_amd64.tar.gz",
    "gh_2.60.0_linux_arm64.tar.gz",
    "gh_2.60.0_linux_armv6.tar.gz",
    "gh_2.60.0_macOS_amd64.zip",
    "gh_2.60.0_macOS_arm64.zip",
    "gh_2.60.0_macOS_universal.pkg",
    "gh_2.60.0_windows_amd64.zip",
]
BOTH = [
    "tool-x86_64-unknown-linux-gnu.tar.gz",
    "tool-x86_64-unknown-linux-musl.tar.gz",
    "tool-aarch64-linux-android.tar.gz",
    "tool-universal-apple-darwin.tar.gz",
    "tool-aarch64-unknown-linux-gnu.tar.xz",
    "tool-aarch64-unknown-linux-gnu.tar.gz",
    "tool-x86_64-unknown-linux-gnu.tar.gz.asc",
    "tool-x86_64-unknown-linux-gnu.sbom.json",
]


def assets(*names: str) -> list[Asset]:
    return [Asset(name, f"https://api/{name}", f"https://web/{name}") for name in names]


@pytest.mark.parametrize(
    ("names", "host", "expected"),
    [
        (RIPGREP, LINUX, "ripgrep-14.1.0-x86_64-unknown-linux-musl.tar.gz"),
        (RIPGREP, ALPINE, "ripgrep-14.1.0-x86_64-unknown-linux-musl.tar.gz"),
        (RIPGREP, ARM, "ripgrep-14.1.0-aarch64-unknown-linux-gnu.tar.gz"),
        (RIPGREP, PI, "ripgrep-14.1.0-armv7-unknown-linux-gnueabihf.tar.gz"),
        (RIPGREP, MAC, "ripgrep-14.1.0-aarch64-apple-darwin.tar.gz"),
        (GH, LINUX, "gh_2.60.0_linux_amd64.tar.gz"),
        (GH, MAC, "gh_2.60.0_macOS_arm64.zip"),
        (JQ, ARM, "jq-linux-arm64"),
        (JQ, PI, "jq-linux-armhf"),
        (BOTH, LINUX, "tool-x86_64-unknown-linux-gnu.tar.gz"),
        (BOTH, ALPINE, "tool-x86_64-unknown-linux-musl.tar.gz"),
        (BOTH, ARM, "tool-aarch64-unknown-linux-gnu.tar.gz"),
        (BOTH, MAC, "tool-universal-apple-darwin.tar.gz"),
        (["tool-linux", "tool-darwin"], LINUX, "tool-linux"),
        (["tool.zip", "tool.zip.sha256"], LINUX, "tool.zip"),
    ],
)
def test_the_asset_for_a_host(names: list[str], host: object, expected: str) -> None:
    found = choose_asset(assets(*names), Filters(), host, "x")  # type: ignore[arg-type]
    assert found.asset.name == expected
    assert expected in found.reason


def test_what_is_built_for_gnu_is_not_taken_for_musl() -> None:
    with pytest.raises(TaskError, match="fits linux x86_64 musl"):
        choose_asset(assets("tool-x86_64-linux-gnu.tar.gz"), Filters(), ALPINE, "x")


def test_a_foreign_processor_is_not_taken() -> None:
    with pytest.raises(TaskError, match="no asset of a/b v1 fits") as error:
        choose_asset(assets("tool-linux-amd64", "tool-darwin-arm64"), Filters(), ARM, "a/b v1")
    assert "there are: tool-linux-amd64, tool-darwin-arm64" in error.value.hint


def test_an_ambiguous_choice_lists_the_candidates() -> None:
    names = ("tool-linux-amd64.tar.gz", "extra-linux-amd64.tar.gz", "tool-linux-arm64.tar.gz")
    with pytest.raises(TaskError, match=r"2 assets .* extra-linux-amd64\.tar\.gz, tool-linux-amd64\.tar\.gz"):
        choose_asset(assets(*names), Filters(), LINUX, "x")
    assert choose_asset(assets(*names), Filters(pattern="tool-*"), LINUX, "x").asset.name == names[0]
    assert choose_asset(assets(*names), Filters(regex="^tool-"), LINUX, "x").asset.name == names[0]
    assert choose_asset(assets(*names), Filters(exclude=("extra*",)), LINUX, "x").asset.name == names[0]


def test_the_only_one_that_matches_is_taken_whatever_it_is() -> None:
    found = choose_asset(assets(*GH), Filters(pattern="*_linux_386.deb"), LINUX, "x")
    assert found.asset.name == "gh_2.60.0_linux_386.deb"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (elf("x86_64"), ("elf", {"x86_64"})),
        (elf("aarch64"), ("elf", {"aarch64"})),
        (mach("aarch64"), ("mach-o", {"aarch64"})),
        (mach("x86_64", "aarch64"), ("mach-o", {"x86_64", "aarch64"})),
        (portable(0x8664), ("pe", {"x86_64"})),
        (b"#!/bin/sh\n", None),
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x34", None),
        (b"\x7fELF", None),
        (b"", None),
    ],
)
def test_programs_tell_their_machine(head: bytes, expected: object) -> None:
    assert machines_of(head) == expected


@pytest.mark.parametrize(
    ("head", "host", "fine"),
    [
        (elf("x86_64"), LINUX, True),
        (elf("aarch64"), LINUX, False),
        (elf("armv7"), PI, True),
        (mach("x86_64", "aarch64"), MAC, True),
        (mach("x86_64"), MAC, False),
        (mach("aarch64"), ARM, False),
        (elf("aarch64"), MAC, False),
        (portable(0x8664), LINUX, False),
        (b"#!/bin/sh\n", LINUX, True),
    ],
)
def test_a_program_for_another_machine_is_refused(tmp_path: Path, head: bytes, host: object, fine: bool) -> None:
    path = tmp_path / "program"
    path.write_bytes(head)
    if fine:
        assert check_program(path, "program", host) is None  # type: ignore[arg-type]
        return
    with pytest.raises(TaskError, match="is a program for"):
        check_program(path, "program", host)  # type: ignore[arg-type]


def test_what_is_no_program_is_a_doubt(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello")
    assert "neither a program nor a script" in str(check_program(tmp_path / "x", "x", LINUX))


FILES = {"tool-1/README.md": b"read", "tool-1/bin/tool": b"#!/bin/sh\necho tool\n", "tool-1/bin/other": b"#!/bin/sh\n"}


@pytest.mark.parametrize("wanted", ["tool", "tool-1/bin/tool", "t??l", "*/bin/tool"])
@pytest.mark.parametrize("form", ["w:gz", "w:xz", "w:bz2", "w", "zip"])
def test_a_program_is_taken_out_of_an_archive(tmp_path: Path, form: str, wanted: str) -> None:
    asset = tmp_path / "asset"
    asset.write_bytes(zipped(FILES) if form == "zip" else tar(FILES, mode=form))
    found = program_in(asset, "asset", wanted, tmp_path)
    assert found.path.read_bytes() == FILES["tool-1/bin/tool"]
    assert found.path.stat().st_mode & 0o777 == 0o600


def test_what_is_not_in_the_archive_is_said(tmp_path: Path) -> None:
    asset = tmp_path / "asset"
    asset.write_bytes(tar(FILES))
    with pytest.raises(TaskError, match="holds no gone") as error:
        program_in(asset, "a.tgz", "gone", tmp_path)
    assert "tool-1/bin/tool" in error.value.hint
    asset.write_bytes(tar({"bin/other": b"1", "bin/another": b"2"}))
    with pytest.raises(TaskError, match=r"several files \*er"):
        program_in(asset, "a.tgz", "*er", tmp_path)


def test_the_only_program_needs_no_name(tmp_path: Path) -> None:
    asset = tmp_path / "asset"
    asset.write_bytes(tar({"README": b"", "x/bin/rg": b"rg"}))
    assert program_in(asset, "a.tgz", "ripgrep", tmp_path).name == "x/bin/rg"


def test_links_and_devices_are_never_followed(tmp_path: Path) -> None:
    import io
    import tarfile

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("bin/tool")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    (tmp_path / "asset").write_bytes(out.getvalue())
    with pytest.raises(TaskError, match="holds no tool"):
        program_in(tmp_path / "asset", "a.tar", "tool", tmp_path)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_a_single_file_may_be_compressed(tmp_path: Path, compress: object) -> None:
    (tmp_path / "asset").write_bytes(compress(b"#!/bin/sh\n"))  # type: ignore[operator]
    assert program_in(tmp_path / "asset", "tool.gz", "tool", tmp_path).path.read_bytes() == b"#!/bin/sh\n"


@pytest.mark.parametrize("cut", [30, 100, -20])
def test_a_broken_archive_is_an_error(tmp_path: Path, cut: int) -> None:
    whole = tar({"bin/tool": bytes(range(256)) * 500})
    (tmp_path / "asset").write_bytes(whole[:cut])
    with pytest.raises(TaskError):
        program_in(tmp_path / "asset", "a.tgz", "tool", tmp_path)


@pytest.mark.parametrize(("offset", "new", "message"), [(8, 1, "encrypted"), (10, 77, "compression")])
def test_a_zip_that_python_cannot_read_is_named(tmp_path: Path, offset: int, new: int, message: str) -> None:
    data = bytearray(zipped({"tool": b"#!/bin/sh\n"}))
    data[data.rindex(b"PK\x01\x02") + offset] = new
    data[offset - 2] = new
    (tmp_path / "asset").write_bytes(data)
    with pytest.raises(TaskError, match=rf"a\.zip cannot be read: .*{message}"):
        program_in(tmp_path / "asset", "a.zip", "tool", tmp_path)
