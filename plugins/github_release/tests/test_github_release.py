# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookups and installations on this machine, from a GitHub of the tests' own."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from jetpack_core.contracts.fields import Mode
from jetpack_core.errors import StaleError, TaskError, UnknownValueError
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from plugins.github_release.tests.conftest import GitHub, Maker, reset_in
from plugins.github_release.tests.programs import elf, tar

pytestmark = pytest.mark.slow

HERE = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
OTHER = "aarch64" if HERE == "x86_64" else "x86_64"
PROGRAM = elf(HERE, b"one")
NEXT_PROGRAM = elf(HERE, b"two")
Begin = Callable[[], None]


def test_a_lookup_saves_what_it_found(github: GitHub, release: Maker, host: TestHost) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM, "tool-plan9": b""})
    plan = host.plan(release(set="version"))
    assert plan.kind is PlanKind.PASSIVE
    result = plan.outcome.result
    assert (result["version"], result["tag"], result["asset"]) == ("1.0.0", "v1.0.0", f"tool-linux-{HERE}")
    assert result["digest"] == f"sha256:{hashlib.sha256(PROGRAM).hexdigest()}"
    assert plan.outcome.variables == {"version": "1.0.0"}
    assert "fits linux" in plan.outcome.msg


def test_a_lookup_needs_no_asset(github: GitHub, release: Maker, host: TestHost) -> None:
    github.release("v1.0.0")
    assert host.plan(release()).outcome.result["asset"] is None
    with pytest.raises(TaskError, match="no asset"):
        host.plan(release(asset="tool-*"))


def test_every_page_is_read(github: GitHub, release: Maker, host: TestHost) -> None:
    github.page_size = 3
    github.release("v9.0.0", day=0)
    for day in range(1, 9):
        github.release(f"v8.0.0-rc{day}", pre=True, day=day)
    github.release("v10.0.0", draft=True, day=9)
    result = host.plan(release()).outcome.result
    assert (result["tag"], result["api_requests"]) == ("v9.0.0", 4)
    assert github.lookups == [200] * 4


def test_a_next_page_elsewhere_is_not_asked(github: GitHub, release: Maker, host: TestHost) -> None:
    github.release("v1.0.0")
    github.refusals = [(200, {"Link": '<http://localhost:1/steal>; rel="next"'})]
    with pytest.raises(TaskError, match="names another host as the next page: localhost"):
        host.plan(release(github_token="hush"))


def test_one_lookup_serves_all_hosts_of_a_run(github: GitHub, release: Maker, host: TestHost, next_run: Begin) -> None:
    github.release("v1.0.0")
    results = [host.plan(release()).outcome.result for _ in range(5)]
    assert [result["api_requests"] for result in results] == [1, 0, 0, 0, 0]
    assert github.lookups == [200]
    github.release("v2.0.0")
    assert host.plan(release()).outcome.result["tag"] == "v1.0.0"
    next_run()
    assert host.plan(release()).outcome.result["tag"] == "v2.0.0"


def test_one_tokens_releases_are_not_anothers(github: GitHub, release: Maker, host: TestHost) -> None:
    github.token = "right"
    github.release("v1.0.0")
    host.plan(release(github_token="right"))
    with pytest.raises(TaskError, match="does not accept the token"):
        host.plan(release(github_token="wrong"))
    with pytest.raises(TaskError, match="no repository acme/tool") as error:
        host.plan(release())
    assert "github_token" in error.value.hint


def test_kept_answers_are_asked_for_again_only_if_they_changed(
    github: GitHub, release: Maker, host: TestHost, next_run: Begin, folders: Path
) -> None:
    github.page_size = 1
    github.release("v1.0.0")
    github.release("v2.0.0")
    for count, statuses in ((0, [200, 200]), (2, [200, 200, 304, 304])):
        next_run()
        result = host.plan(release(cache_etags=True)).outcome.result
        assert (result["tag"], result["api_not_modified"]) == ("v2.0.0", count)
        assert github.lookups == statuses
    github.release("v3.0.0")
    next_run()
    assert host.plan(release(cache_etags=True)).outcome.result["tag"] == "v3.0.0"
    kept = folders / "data" / "jetpack" / "github_etags.json"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_kept_answers_are_one_tokens_alone(
    github: GitHub, release: Maker, host: TestHost, next_run: Begin, folders: Path
) -> None:
    github.release("v1.0.0")
    host.plan(release(cache_etags=True, github_token="hush-one"))
    next_run()
    host.plan(release(cache_etags=True, github_token="hush-two"))
    assert github.lookups == [200, 200]
    assert "If-None-Match" not in github.site.log[-1].headers
    everything = b"".join(path.read_bytes() for path in folders.rglob("*") if path.is_file())
    assert b"hush" not in everything


def test_kept_answers_grow_old(github: GitHub, release: Maker, host: TestHost, next_run: Begin, folders: Path) -> None:
    github.release("v1.0.0")
    host.plan(release(cache_etags=True))
    kept = folders / "data" / "jetpack" / "github_etags.json"
    content = json.loads(kept.read_text())
    for entry in content["entries"].values():
        entry["stored"] -= 31 * 24 * 3600
    kept.write_text(json.dumps(content))
    next_run()
    host.plan(release(cache_etags=True))
    assert github.lookups == [200, 200]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1, "entries": {"x": 5}}', '{"version": 2}'])
def test_a_broken_file_of_answers_costs_a_request(
    github: GitHub, release: Maker, host: TestHost, next_run: Begin, folders: Path, text: str
) -> None:
    github.release("v1.0.0")
    host.plan(release(cache_etags=True))
    (folders / "data" / "jetpack" / "github_etags.json").write_text(text)
    next_run()
    assert host.plan(release(cache_etags=True)).outcome.result["tag"] == "v1.0.0"
    next_run()
    host.plan(release(cache_etags=True))
    assert github.lookups == [200, 200, 304]


def test_nothing_is_kept_unless_asked(github: GitHub, release: Maker, host: TestHost, folders: Path) -> None:
    github.release("v1.0.0")
    host.plan(release())
    assert not (folders / "data").exists()


@pytest.mark.parametrize(
    "refusal",
    [(403, reset_in(0)), (429, reset_in(0)), (403, {"Retry-After": "1"}), (502, {}), (500, {})],
    ids=["403", "429", "secondary", "502", "500"],
)
def test_a_short_limit_is_waited_for(
    github: GitHub, release: Maker, host: TestHost, refusal: tuple[int, dict[str, str]]
) -> None:
    github.release("v1.0.0")
    github.refusals = [refusal]
    assert host.plan(release(max_wait=30)).outcome.result["tag"] == "v1.0.0"
    assert github.lookups == [refusal[0], 200]


def test_a_long_limit_is_explained(github: GitHub, release: Maker, host: TestHost) -> None:
    github.release("v1.0.0")
    github.refusals = [(403, reset_in(1800))] * 2
    with pytest.raises(TaskError, match=r"used up until \d\d:\d\d:\d\d UTC, in 1\d\d\d s") as error:
        host.plan(release())
    assert "github_token" in error.value.hint
    with pytest.raises(TaskError) as error:
        host.plan(release(github_token="x"))
    assert "github_token" not in error.value.hint


def test_a_server_that_refuses_without_end_is_not_asked_without_end(
    github: GitHub, release: Maker, host: TestHost
) -> None:
    github.refusals = [(429, {"Retry-After": "0"})] * 50
    with pytest.raises(TaskError, match="rate limit"):
        host.plan(release(max_wait=2))
    assert len(github.lookups) <= 3


def test_an_answer_that_is_cut_off_in_chunks_is_asked_for_again(github: GitHub, release: Maker, host: TestHost) -> None:
    github.release("v1.0.0")
    answers = [(200, {"Transfer-Encoding": "chunked"})]

    def chunked(handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        return (*answers.pop(), b"zz\r\n") if answers else github.answer(handler)

    github.site.dynamic = chunked
    assert host.plan(release()).outcome.result["tag"] == "v1.0.0"


def test_a_refusal_that_is_no_limit_is_not_waited_for(github: GitHub, release: Maker, host: TestHost) -> None:
    github.refusals = [(403, {"X-RateLimit-Remaining": "40"})]
    with pytest.raises(TaskError, match="lets nobody"):
        host.plan(release())


def test_the_environments_token_is_for_github_alone(
    github: GitHub, release: Maker, host: TestHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.release("v1.0.0")
    monkeypatch.setenv("GITHUB_TOKEN", "hush")
    host.plan(release())
    assert "Authorization" not in github.site.log[-1].headers
    assert release(api_url="https://api.github.com")._account().token == "hush"
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "other")
    assert release()._account().token == "other"
    assert "hush" not in repr(release(github_token="hush")._account())


def install(box: Sandbox, **more: object) -> dict[str, object]:
    return {"dest": box.path("tool"), "save": None, **more}


def test_a_program_is_installed_and_a_second_run_matched(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox, next_run: Begin
) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM, f"tool-linux-{OTHER}": elf(OTHER)})
    module = release(**install(box))
    plan, outcome = host.converge(module)
    assert plan.kind is PlanKind.CREATE
    assert (box.read("tool"), box.stat("tool").mode) == (PROGRAM, 0o755)
    assert "GitHub's digest" in outcome.msg
    next_run()
    moved = github.storage.sent()
    host.frames.clear()
    for planning in (False, True):
        assert host.plan(module, planning=planning).kind is PlanKind.NONE
    assert len(host.frames) == 2
    assert github.storage.sent() == moved


def test_a_new_release_replaces_the_old_one(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox, next_run: Begin
) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM})
    host.converge(release(**install(box)))
    github.release("v1.1.0", {f"tool-linux-{HERE}": NEXT_PROGRAM})
    next_run()
    plan = host.plan(release(**install(box)), planning=True)
    assert (plan.changes[0].before, plan.changes[0].after) == ("v1.0.0", "v1.1.0")
    host.converge(release(**install(box)))
    assert box.read("tool") == NEXT_PROGRAM


def test_a_changed_program_is_put_right(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox, next_run: Begin
) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM})
    host.converge(release(**install(box)))
    box.write("tool", "broken")
    next_run()
    moved = github.storage.sent()
    host.converge(release(**install(box)))
    assert box.read("tool") == PROGRAM
    assert github.storage.sent() == moved


def test_one_transfer_serves_all_hosts(github: GitHub, release: Maker, host: TestHost, box: Sandbox) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}.tar.gz": tar({"bin/tool": PROGRAM}), "README.md": b"x"})
    for name in ("a", "b", "c"):
        host.converge(release(**install(box, dest=box.path(name))))
        assert box.read(name) == PROGRAM
    assert len(github.storage.log) == 1
    assert github.lookups == [200]


def test_a_lower_version_is_not_installed_by_accident(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox, next_run: Begin
) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM})
    github.release("v2.0.0-rc1", {f"tool-linux-{HERE}": NEXT_PROGRAM}, pre=True)
    host.converge(release(**install(box, channel="prerelease")))
    next_run()
    with pytest.raises(TaskError, match=r"is v2\.0\.0-rc1, and the newest release that is wanted is v1\.0\.0"):
        host.plan(release(**install(box)))
    host.converge(release(**install(box, allow_downgrade=True)))
    assert box.read("tool") == PROGRAM
    host.converge(release(**install(box, version="v2.0.0-rc1")))
    assert box.read("tool") == NEXT_PROGRAM


def test_a_program_for_another_machine_never_replaces_a_good_one(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox
) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}": elf(OTHER)})
    box.write("tool", "good", mode=0o755)
    with pytest.raises(TaskError, match="is a program for"):
        host.converge(release(**install(box)))
    assert box.read("tool") == b"good"
    host.converge(release(**install(box, check_binary=False)))
    assert box.read("tool") == elf(OTHER)


def test_a_digest_that_is_wrong_never_replaces_a_good_one(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox
) -> None:
    made = github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM})
    made["assets"][0]["digest"] = "sha256:" + "0" * 64
    box.write("tool", "good")
    with pytest.raises(TaskError, match="GitHub's digest"):
        host.converge(release(**install(box)))
    assert box.read("tool") == b"good"


@pytest.mark.parametrize("name", ["{asset}.sha256", "SHA256SUMS", "tool_1.0.0_checksums.txt", "sha256sum.txt"])
@pytest.mark.parametrize("right", [True, False])
def test_a_file_of_checksums_vouches_where_github_has_no_digest(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox, name: str, right: bool
) -> None:
    asset = f"tool-linux-{HERE}"
    line = f"{hashlib.sha256(PROGRAM if right else b'other').hexdigest()}  ./dist/{asset}\n"
    beside = {name.format(asset=asset): line.encode(), "other.sha256": b"%064d  other\n" % 0}
    github.release("v1.0.0", {asset: PROGRAM, **beside}, digests=False)
    if right:
        _, outcome = host.converge(release(**install(box)))
        assert name.format(asset=asset) in outcome.msg
        assert list(host.warnings) == []
    else:
        with pytest.raises(TaskError, match="sha256 is"):
            host.converge(release(**install(box)))


def test_that_nothing_vouches_is_a_warning_or_an_error(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox
) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM}, digests=False)
    for how, message in (("digest", "no digest"), ("sidecar", "no checksum")):
        with pytest.raises(TaskError, match=message):
            host.converge(release(**install(box, verify=how)))
    host.converge(release(**install(box)))
    assert any("nothing vouches" in warning for warning in host.warnings)
    given = f"sha256:{hashlib.sha256(PROGRAM).hexdigest()}"
    _, outcome = host.converge(release(**install(box, dest=box.path("g"), checksum=given)))
    assert "checked by the task" in outcome.msg


def test_private_assets_come_without_the_token_reaching_the_storage(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox
) -> None:
    github.token = "hush"
    github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM})
    host.converge(release(**install(box, github_token="hush")))
    assert box.read("tool") == PROGRAM
    asset = github.site.log[-1]
    assert (asset.headers["Authorization"], asset.headers["Accept"]) == ("Bearer hush", "application/octet-stream")
    assert [one for one in github.storage.log if "Authorization" in one.headers] == []
    assert len(github.storage.log) == 1


def test_without_a_token_the_public_address_is_asked(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox
) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM})
    host.converge(release(**install(box)))
    assert "/releases/download/" in github.site.log[-1].path


def test_a_file_of_unknown_origin_is_compared_with_what_the_archive_holds(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox
) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}.tar.gz": tar({"bin/tool": PROGRAM})})
    box.write("tool", PROGRAM, mode=0o755)
    with pytest.raises(UnknownValueError, match="only be told by fetching"):
        host.plan(release(**install(box)), planning=True)
    _, outcome = host.converge(release(**install(box)))
    assert outcome.changed is False
    assert host.plan(release(**install(box)), planning=True).kind is PlanKind.NONE


def test_attributes_alone(github: GitHub, release: Maker, host: TestHost, box: Sandbox) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM})
    host.converge(release(**install(box)))
    plan, _ = host.converge(release(**install(box, mode=Mode(0o700))))
    assert [change.field for change in plan.changes] == ["mode"]
    assert (box.stat("tool").mode, len(github.storage.log)) == (0o700, 1)


def test_somebody_elses_change_in_between_is_not_lost(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox
) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM})
    plan = host.plan(release(**install(box)))
    box.write("tool", "theirs")
    with pytest.raises(StaleError):
        host.apply(release(**install(box)), plan)
    assert box.read("tool") == b"theirs"


def test_an_asset_that_was_uploaded_anew_is_installed_anew(
    github: GitHub, release: Maker, host: TestHost, box: Sandbox, next_run: Begin
) -> None:
    github.release("v1.0.0", {f"tool-linux-{HERE}": PROGRAM})
    host.converge(release(**install(box)))
    github.releases.clear()
    github.release("v1.0.0", {f"tool-linux-{HERE}": NEXT_PROGRAM})
    next_run()
    assert [change.field for change in host.plan(release(**install(box))).changes] == ["digest"]
    host.converge(release(**install(box)))
    assert box.read("tool") == NEXT_PROGRAM


@pytest.mark.parametrize(
    "wrong",
    [
        {"repo": "tool"},
        {"repo": "../../etc"},
        {"channel": "nightly"},
        {"save": None},
        {"version": "1", "version_filter": "^1"},
        {"version_filter": "abc"},
        {"asset": "a", "asset_regex": "b"},
        {"asset_regex": "("},
        {"checksum": "https://example.com/SUMS"},
        {"api_url": "http://github.example.com/api/v3"},
        {"api_url": "ftp://x"},
        {"dest": "/tmp/"},
        {"set": "not a name"},
    ],
)
def test_mistakes_are_refused_before_anything_runs(release: Maker, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        release(**wrong)
