# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts without Python: curl, wget, busybox's wget, or nothing at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jetpack_plugin_download.fallback import wget_will_do

from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from plugins.download.tests.conftest import Maker
from plugins.download.tests.server import Fault, Site
from plugins.download.tests.test_download import BIG, sha256

BASIC_TOOLS = ("sh", "id", "cat", "tr", "sha256sum", "sha512sum")


@pytest.fixture(params=["curl", "wget", "busybox", "nothing"])
def tool(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What there is on the host."""
    return str(request.param)


@pytest.fixture
def host(folders: Path, tool: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHost]:
    """This machine, with few programs."""
    programs = folders / "bin"
    programs.mkdir()
    for name in (*BASIC_TOOLS, *({tool} & {"curl", "wget"})):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    if tool == "busybox":
        (programs / "wget").symlink_to(shutil.which("busybox") or "")
    monkeypatch.setenv("PATH", str(programs))
    with TestHost() as host:
        yield host


def test_the_file_arrives_and_is_matched_then(
    site: Site, box: Sandbox, host: TestHost, download: Maker, tool: str
) -> None:
    site.put("/file", BIG, etag='"a"')
    box.write("f", "old", mode=0o640)
    module = download(checksum=f"sha256:{sha256(BIG)}", backup=True)
    _, outcome = host.converge(module)
    assert outcome.result["via"] == {"nothing": "control", "busybox": "wget"}.get(tool, tool)
    assert (box.read("f"), box.stat("f").mode) == (BIG, 0o640)
    assert host.plan(module, planning=True).kind is PlanKind.NONE
    assert len(box.snapshot()) == 3


def test_the_record_makes_the_second_run_matched(
    site: Site, box: Sandbox, host: TestHost, download: Maker, tool: str
) -> None:
    site.put("/file", BIG, etag='"a"')
    host.converge(download())
    if tool == "busybox":
        assert site.log[0].headers["User-Agent"].startswith("jetpack")
    site.log.clear()
    assert host.plan(download(), planning=True).kind is PlanKind.NONE
    assert [one.status for one in site.log] == [304]
    site.put("/file", b"new", etag='"b"')
    assert host.plan(download(), planning=True).kind is PlanKind.MODIFY
    host.converge(download())
    assert box.read("f") == b"new"


def test_what_cannot_be_told_is_unknown(site: Site, box: Sandbox, host: TestHost, download: Maker) -> None:
    site.put("/file", b"12345")
    box.write("f", "54321")
    with pytest.raises(UnknownValueError):
        host.plan(download(), planning=True)


def test_sums_are_read(site: Site, box: Sandbox, host: TestHost, download: Maker) -> None:
    site.put("/file", b"body")
    site.put("/SUMS", f"{sha256(b'body')}  file\n".encode())
    host.converge(download(checksum=site.url("/SUMS")))
    assert host.plan(download(checksum=site.url("/SUMS"))).kind is PlanKind.NONE


@pytest.mark.parametrize("fault", [Fault(status=500), Fault(die_after=10), Fault(claim=50)])
def test_passing_trouble_is_tried_again(
    site: Site, box: Sandbox, host: TestHost, download: Maker, fault: Fault
) -> None:
    site.put("/file", b"x" * 1000, faults=[fault])
    host.converge(download(checksum=f"sha256:{sha256(b'x' * 1000)}"))
    assert box.read("f") == b"x" * 1000


def test_a_bad_file_never_replaces_a_good_one(site: Site, box: Sandbox, host: TestHost, download: Maker) -> None:
    site.put("/file", b"evil")
    box.write("f", "good")
    with pytest.raises(TaskError, match="sha256"):
        host.converge(download(checksum="sha256:" + "0" * 64))
    with pytest.raises(TaskError, match="max_size"):
        host.converge(download(max_size="3"))
    with pytest.raises(TaskError, match="404"):
        host.converge(download(url=site.url("/gone")))
    assert box.read("f") == b"good"
    assert len(box.snapshot()) == 2


def test_secrets_go_by_curl_or_not_from_the_host(
    site: Site, box: Sandbox, host: TestHost, download: Maker, tool: str
) -> None:
    site.put("/file", b"in", needs="Bearer hush")
    _, outcome = host.converge(download(token="hush"))
    assert outcome.result["via"] == ("curl" if tool == "curl" else "control")
    if tool != "curl":
        with pytest.raises(TaskError, match="nothing that can download this"):
            host.converge(download(token="hush", via="host", dest=box.path("g")))


def test_a_wget_is_trusted_with_little() -> None:
    plain = {"urls": ["http://example.com/x"], "checksum": ["sha256", "0"]}
    assert wget_will_do("wget", plain)
    assert not wget_will_do("wget", {**plain, "checksum": None})
    assert not wget_will_do("wget", {**plain, "urls": ["https://example.com/x"]})
    assert not wget_will_do("wget", {**plain, "urls": ["http://example.com/x?key=1"]})
    assert wget_will_do("gnu-wget", {**plain, "urls": ["https://example.com/x?key=1"], "checksum": None})
    for name in ("headers", "authorization", "max_size", "proxy"):
        assert not wget_will_do("gnu-wget", {**plain, name: "x"})


def test_python_that_cannot_run_the_client_is_passed_over(
    site: Site, box: Sandbox, host: TestHost, download: Maker, folders: Path, tool: str
) -> None:
    site.put("/file", b"body", etag='"a"')
    broken = folders / "bin" / "python3"
    broken.write_text("#!/bin/sh\necho 'no module named ssl' >&2\nexit 1\n")
    broken.chmod(0o755)
    _, outcome = host.converge(download())
    assert box.read("f") == b"body"
    assert outcome.result["via"] != "python"
    assert any("cannot run the downloader" in warning for warning in host.warnings)
    assert replace(box.stat("f"), mtime=0).size == 4
