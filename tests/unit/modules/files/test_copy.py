# SPDX-License-Identifier: GPL-3.0-or-later
"""What `copy` and `template` do besides the conformance suite: errors, links, trees, checks, diffs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from jetpack_core.contracts.fields import Mode
from jetpack_core.contracts.operations import InThread, Put, Run, SetAttributes, Write
from jetpack_core.errors import OperationError, StaleError, TaskError, TemplateError, UnknownValueError
from jetpack_core.modules.files.content import FileWork
from jetpack_core.modules.files.copy import Copy
from jetpack_core.modules.files.payload import DIFF_LIMIT
from jetpack_core.modules.files.template import Template
from jetpack_core.records import AccountEffect, CommandResult, FileKind, FileStat, PathEffect, PlanKind, TextDiff
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from jetpack_core.testing.scripted import ScriptedConnection

OTHER_USER = "nobody-of-this-name"


def changed_fields(host: TestHost, module: Copy | Template) -> dict[str, tuple[object, object]]:
    return {change.field: (change.before, change.after) for change in host.plan(module).changes}


def test_every_changed_field_is_shown(host: TestHost, box: Sandbox) -> None:
    dest = box.write("f", "old\n", mode=0o600)
    plan = host.plan(Copy(content="newer\n", dest=dest, mode=Mode(0o644)))
    shown = {change.field: (str(change.before), str(change.after)) for change in plan.changes}
    assert shown["mode"] == ("0o600", "0o644")
    assert shown["size"] == ("4", "6")
    assert shown["content"][0].startswith("sha256:")
    assert plan.diffs == (TextDiff(dest, "old\n", "newer\n"),)


def test_a_binary_or_large_file_has_no_text_diff(host: TestHost, box: Sandbox) -> None:
    dest = box.write("f", b"\0")
    assert host.plan(Copy(content="text", dest=dest)).diffs == ()
    dest = box.write("f", "short")
    assert host.plan(Copy(content="x" * (DIFF_LIMIT + 1), dest=dest)).diffs == ()
    dest = box.write("f", "y" * (DIFF_LIMIT + 1))
    assert host.plan(Copy(content="short", dest=dest)).diffs == ()


def test_a_run_does_not_fetch_a_large_text_just_to_show_it(host: TestHost, box: Sandbox) -> None:
    dest = box.write("f", "y" * 100_000)
    module = Copy(content="x" * 100_000, dest=dest)
    assert host.plan(module, planning=False).diffs == ()
    assert len(host.plan(module, planning=True).diffs) == 1


def test_only_the_mode_differs_so_the_content_is_not_sent(host: TestHost, box: Sandbox) -> None:
    dest = box.write("f", "same")
    host.frames.clear()
    host.converge(Copy(content="same", dest=dest, mode=Mode(0o600)))
    assert isinstance(host.operations[-1], SetAttributes)
    assert box.stat("f").mode == 0o600


def test_a_small_file_is_written_and_a_large_one_streamed(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 1000)
    host.converge(Copy(src=source, dest=box.path("small")))
    small = host.operations[-1]
    source.write_bytes(b"x" * (DIFF_LIMIT + 1))
    host.converge(Copy(src=source, dest=box.path("large")))
    large = host.operations[-1]
    assert isinstance(small, Write)
    assert isinstance(large, Put)
    assert box.read("large") == source.read_bytes()


def test_a_new_file_that_may_be_executed_stays_executable(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "script"
    source.write_text("#!/bin/sh\n")
    source.chmod(0o755)
    host.converge(Copy(src=source, dest=box.path("script")))
    assert box.stat("script").mode == 0o755


def test_an_existing_file_keeps_its_mode(host: TestHost, box: Sandbox) -> None:
    dest = box.write("f", "old", mode=0o640)
    host.converge(Copy(content="new", dest=dest))
    assert box.stat("f").mode == 0o640


def test_a_directory_in_the_way_is_an_error_with_a_hint(host: TestHost, box: Sandbox) -> None:
    dest = box.make_directory("d")
    with pytest.raises(TaskError, match="is a directory") as caught:
        host.plan(Copy(content="x", dest=dest))
    assert "own name" in caught.value.hint


def test_a_pipe_in_the_way_is_an_error(host: TestHost, box: Sandbox) -> None:
    os.mkfifo(box.path("pipe"))
    with pytest.raises(TaskError, match="device, socket or pipe"):
        host.plan(Copy(content="x", dest=box.path("pipe")))


@pytest.mark.parametrize("planning", [False, True])
def test_a_missing_directory_above_is_an_error_with_a_hint(host: TestHost, box: Sandbox, planning: bool) -> None:
    module = Copy(content="x", dest=box.path("no/f"))
    with pytest.raises(TaskError, match="no directory") as caught:
        host.apply(module, host.plan(module, planning=planning))
    assert "!directory" in caught.value.hint
    assert not box.stat("no").exists


@pytest.mark.parametrize("planning", [False, True])
def test_a_file_above_is_an_error(host: TestHost, box: Sandbox, planning: bool) -> None:
    box.write("f", "mine")
    module = Copy(content="x", dest=box.path("f/g"))
    with pytest.raises(TaskError, match="not a directory"):
        host.apply(module, host.plan(module, planning=planning))
    assert box.read("f") == b"mine"


def test_an_unknown_owner_is_named_and_nothing_is_written(host: TestHost, box: Sandbox) -> None:
    module = Copy(content="x", dest=box.path("f"), owner=OTHER_USER)
    with pytest.raises(TaskError, match=OTHER_USER) as caught:
        host.converge(module)
    assert "!user" in caught.value.hint
    assert not box.stat("f").exists


def test_a_loop_of_links_is_an_error(host: TestHost, box: Sandbox) -> None:
    box.link("a", "b")
    box.link("b", "a")
    with pytest.raises(OperationError):
        host.plan(Copy(content="x", dest=box.path("a"), follow=True))
    with pytest.raises(OperationError):
        host.converge(Copy(content="x", dest=box.path("a/f")))


def test_follow_changes_the_file_a_link_points_to(host: TestHost, box: Sandbox) -> None:
    box.write("real", "old")
    link = box.link("link", "real")
    module = Copy(content="new", dest=link, follow=True)
    host.converge(module)
    assert box.read("real") == b"new"
    assert box.stat("link").target == "real"
    assert host.plan(module).kind is PlanKind.NONE


@pytest.mark.parametrize("planning", [False, True])
def test_following_a_link_to_nowhere_makes_the_file_or_names_the_missing_directory(
    host: TestHost, box: Sandbox, planning: bool
) -> None:
    host.ask(host.link(box.path("l"), "d/f"))
    module = Copy(content="x", dest=box.path("l"), follow=True)
    with pytest.raises(TaskError, match="there is no directory"):
        host.apply(module, host.plan(module, planning=planning))
    box.make_directory("d")
    assert host.plan(module, planning=planning).kind is PlanKind.CREATE
    host.converge(module)
    assert box.read("d/f") == b"x"


def test_a_link_is_replaced_and_what_it_points_to_left_alone(host: TestHost, box: Sandbox) -> None:
    box.write("real", "old")
    link = box.link("link", "real")
    plan, _ = host.converge(Copy(content="new", dest=link))
    assert ("kind", FileKind.SYMLINK, FileKind.FILE) in [(one.field, one.before, one.after) for one in plan.changes]
    assert box.read("real") == b"old"
    assert box.stat("link").kind is FileKind.FILE


def test_a_file_that_does_not_pass_the_check_is_not_put_in_place(host: TestHost, box: Sandbox) -> None:
    dest = box.write("f", "good")
    module = Copy(
        content="bad",
        dest=dest,
        validate_with=["sh", "-c", 'grep good "$1" || { echo no good >&2; exit 1; }', "-", "%s"],
    )
    with pytest.raises(TaskError, match="no good"):
        host.converge(module)
    assert box.read("f") == b"good"


def test_a_check_that_does_not_exist_is_an_error(host: TestHost, box: Sandbox) -> None:
    dest = box.write("f", "good")
    with pytest.raises(OperationError, match="no-such-program"):
        host.converge(Copy(content="new", dest=dest, validate_with=["/no-such-program", "%s"]))
    assert box.read("f") == b"good"


def test_the_copy_that_was_checked_is_removed(host: TestHost, box: Sandbox) -> None:
    seen = box.path("seen")
    host.converge(Copy(content="new", dest=box.path("f"), validate_with=["sh", "-c", 'echo "$1" >"$0"', seen, "%s"]))
    checked = box.read("seen").decode().strip()
    assert checked.endswith("/f")
    assert not Path(checked).exists()


def test_the_source_may_not_be_readable(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(TaskError, match=f"{gone} cannot be read"):
        host.plan(Copy(src=gone, dest=box.path("f")))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dest": "/f"}, "either 'src' or 'content'"),
        ({"dest": "/f", "src": Path("/etc/hostname"), "content": "x"}, "either 'src' or 'content'"),
        ({"dest": "/d/", "content": "x"}, "cannot end with a slash"),
        ({"dest": "d/f", "content": "x"}, "must be absolute"),
        ({"dest": "~/f", "content": "x"}, "is not expanded"),
        ({"dest": "/f", "content": "x", "owner": "a", "attributes": {"mode": "0o644"}}, "one place"),
        ({"dest": "/f", "content": "x", "owner": ""}, "not the name or number"),
        ({"dest": "/f", "content": "x", "group": "a:b"}, "not the name or number"),
        ({"dest": "/f", "content": "x", "directory_mode": "0o755"}, "for folders"),
        ({"dest": "/f", "content": "x", "validate_with": ["visudo", "-cf"]}, "%s"),
        ({"dest": "/f", "content": "x", "attributes": {"mod": "0o644"}}, "Extra inputs"),
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Copy.model_validate(parameters)


# Trees


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("a\n")
    (folder / "sub" / "b").write_text("b\n")
    (folder / "sub" / "link").symlink_to("../a")
    return folder


@pytest.mark.parametrize("field", ["owner", "group"])
def test_plan_mode_asks_for_the_accounts_of_a_whole_folder(
    host: TestHost, box: Sandbox, tree: Path, field: str
) -> None:
    module = Copy.model_validate({"src": tree, "dest": box.path("d"), field: OTHER_USER})
    with pytest.raises(TaskError, match=f"there is no user or group '{OTHER_USER}'") as caught:
        host.plan(module, planning=True)
    assert "!user" in caught.value.hint
    own = {"owner": str(os.getuid()), "group": str(os.getgid())}
    module = Copy.model_validate({"src": tree, "dest": box.path("d"), **own})
    assert host.plan(module, planning=True).kind is PlanKind.CREATE


def test_a_tree_arrives_whole_with_its_links_and_what_else_is_there_stays(
    host: TestHost, box: Sandbox, tree: Path
) -> None:
    box.make_directory("d")
    box.write("d/mine", "mine")
    host.converge(Copy(src=tree, dest=box.path("d"), mode=Mode(0o640), directory_mode=Mode(0o750)))
    assert box.read("d/a") == b"a\n"
    assert box.read("d/mine") == b"mine"
    assert box.stat("d/sub/link").target == "../a"
    assert box.stat("d/sub/b").mode == 0o640
    assert box.stat("d/sub").mode == 0o750


def test_only_what_differs_is_sent_in_one_frame(host: TestHost, box: Sandbox, tree: Path) -> None:
    module = Copy(src=tree, dest=box.path("d"))
    host.converge(module)
    (tree / "a").write_text("changed\n")
    host.frames.clear()
    plan, _ = host.converge(module)
    assert [change.field for change in plan.changes] == ["a content", "a size"]
    assert [type(operation) for operation in host.frames[-1]] == [Write]
    assert len(host.frames) == 2


def test_plan_mode_shows_the_text_of_a_tree(host: TestHost, box: Sandbox, tree: Path) -> None:
    host.converge(Copy(src=tree, dest=box.path("d")))
    (tree / "a").write_text("changed\n")
    plan = host.plan(Copy(src=tree, dest=box.path("d")), planning=True)
    assert plan.diffs == (TextDiff(box.path("d/a"), "a\n", "changed\n"),)


def test_a_tree_larger_than_a_frame_arrives_whole(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):
        (folder / str(number)).write_bytes(bytes([number]) * 250_000)
    host.converge(Copy(src=folder, dest=box.path("d")))
    assert {now.path: now.checksum for now in host.ask(host.walk(box.path("d"), checksum=True))} == {
        box.path(f"d/{path.name}"): box.host.ask(host.stat(str(path), checksum=True)).checksum
        for path in folder.iterdir()
    }


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "../.."])
def test_a_link_out_of_the_tree_is_refused(host: TestHost, box: Sandbox, tree: Path, target: str) -> None:
    (tree / "sub" / "evil").symlink_to(target)
    with pytest.raises(TaskError, match="leads out of the folder"):
        host.plan(Copy(src=tree, dest=box.path("d")))


def test_a_pipe_in_the_tree_is_refused(host: TestHost, box: Sandbox, tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(TaskError, match="cannot be copied"):
        host.plan(Copy(src=tree, dest=box.path("d")))


def test_a_tree_goes_below_a_link_to_a_directory(host: TestHost, box: Sandbox, tree: Path) -> None:
    box.make_directory("real")
    module = Copy(src=tree, dest=box.link("d", "real"))
    host.converge(module)
    assert box.read("real/sub/b") == b"b\n"
    assert host.plan(module).kind is PlanKind.NONE


@pytest.mark.parametrize(("name", "make"), [("sub", "file"), ("sub", "link"), ("a", "directory"), (".", "file")])
def test_something_else_in_the_way_of_a_tree_is_refused(
    host: TestHost, box: Sandbox, tree: Path, name: str, make: str
) -> None:
    path = f"d/{name}" if name != "." else "d"
    if name != ".":
        box.make_directory("d")
    if make == "file":
        box.write(path, "mine")
    elif make == "link":
        box.make_directory("elsewhere")
        box.link(path, "../elsewhere")
    else:
        box.make_directory(path)
    with pytest.raises(TaskError, match="is to be there"):
        host.plan(Copy(src=tree, dest=box.path("d")))


@pytest.mark.parametrize("planning", [False, True])
def test_a_tree_below_a_link_to_nowhere_is_an_error(host: TestHost, box: Sandbox, tree: Path, planning: bool) -> None:
    host.ask(host.link(box.path("l"), "nowhere"))
    with pytest.raises(TaskError, match="a link to nowhere, which does not exist"):
        host.plan(Copy(src=tree, dest=box.path("l")), planning=planning)


def test_a_link_of_the_tree_replaces_a_file_but_no_directory(host: TestHost, box: Sandbox, tree: Path) -> None:
    box.make_directory("d/sub")
    box.write("d/sub/link", "in the way")
    host.converge(Copy(src=tree, dest=box.path("d")))
    assert box.stat("d/sub/link").target == "../a"
    box.remove("d/sub/link")
    box.make_directory("d/sub/link")
    with pytest.raises(TaskError, match="a link is to be there"):
        host.plan(Copy(src=tree, dest=box.path("d")))


def test_a_source_that_changes_meanwhile_is_planned_anew(host: TestHost, box: Sandbox, tree: Path) -> None:
    module = Copy(src=tree, dest=box.path("d"))
    plan = host.plan(module)
    (tree / "a").write_text("later\n")
    with pytest.raises(StaleError):
        host.apply(module, plan)
    host.converge(module)
    assert box.read("d/a") == b"later\n"


# Templates


def test_a_template_sees_the_variables(box: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "t.j2"
    source.write_text("port {{ port }}\n\n")
    with TestHost(variables={"port": 80}) as host:
        host.converge(Template(src=source, dest=box.path("f")))
    assert box.read("f") == b"port 80\n\n"


def test_an_undefined_variable_writes_nothing(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "t.j2"
    source.write_text("fine\nport {{ port }}\n")
    with pytest.raises(TemplateError, match="port"):
        host.converge(Template(src=source, dest=box.path("f")))
    assert not box.stat("f").exists


def test_a_template_needs_the_name_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="cannot end with a slash"):
        Template.model_validate({"src": tmp_path, "dest": "/etc/"})


# Plan mode, where an earlier task leaves something open


def foretold(**known: object) -> TestHost:
    state = FileStat("/f", FileKind.FILE, mode=0o644, size=1, checksum="0" * 64, **known)  # type: ignore[arg-type]
    script = ScriptedConnection().on(lambda _: True, state).on(Run, CommandResult((), 0))
    return TestHost(script, planning=True)


def test_an_owner_that_is_not_known_yet_is_not_guessed() -> None:
    with foretold() as host, pytest.raises(UnknownValueError, match="owner of /f"):
        host.plan(Copy(content="x", dest="/f", owner="root"))


def test_an_owner_that_will_be_made_is_compared_by_name() -> None:
    with foretold(owner="app", group="app") as host:
        assert "owner" not in changed_fields(host, Copy(content="x", dest="/f", owner="app"))
        assert changed_fields(host, Copy(content="x", dest="/f", group="www"))["group"] == ("app", "www")
        with pytest.raises(UnknownValueError, match="owner of /f"):
            host.plan(Copy(content="x", dest="/f", owner="1000"))


def test_content_that_is_not_known_yet_is_not_guessed() -> None:
    state = FileStat("/f", FileKind.FILE, mode=0o644)
    connection = ScriptedConnection().on(lambda _: True, state)
    with TestHost(connection, planning=True) as host, pytest.raises(UnknownValueError, match="content of /f"):
        host.plan(Copy(content="x", dest="/f"))


def test_effects_tell_later_plans_the_content(host: TestHost, box: Sandbox) -> None:
    wanted = Copy(content="x", dest=box.path("f"), owner="nobody", mode=Mode(0o600))
    (effect,) = host.plan(wanted, planning=True).effects
    assert not isinstance(effect, AccountEffect)
    assert effect == PathEffect(
        FileStat(
            box.path("f"),
            FileKind.FILE,
            mode=0o600,
            owner="nobody",
            size=1,
            checksum="2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
            content=b"x",
        )
    )


def test_setuid_survives_a_new_owner() -> None:
    now = FileStat("/f", FileKind.FILE, mode=0o4755, uid=0, gid=0, owner="root", group="root", checksum="0" * 64)
    with TestHost(ScriptedConnection().on(lambda _: True, now)) as host:
        work = host.plan(Copy(content="x", dest="/f", owner="app")).data
    assert isinstance(work, FileWork)
    assert work.attributes.mode == 0o4755


def test_a_small_source_is_read_without_leaving_the_loop(box: Sandbox, tmp_path: Path) -> None:
    """The engine plans ahead only where nothing but the host is asked."""
    source = tmp_path / "small"
    source.write_text("x")
    coroutine = Copy(src=source, dest=box.path("f")).plan(box.host)
    assert not isinstance(coroutine.send(None), InThread)
    coroutine.close()
