# SPDX-License-Identifier: GPL-3.0-or-later
"""What `file`, `directory`, `link` and `stat` do besides the conformance suite."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from jetpack_core.contracts.fields import Mode
from jetpack_core.contracts.operations import SetAttributes, Walk
from jetpack_core.contracts.paths import is_vital
from jetpack_core.errors import OperationCode, OperationError, StaleError, TaskError
from jetpack_core.modules.files.directory import Directory
from jetpack_core.modules.files.file import File
from jetpack_core.modules.files.link import Link
from jetpack_core.modules.files.stat import Stat
from jetpack_core.records import FileKind, FileStat, PlanKind, TextDiff
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from jetpack_core.testing.scripted import ScriptedConnection

# file


def test_a_file_that_is_there_keeps_its_content(host: TestHost, box: Sandbox) -> None:
    path = box.write("f", "mine", mode=0o600)
    host.converge(File(path=path, mode=Mode(0o640)))
    assert (box.read("f"), box.stat("f").mode) == (b"mine", 0o640)


def test_the_attributes_of_a_link_are_those_of_its_file(host: TestHost, box: Sandbox) -> None:
    box.write("real", mode=0o600)
    module = File(path=box.link("link", "real"), mode=Mode(0o640))
    host.converge(module)
    assert box.stat("real").mode == 0o640
    assert box.stat("link").kind is FileKind.SYMLINK
    assert host.plan(module).kind is PlanKind.NONE


@pytest.mark.parametrize("remove", [False, True])
def test_a_directory_is_no_file(host: TestHost, box: Sandbox, remove: bool) -> None:
    with pytest.raises(TaskError, match="is a directory, not a file") as caught:
        host.plan(File(path=box.make_directory("d"), remove=remove))
    assert "!directory" in caught.value.hint


def test_removing_a_file_shows_what_goes(host: TestHost, box: Sandbox) -> None:
    path = box.write("f", "text\n")
    assert host.plan(File(path=path, remove=True), planning=True).diffs == (TextDiff(path, "text\n", None),)


def test_removing_below_a_missing_directory_is_done_already(host: TestHost, box: Sandbox) -> None:
    assert host.plan(File(path=box.path("no/f"), remove=True)).kind is PlanKind.NONE


def test_a_file_needs_its_directory(host: TestHost, box: Sandbox) -> None:
    for planning in (False, True):
        module = File(path=box.path("no/f"))
        with pytest.raises(TaskError, match="there is no directory"):
            host.apply(module, host.plan(module, planning=planning))


def test_an_unknown_group_is_named(host: TestHost, box: Sandbox) -> None:
    with pytest.raises(TaskError, match="no-such-group"):
        host.converge(File(path=box.write("f"), group="no-such-group"))


# directory


def test_directories_above_are_made_and_foretold(host: TestHost, box: Sandbox) -> None:
    module = Directory(path=box.path("a/b/c"), mode=Mode(0o700))
    plan = host.plan(module, planning=True)
    assert [effect.state.path for effect in plan.effects if not hasattr(effect, "name")] == [
        box.path("a"),
        box.path("a/b"),
        box.path("a/b/c"),
    ]
    host.converge(module)
    assert [box.stat(name).mode for name in ("a", "a/b", "a/b/c")] == [0o755, 0o755, 0o700]


@pytest.mark.parametrize("planning", [False, True])
def test_a_file_in_the_way_of_a_directory_is_an_error(host: TestHost, box: Sandbox, planning: bool) -> None:
    box.write("f", "mine")
    with pytest.raises(TaskError, match="is a file"):
        host.plan(Directory(path=box.path("f")), planning=planning)
    below = Directory(path=box.path("f/d"))
    with pytest.raises(TaskError, match="directory"):
        host.apply(below, host.plan(below, planning=planning))
    assert box.read("f") == b"mine"


@pytest.mark.parametrize("planning", [False, True])
def test_a_link_to_nothing_in_the_way_of_a_directory_is_an_error(host: TestHost, box: Sandbox, planning: bool) -> None:
    module = Directory(path=box.link("l", "nowhere"))
    with pytest.raises(TaskError, match="a link to nowhere"):
        host.apply(module, host.plan(module, planning=planning))


def test_recursion_changes_only_what_differs(host: TestHost, box: Sandbox) -> None:
    top = box.make_directory("d", mode=0o750)
    box.write("d/right", mode=0o640)
    box.write("d/wrong", mode=0o644)
    box.make_directory("d/sub", mode=0o750)
    box.write("d/sub/wrong", mode=0o600)
    module = Directory(path=top, recurse=True, mode=Mode(0o750), file_mode=Mode(0o640))
    host.frames.clear()
    plan, _ = host.converge(module)
    assert [change.field for change in plan.changes] == ["sub/wrong mode", "wrong mode"]
    assert [one.paths for one in host.operations if isinstance(one, SetAttributes)] == [
        (box.path("d/sub/wrong"),),
        (box.path("d/wrong"),),
    ]
    assert host.plan(module).kind is PlanKind.NONE


def test_recursion_does_not_follow_links(host: TestHost, box: Sandbox) -> None:
    box.write("outside", mode=0o600)
    top = box.make_directory("d", mode=0o700)
    box.link("d/link", "../outside")
    module = Directory(path=top, recurse=True, mode=Mode(0o755))
    host.converge(module)
    assert box.stat("outside").mode == 0o600
    assert host.plan(module).kind is PlanKind.NONE


def test_removing_takes_the_contents_but_nothing_behind_links(host: TestHost, box: Sandbox) -> None:
    box.make_directory("outside")
    box.write("outside/f", "mine")
    box.make_directory("d/sub")
    box.link("d/sub/link", box.path("outside"))
    host.converge(Directory(path=box.path("d"), remove=True))
    assert not box.stat("d").exists
    assert box.read("outside/f") == b"mine"


@pytest.mark.parametrize("make", ["file", "link"])
def test_removing_a_directory_that_is_none_is_refused(host: TestHost, box: Sandbox, make: str) -> None:
    box.make_directory("outside")
    path = box.write("x") if make == "file" else box.link("x", "outside")
    with pytest.raises(TaskError, match=f"is a {make}, not a directory"):
        host.plan(Directory(path=path, remove=True))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/.",
        "/etc",
        "/etc/",
        "//etc",
        "/./usr",
        "/usr/lib",
        "/var/lib/",
        "/home",
        "/tmp",
        "/srv/../etc",
        "/a/..",
    ],
)
def test_what_a_system_is_made_of_is_never_removed(path: str) -> None:
    with pytest.raises(ValidationError, match="never removed"):
        Directory(path=path, remove=True)


@pytest.mark.parametrize(
    "path", ["/srv/app", "/home/me", "/opt/x", "/data", "/etc/nginx", "/usr/local/x", "/..a", "/etc.old"]
)
def test_anything_else_may_be_removed(path: str) -> None:
    assert not is_vital(path)


def test_recursion_on_everything_is_refused() -> None:
    with pytest.raises(ValidationError, match="whole system"):
        Directory(path="/", recurse=True, mode=Mode(0o755))
    with pytest.raises(ValidationError, match="needs 'recurse'"):
        Directory(path="/srv/x", file_mode=Mode(0o644))


def test_a_directory_that_appears_meanwhile_is_planned_anew(host: TestHost, box: Sandbox) -> None:
    module = Directory(path=box.path("d"), mode=Mode(0o700))
    plan = host.plan(module)
    box.make_directory("d")
    with pytest.raises(StaleError):
        host.apply(module, plan)
    host.converge(module)
    assert box.stat("d").mode == 0o700


def test_recursion_asks_once(host: TestHost, box: Sandbox) -> None:
    path = box.make_directory("d")
    host.frames.clear()
    host.plan(Directory(path=path, recurse=True))
    assert len(host.frames) == 1
    assert isinstance(host.operations[-1], Walk)


# link


def test_a_link_may_point_to_nothing_yet(host: TestHost, box: Sandbox) -> None:
    host.converge(Link(path=box.path("l"), target="-not there\n"))
    assert box.stat("l").target == "-not there\n"


@pytest.mark.parametrize("force", [False, True])
def test_a_link_never_replaces_a_directory(host: TestHost, box: Sandbox, force: bool) -> None:
    with pytest.raises(TaskError, match="never replaces"):
        host.plan(Link(path=box.make_directory("d"), target="x", force=force))


def test_a_link_replaces_a_file_only_by_force(host: TestHost, box: Sandbox) -> None:
    path = box.write("f", "mine")
    with pytest.raises(TaskError, match="is a file, not a link") as caught:
        host.plan(Link(path=path, target="x"))
    assert "force: true" in caught.value.hint


@pytest.mark.parametrize("make", ["file", "directory"])
def test_only_links_are_removed(host: TestHost, box: Sandbox, make: str) -> None:
    path = box.write("x") if make == "file" else box.make_directory("x")
    with pytest.raises(TaskError, match="not a link"):
        host.plan(Link(path=path, remove=True))


def test_a_link_needs_its_directory(host: TestHost, box: Sandbox) -> None:
    for planning in (False, True):
        module = Link(path=box.path("no/l"), target="x")
        with pytest.raises(TaskError, match="there is no directory"):
            host.apply(module, host.plan(module, planning=planning))


def test_a_hard_link_is_one_more_name(host: TestHost, box: Sandbox) -> None:
    module = Link(path=box.path("h"), target=box.write("f", "x"), hard=True)
    host.converge(module)
    assert Path(box.path("h")).samefile(box.path("f"))
    box.write("h2", "x")
    same_content = Link(path=box.path("h2"), target=box.path("f"), hard=True)
    with pytest.raises(TaskError, match="not a link"):
        host.plan(same_content)


def test_a_hard_link_needs_a_file(host: TestHost, box: Sandbox) -> None:
    with pytest.raises(TaskError, match="does not exist"):
        host.plan(Link(path=box.path("h"), target=box.path("no"), hard=True))
    with pytest.raises(TaskError, match="only files"):
        host.plan(Link(path=box.path("h"), target=box.make_directory("d"), hard=True))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "'target' is missing"),
        ({"target": ""}, "needs a target"),
        ({"target": "~/x"}, "not expanded"),
        ({"target": "x", "hard": True}, "absolute path"),
    ],
)
def test_wrong_parameters_of_link_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Link.model_validate({"path": "/l", **parameters})


# stat


def test_stat_says_what_is_there(host: TestHost, box: Sandbox) -> None:
    result = host.plan(Stat(path=box.write("f", "text", mode=0o640), checksum=True)).outcome.result
    now = box.stat("f")
    assert result == {
        "exists": True,
        "is_dir": False,
        "is_file": True,
        "is_link": False,
        "mode": "0o640",
        "owner": now.owner,
        "group": now.group,
        "uid": now.uid,
        "gid": now.gid,
        "size": 4,
        "mtime": now.mtime,
        "checksum": now.checksum,
    }


def test_stat_of_links(host: TestHost, box: Sandbox) -> None:
    box.make_directory("d")
    path = box.link("l", "d")
    result = host.plan(Stat(path=path)).outcome.result
    assert (result["is_link"], result["is_dir"], result["target"]) == (True, False, "d")
    assert host.plan(Stat(path=path, follow=True)).outcome.result["is_dir"] is True


def test_stat_of_nothing(host: TestHost, box: Sandbox) -> None:
    nothing = {"exists": False, "is_dir": False, "is_file": False, "is_link": False}
    assert host.plan(Stat(path=box.path("no"))).outcome.result == nothing
    box.link("l", "nowhere")
    assert host.plan(Stat(path=box.path("l"), follow=True)).outcome.result == nothing


def test_stat_of_a_loop_is_an_error(host: TestHost, box: Sandbox) -> None:
    box.link("a", "a")
    with pytest.raises(OperationError):
        host.plan(Stat(path=box.path("a"), follow=True))


def test_stat_leaves_out_what_plan_mode_cannot_know() -> None:
    foretold = FileStat("/f", FileKind.FILE, mode=0o600, owner="app", size=3)
    with TestHost(ScriptedConnection().on(lambda _: True, foretold), planning=True) as host:
        result = host.plan(Stat(path="/f")).outcome.result
    assert result == {
        "exists": True,
        "is_dir": False,
        "is_file": True,
        "is_link": False,
        "mode": "0o600",
        "owner": "app",
        "size": 3,
    }


@pytest.mark.parametrize(
    "module",
    [File(path="/f", mode=Mode(0o600)), Directory(path="/f"), Link(path="/f", target="x"), Stat(path="/f")],
    ids=lambda module: type(module).__name__,
)
def test_a_refusal_comes_with_a_hint(module: File | Directory | Link | Stat) -> None:
    refused = OperationError(OperationCode.PERMISSION, "/f")
    connection = ScriptedConnection().on(lambda _: True, refused)
    with TestHost(connection) as host, pytest.raises(TaskError, match="permission denied") as caught:
        host.plan(module)
    assert "sudo" in caught.value.hint
