# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads from a real server to this machine, by the host's Python and by the control machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jetpack_plugin_download.cache import Cache

from jetpack_core.contracts.fields import Mode
from jetpack_core.errors import StaleError, TaskError, UnknownValueError
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from plugins.download.tests.conftest import Maker
from plugins.download.tests.server import Fault, Site

pytestmark = pytest.mark.slow

BIG = bytes(range(256)) * 4096
MIB = 1 << 20


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def leftovers(box: Sandbox) -> list[str]:
    return sorted(Path(path).name for path in box.snapshot() if path.endswith(".part"))


def test_a_new_file_arrives_and_a_second_run_moves_no_byte(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", BIG, etag='"one"')
    module = download(via=via, mode=Mode(0o640))
    plan, outcome = host.converge(module)
    assert plan.kind is PlanKind.CREATE
    assert (box.read("f"), box.stat("f").mode) == (BIG, 0o640)
    assert outcome.result["checksum"] == f"sha256:{sha256(BIG)}"
    assert outcome.result["size"] == outcome.result["received"] == len(BIG)
    assert outcome.result["etag"] == '"one"'
    site.log.clear()
    for planning in (False, True):
        assert host.plan(module, planning=planning).kind is PlanKind.NONE
    assert site.sent() == 0
    assert {one.status for one in site.log} == {304}


def test_a_second_look_takes_one_round_trip(site: Site, host: TestHost, download: Maker, via: str) -> None:
    site.put("/file", etag='"one"')
    host.converge(download(via=via))
    host.frames.clear()
    assert host.plan(download(via=via)).kind is PlanKind.NONE
    assert len(host.frames) == 1


@pytest.mark.parametrize("validator", [{"etag": '"a"'}, {"last_modified": "Sat, 01 Nov 2025 10:00:00 GMT"}])
def test_a_file_that_changed_on_the_server_is_fetched_anew(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str, validator: dict[str, str]
) -> None:
    site.put("/file", b"old", **validator)
    host.converge(download(via=via))
    new = {"etag": '"b"'} if "etag" in validator else {"last_modified": "Sat, 01 Nov 2025 10:00:01 GMT"}
    site.put("/file", b"newer", **new)
    plan = host.plan(download(via=via), planning=True)
    assert plan.kind is PlanKind.MODIFY
    host.converge(download(via=via))
    assert box.read("f") == b"newer"


def test_a_file_that_was_changed_on_the_host_is_put_right_and_the_plan_knows_with_what(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", b"right", etag='"a"')
    host.converge(download(via=via))
    box.write("f", "wrong")
    plan = host.plan(download(via=via), planning=True)
    assert plan.changes[0].after == f"sha256:{sha256(b'right')}"
    host.converge(download(via=via))
    assert box.read("f") == b"right"


def test_a_server_that_ignores_conditions_is_understood_by_its_validator(
    site: Site, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", etag='"a"', conditions=False, head=False)
    host.converge(download(via=via))
    assert host.plan(download(via=via), planning=True).kind is PlanKind.NONE


def test_without_validators_plan_mode_admits_that_it_cannot_tell(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", b"12345")
    host.converge(download(via=via))
    with pytest.raises(UnknownValueError, match="only be told by fetching"):
        host.plan(download(via=via), planning=True)
    _, outcome = host.converge(download(via=via))
    assert outcome.changed is False
    site.put("/file", b"123456")
    assert host.plan(download(via=via), planning=True).kind is PlanKind.MODIFY


def test_a_file_of_unknown_origin_is_compared_once_and_then_known(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", b"same", etag='"a"')
    box.write("f", "same", mode=0o600)
    before = box.stat("f")
    with pytest.raises(UnknownValueError):
        host.plan(download(via=via), planning=True)
    _, outcome = host.converge(download(via=via))
    assert outcome.changed is False
    assert box.stat("f") == before
    assert host.plan(download(via=via), planning=True).kind is PlanKind.NONE


def test_another_address_is_not_taken_for_the_recorded_one(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", b"one.0", etag='"same"')
    site.put("/next", b"two.0", etag='"same"')
    host.converge(download(via=via))
    host.converge(download(via=via, url=site.url("/next")))
    assert box.read("f") == b"two.0"


def test_unconditional_takes_what_is_there(site: Site, host: TestHost, box: Sandbox, download: Maker, via: str) -> None:
    box.write("f", "anything")
    assert host.plan(download(via=via, conditional=False)).kind is PlanKind.NONE
    assert site.log == []


def test_force_fetches_in_any_case_and_replaces_only_what_differs(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str, next_run: Callable[[], None]
) -> None:
    site.put("/file", b"same", etag='"a"')
    host.converge(download(via=via))
    next_run()
    inode = Path(box.path("f")).stat().st_ino
    with pytest.raises(UnknownValueError, match="force"):
        host.plan(download(via=via, force=True), planning=True)
    site.log.clear()
    plan, outcome = host.converge(download(via=via, force=True))
    assert (plan.kind, outcome.changed) == (PlanKind.EXECUTE, False)
    assert site.sent() == 4
    assert Path(box.path("f")).stat().st_ino == inode


def test_only_attributes_that_differ_are_set(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", etag='"a"')
    host.converge(download(via=via))
    site.log.clear()
    plan, _ = host.converge(download(via=via, mode=Mode(0o600)))
    assert [change.field for change in plan.changes] == ["mode"]
    assert (box.stat("f").mode, site.sent()) == (0o600, 0)


def test_what_is_not_given_stays_as_it_was(site: Site, box: Sandbox, host: TestHost, download: Maker, via: str) -> None:
    site.put("/file", b"new")
    box.write("f", "old!", mode=0o751)
    host.converge(download(via=via))
    assert (box.read("f"), box.stat("f").mode) == (b"new", 0o751)


def test_a_link_is_replaced_and_what_it_points_to_is_not(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", b"new")
    box.write("target", "mine")
    box.link("f", "target")
    host.converge(download(via=via))
    assert (box.read("f"), box.read("target")) == (b"new", b"mine")
    assert box.stat("f").is_file


@pytest.mark.parametrize("kind", ["sha256", "sha512", "sha1", "md5"])
def test_a_checksum_needs_no_server_once_it_is_right(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str, kind: str
) -> None:
    site.put("/file", BIG)
    module = download(via=via, checksum=f"{kind}:{hashlib.new(kind, BIG).hexdigest().upper()}")
    host.converge(module)
    assert box.read("f") == BIG
    site.log.clear()
    for planning in (False, True):
        assert host.plan(module, planning=planning).kind is PlanKind.NONE
    assert site.log == []
    box.write("f", "wrong")
    assert host.plan(module, planning=True).kind is PlanKind.MODIFY


def test_a_wrong_checksum_never_replaces_a_good_file(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", b"evil", etag='"a"')
    box.write("f", "good")
    module = download(via=via, checksum="sha256:" + "0" * 64)
    with pytest.raises(TaskError, match="sha256 is"):
        host.converge(module)
    assert box.read("f") == b"good"
    assert leftovers(box) == []


@pytest.mark.parametrize(
    "text",
    [
        "{sha}  file\n{zero}  other\n",
        "{zero} *other\n{sha} *file\n",
        "{sha}  ./dist/file\n{zero}  ./dist/other\n",
        "SHA256 (other) = {zero}\nSHA256 (file) = {sha}\n",
        "{sha}\n",
    ],
)
def test_checksums_are_read_from_a_file_beside_it(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str, text: str
) -> None:
    site.put("/file", b"body")
    site.put("/SUMS", text.format(sha=sha256(b"body"), zero="0" * 64).encode())
    module = download(via=via, checksum=site.url("/SUMS"))
    host.converge(module)
    assert box.read("f") == b"body"
    host.frames.clear()
    assert host.plan(module, planning=True).kind is PlanKind.NONE
    assert len(host.frames) == 1


def test_a_file_of_checksums_without_the_file_says_what_it_has(
    site: Site, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/SUMS", b"%064d  other.tar.gz\n" % 0)
    with pytest.raises(TaskError, match="no checksum of file or f") as error:
        host.plan(download(via=via, checksum=site.url("/SUMS")))
    assert "other.tar.gz" in error.value.hint


def test_the_old_file_is_kept_when_asked(site: Site, box: Sandbox, host: TestHost, download: Maker, via: str) -> None:
    site.put("/file", b"new", etag='"a"')
    box.write("f", "old!", mode=0o600)
    _, outcome = host.converge(download(via=via, backup=True))
    kept = Path(str(outcome.result["backup"])).name
    assert (box.read(kept), box.stat(kept).mode, box.read("f")) == (b"old!", 0o600, b"new")


def test_the_record_is_private_and_holds_no_secret(
    site: Site, host: TestHost, download: Maker, folders: Path, via: str
) -> None:
    site.put("/file", b"x", etag='"a"', needs="Bearer hush-hush")
    host.converge(download(via=via, url=site.url("/file?signature=sesame"), token="hush-hush"))
    (record,) = (folders / "state" / "jetpack" / "download").glob("*.json")
    assert record.stat().st_mode & 0o777 == 0o600
    assert record.parent.stat().st_mode & 0o777 == 0o700
    everything = b"".join(path.read_bytes() for path in folders.rglob("*") if path.is_file())
    assert b"hush" not in everything
    assert b"sesame" not in everything
    assert json.loads(record.read_text())["size"] == 1


def test_a_record_that_somebody_broke_costs_work_and_nothing_else(
    site: Site, box: Sandbox, host: TestHost, download: Maker, folders: Path, via: str
) -> None:
    site.put("/file", b"x", etag='"a"')
    host.converge(download(via=via))
    (record,) = (folders / "state" / "jetpack" / "download").glob("*.json")
    for text in ("", "{", "[1]", '{"url": 1}', '{"url": "x", "sha256": null, "size": "many"}'):
        record.write_text(text)
        _, outcome = host.converge(download(via=via))
        assert outcome.changed is False


def test_a_record_that_cannot_be_written_is_a_warning(
    site: Site, box: Sandbox, host: TestHost, download: Maker, folders: Path, via: str
) -> None:
    site.put("/file", b"x")
    (folders / "state").write_text("in the way")
    host.converge(download(via=via))
    assert box.read("f") == b"x"
    assert any("cannot be recorded" in warning for warning in host.warnings)


@pytest.mark.parametrize("disturb", ["write", "remove", "make"])
def test_somebody_elses_change_in_between_is_not_lost(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str, disturb: str
) -> None:
    site.put("/file", b"new!!")
    if disturb != "make":
        box.write("f", "old")
    plan = host.plan(download(via=via))
    if disturb == "remove":
        box.remove("f")
    else:
        box.write("f", "theirs")
    with pytest.raises(StaleError):
        host.apply(download(via=via), plan)
    assert box.stat("f").exists is (disturb != "remove")
    assert disturb == "remove" or box.read("f") == b"theirs"
    assert leftovers(box) == []


def test_a_planted_part_is_not_written_through(
    site: Site, box: Sandbox, host: TestHost, download: Maker, folders: Path
) -> None:
    site.put("/file", BIG, etag='"a"', faults=[Fault(die_after=600_000)])
    with pytest.raises(TaskError):
        host.converge(download(via="host", retries=0))
    (part,) = leftovers(box)
    victim = folders / "victim"
    victim.write_text("precious")
    box.remove(part)
    Path(box.path(part)).symlink_to(victim)
    host.converge(download(via="host"))
    assert (victim.read_text(), box.read("f")) == ("precious", BIG)


def test_a_directory_that_is_not_there_is_foreseen(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file")
    module = download(via=via, dest=box.path("none/f"))
    with pytest.raises(TaskError, match="no directory"):
        host.plan(module, planning=True)
    with pytest.raises(TaskError):
        host.converge(module)


def test_one_transfer_serves_all_hosts_of_a_run(site: Site, box: Sandbox, host: TestHost, download: Maker) -> None:
    site.put("/file", BIG)
    for name in ("a", "b", "c"):
        _, outcome = host.converge(download(via="control", dest=box.path(name)))
        assert outcome.result["from_cache"] is (name != "a")
    assert len(site.log) == 1


def test_the_next_run_asks_only_whether_it_changed(
    site: Site, box: Sandbox, host: TestHost, download: Maker, next_run: Callable[[], None]
) -> None:
    site.put("/file", BIG, etag='"a"')
    host.converge(download(via="control"))
    next_run()
    host.converge(download(via="control", dest=box.path("g")))
    assert [one.status for one in site.log] == [200, 304]
    site.put("/file", b"new", etag='"b"')
    next_run()
    host.converge(download(via="control", dest=box.path("h")))
    assert box.read("h") == b"new"


def test_the_cache_is_private_and_keeps_logins_apart(
    site: Site, box: Sandbox, host: TestHost, download: Maker, folders: Path
) -> None:
    site.put("/file", b"secret", needs="Bearer right")
    host.converge(download(via="control", token="right"))
    with pytest.raises(TaskError, match="401"):
        host.converge(download(via="control", token="wrong", dest=box.path("g")))
    with pytest.raises(TaskError, match="401"):
        host.converge(download(via="control", dest=box.path("g")))
    root = folders / "cache" / "jetpack" / "download"
    assert root.stat().st_mode & 0o777 == 0o700
    assert Cache()._root == root
