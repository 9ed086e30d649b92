# SPDX-License-Identifier: GPL-3.0-or-later
"""`git` with the real git of this machine and repositories made for each test."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jetpack_core.connections.local import LocalConnection
from jetpack_core.contracts.connection import Endpoint
from jetpack_core.contracts.operations import Run, Stat
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.system.git import Git
from jetpack_core.modules.system.git_state import parse_checkout, parse_remote
from jetpack_core.records import FileStat, Outcome, PathEffect, Plan, PlanKind
from jetpack_core.testing.examples import examples_of, make_module
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.no_python import ShellConnection
from jetpack_core.testing.scripted import ScriptedConnection

IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def git(folder: Path, *words: str) -> str:
    """Run git as a person would, with nothing of this machine's settings."""
    argv = ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", "-C", str(folder), *words]
    env = {**IDENTITY, "PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(argv, check=True, capture_output=True, text=True, env=env).stdout.strip()


def commit(folder: Path, name: str, content: str) -> str:
    (folder / name).write_text(content)
    git(folder, "add", name)
    git(folder, "commit", "-q", "-m", content)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two commits, a tag with a message on the first, and a second branch."""
    folder = tmp_path_factory.mktemp("pristine")
    git(folder, "init", "-q")
    commit(folder, "f", "one")
    git(folder, "tag", "-a", "-m", "first", "v1")
    commit(folder, "f", "two")
    git(folder, "branch", "next", "v1")
    return folder


@pytest.fixture
def origin(tmp_path: Path, pristine: Path) -> Path:
    """Such a repository of one's own."""
    return shutil.copytree(pristine, tmp_path / "origin")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only settings that git on the host reads."""
    path = tmp_path / "gitconfig"
    path.touch()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return path


@pytest.fixture(params=["python", "shell"])
def host(request: pytest.FixtureRequest, settings: Path) -> Iterator[TestHost]:
    connection = ShellConnection() if request.param == "shell" else LocalConnection(Endpoint("here"))
    with TestHost(connection) as host:
        yield host


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """A path with what trips careless quoting; neither it nor its parent exists."""
    return tmp_path / "a 'b\" $(touch x)" / "é; c"


def converged(host: TestHost, origin: Path, where: Path, **parameters: object) -> tuple[Plan, Outcome]:
    """Plan in plan mode, apply, and see that nothing is left: one round trip to plan and one to apply."""
    module = Git.model_validate({"repo": str(origin), "path": str(where), **parameters})
    planned = host.plan(module, planning=True)
    host.frames.clear()
    plan, outcome = host.converge(module)
    assert len(host.frames) == (2 if plan.needed else 1)
    assert (planned.kind, planned.changes, planned.effects) == (plan.kind, plan.changes, plan.effects)
    host.frames.clear()
    assert host.plan(module).kind is PlanKind.NONE
    assert len(host.frames) == 1
    return plan, outcome


def changes(plan: Plan) -> dict[str, tuple[object, object]]:
    return {change.field: (change.before, change.after) for change in plan.changes}


def test_a_clone_is_what_the_plan_said(host: TestHost, origin: Path, where: Path) -> None:
    plan, outcome = converged(host, origin, where)
    head = git(origin, "rev-parse", "main")
    assert plan.kind is PlanKind.CREATE
    assert changes(plan) == {"repo": (None, str(origin)), "branch": (None, "main"), "commit": (None, head)}
    assert outcome.result == {"commit": head}
    assert (where / "f").read_text() == "two"
    (effect,) = plan.effects
    assert isinstance(effect, PathEffect)
    assert (where.stat().st_mode & 0o777) == effect.state.mode


def test_planning_makes_nothing(host: TestHost, origin: Path, where: Path) -> None:
    host.plan(Git(repo=str(origin), path=str(where)), planning=True)
    assert not where.parent.exists()


def test_planning_leaves_the_checkout_alone(host: TestHost, origin: Path, where: Path) -> None:
    converged(host, origin, where)
    # Git would note in its index that a file with another time is the same.
    os.utime(where / "f", (1, 1))
    index = where / ".git" / "index"
    before = (index.stat().st_ino, index.read_bytes())
    assert host.plan(Git(repo=str(origin), path=str(where)), planning=True).kind is PlanKind.NONE
    assert (index.stat().st_ino, index.read_bytes()) == before


def test_an_update_goes_from_one_commit_to_the_next(host: TestHost, origin: Path, where: Path) -> None:
    converged(host, origin, where)
    before = git(origin, "rev-parse", "main")
    after = commit(origin, "f", "three")
    assert converged(host, origin, where, update=False)[0].kind is PlanKind.NONE
    plan, outcome = converged(host, origin, where)
    assert changes(plan) == {"commit": (before, after)}
    assert outcome.result == {"commit": after}
    assert (where / "f").read_text() == "three"


@pytest.mark.slow
@pytest.mark.parametrize("depth", [None, 1])
def test_every_way_between_branches_tags_and_commits(
    host: TestHost, origin: Path, where: Path, depth: int | None
) -> None:
    first = git(origin, "rev-parse", "v1^{commit}")
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    steps: list[dict[str, object]] = [{"tag": "v1"}, {"branch": "main"}, {"commit": first}, {"branch": "next"}, {}]
    repo = f"file://{origin}"
    for step in steps:
        module = Git.model_validate({"repo": repo, "path": str(where), "depth": depth, **step})
        host.converge(module)
        assert host.plan(module).kind is PlanKind.NONE
        expected = "two" if step in ({"branch": "main"}, {}) else "one"
        assert (where / "f").read_text() == expected
    assert git(where, "symbolic-ref", "--short", "HEAD") == "main"
    if depth:
        commit(origin, "f", "three")
        host.converge(Git(repo=repo, path=str(where), depth=depth))
        assert (where / "f").read_text() == "three"


@pytest.mark.parametrize("wanted", [{"tag": "v1"}, {"commit": True}])
def test_a_clone_of_something_other_than_a_branch(
    host: TestHost, origin: Path, where: Path, wanted: dict[str, object]
) -> None:
    first = git(origin, "rev-parse", "v1^{commit}")
    plan, _ = converged(host, origin, where, **({"commit": first} if "commit" in wanted else wanted))
    assert changes(plan)["commit"] == (None, first)
    assert git(where, "rev-parse", "HEAD") == first


def test_changed_files_are_kept_unless_forced(host: TestHost, origin: Path, where: Path) -> None:
    converged(host, origin, where)
    (where / "f").write_text("mine")
    assert host.plan(Git(repo=str(origin), path=str(where))).kind is PlanKind.NONE
    commit(origin, "f", "three")
    with pytest.raises(TaskError, match="changed files: f"):
        host.plan(Git(repo=str(origin), path=str(where)))
    assert (where / "f").read_text() == "mine"
    plan, _ = converged(host, origin, where, force=True)
    assert changes(plan)["changed files"] == (["f"], [])
    assert (where / "f").read_text() == "three"
    (where / "f").write_text("mine again")
    converged(host, origin, where, force=True)
    assert (where / "f").read_text() == "three"


def test_commits_that_are_only_here_are_kept_unless_forced(host: TestHost, origin: Path, where: Path) -> None:
    converged(host, origin, where)
    mine = commit(where, "g", "mine")
    with pytest.raises(TaskError, match="commits that"):
        host.plan(Git(repo=str(origin), path=str(where)))
    assert git(where, "rev-parse", "HEAD") == mine
    converged(host, origin, where, force=True)
    assert not (where / "g").exists()


def test_a_rewritten_branch_is_followed_only_by_force(host: TestHost, origin: Path, where: Path) -> None:
    converged(host, origin, where)
    before = git(where, "rev-parse", "HEAD")
    git(origin, "reset", "-q", "--hard", "v1")
    commit(origin, "f", "another")
    with pytest.raises(TaskError, match="fast-forward"):
        host.converge(Git(repo=str(origin), path=str(where)))
    assert git(where, "rev-parse", "HEAD") == before
    converged(host, origin, where, force=True)
    assert (where / "f").read_text() == "another"


def at(origin: Path, where: Path, **parameters: object) -> Git:
    return Git.model_validate({"repo": f"file://{origin}", "path": str(where), **parameters})


def went_to(host: TestHost, module: Git) -> None:
    """Apply, and see that nothing is left to do."""
    host.converge(module)
    assert host.plan(module).kind is PlanKind.NONE


def commit_aside(origin: Path, name: str, content: str) -> str:
    """Return a commit that no branch of the repository has."""
    git(origin, "checkout", "-q", "--detach")
    made = commit(origin, name, content)
    git(origin, "checkout", "-q", "main", "--")
    return made


@pytest.mark.slow
def test_a_branch_may_be_named_like_a_file(host: TestHost, origin: Path, where: Path) -> None:
    git(origin, "branch", "f")
    converged(host, origin, where)
    for branch in ("f", "main", "f"):
        converged(host, origin, where, branch=branch)
        assert git(where, "symbolic-ref", "--short", "HEAD") == branch


@pytest.mark.slow
def test_a_branch_may_be_named_like_a_tag(host: TestHost, origin: Path, where: Path) -> None:
    git(origin, "branch", "v1", "main")
    for wanted, content in (("tag", "one"), ("branch", "two"), ("tag", "one")):
        converged(host, origin, where, **{wanted: "v1"})
        assert (where / "f").read_text() == content


@pytest.mark.slow
def test_other_branches_are_reached_after_a_depth(host: TestHost, origin: Path, where: Path) -> None:
    git(origin, "checkout", "-q", "next")
    commit(origin, "g", "three")
    git(origin, "checkout", "-q", "main")
    host.converge(at(origin, where, depth=1))
    for branch in ("next", "main", "next"):
        went_to(host, at(origin, where, branch=branch))
        assert (where / "g").exists() == (branch == "next")


@pytest.mark.slow
@pytest.mark.parametrize("depth", [None, 1])
@pytest.mark.parametrize("by_id", ["true", "false"])
def test_other_commits_are_reached_after_a_depth(
    host: TestHost, origin: Path, where: Path, settings: Path, depth: int | None, by_id: str
) -> None:
    # The older protocol lets a server refuse to hand out commits by their id.
    settings.write_text("[protocol]\nversion = 0\n")
    git(origin, "config", "uploadpack.allowAnySHA1InWant", by_id)
    git(origin, "tag", "-d", "v1")
    first, second = git(origin, "rev-parse", "next"), git(origin, "rev-parse", "main")
    commit(origin, "f", "three")
    host.converge(at(origin, where, depth=1))
    for wanted in (first, second, first):
        went_to(host, at(origin, where, commit=wanted, depth=depth))
        assert git(where, "rev-parse", "HEAD") == wanted
    went_to(host, at(origin, where, depth=depth))
    assert (where / "f").read_text() == "three"


@pytest.mark.slow
@pytest.mark.parametrize("depth", [None, 1])
def test_a_commit_of_no_branch_is_reached_and_left(
    host: TestHost, origin: Path, where: Path, depth: int | None
) -> None:
    aside = commit_aside(origin, "f", "aside")
    git(origin, "update-ref", "refs/pull/1/head", aside)
    for parameters in ({"commit": aside}, {}, {"commit": aside}):
        went_to(host, at(origin, where, depth=depth, **parameters))
        assert (where / "f").read_text() == ("aside" if parameters else "two")


@pytest.mark.slow
def test_tags_are_followed_wherever_they_move(host: TestHost, origin: Path, where: Path) -> None:
    converged(host, origin, where, tag="v1")
    git(origin, "tag", "-f", "v1", commit_aside(origin, "f", "aside"))
    converged(host, origin, where, tag="v1")
    git(origin, "tag", "-f", "v1", "main")
    # Nothing names the commit that is checked out any more; it is nobody's own even so.
    git(where, "fetch", "-q", "--tags", "--force")
    converged(host, origin, where, tag="v1")
    commit(origin, "f", "three")
    git(origin, "tag", "-f", "v1", "main")
    converged(host, origin, where)
    assert (where / "f").read_text() == "three"


@pytest.mark.slow
@pytest.mark.parametrize("depth", [None, 1])
def test_commits_of_another_branch_are_kept_as_well(
    host: TestHost, origin: Path, where: Path, depth: int | None
) -> None:
    host.converge(at(origin, where, branch="next"))
    mine = commit(where, "g", "mine")
    git(where, "checkout", "-q", "main")
    with pytest.raises(TaskError, match=f"branch next has commits here .*{mine}"):
        host.converge(at(origin, where, branch="next", depth=depth))
    assert git(where, "rev-parse", "next", "HEAD").split() == [mine, git(origin, "rev-parse", "main")]
    went_to(host, at(origin, where, branch="next", depth=depth, force=True))
    assert git(where, "rev-parse", "next") == git(origin, "rev-parse", "next")


def test_what_was_done_before_a_failure_is_told(host: TestHost, origin: Path, where: Path) -> None:
    converged(host, origin, where)
    git(origin, "reset", "-q", "--hard", "v1")
    commit(origin, "f", "another")
    with pytest.raises(TaskError, match="fast-forward") as caught:
        host.converge(Git(repo=str(origin), path=str(where)))
    assert "force: true" in caught.value.hint
    with pytest.raises(TaskError, match=r"before that, the repository was cloned"):
        host.converge(at(origin, where.with_name("other"), commit="0" * 40))


def test_a_moved_tag_and_a_moved_repository(host: TestHost, origin: Path, where: Path) -> None:
    converged(host, origin, where, tag="v1")
    git(origin, "tag", "-f", "v1", "main")
    plan, _ = converged(host, origin, where, tag="v1")
    assert list(changes(plan)) == ["commit"]
    moved = origin.with_name("moved")
    origin.rename(moved)
    plan, _ = converged(host, moved, where, tag="v1")
    assert changes(plan) == {"repo": (str(origin), str(moved))}


def test_submodules_are_checked_out(host: TestHost, origin: Path, where: Path, tmp_path: Path, settings: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    commit(inner, "deep", "x")
    git(origin, "submodule", "-q", "add", str(inner), "lib")
    git(origin, "commit", "-q", "-m", "with a submodule")
    # Files as a transport for submodules are off by default; real ones come over the network.
    module = Git(repo=str(origin), path=str(where), submodules=True)
    with pytest.raises(TaskError, match="file' not allowed"):
        host.converge(module)
    assert git(where, "rev-parse", "HEAD") == git(origin, "rev-parse", "main")
    settings.write_text('[protocol "file"]\nallow = always\n')
    plan, _ = converged(host, origin, where, submodules=True)
    assert changes(plan) == {"submodules": (None, ["lib"])}
    assert (where / "lib" / "deep").read_text() == "x"


def test_a_new_file_keeps_an_untracked_one_of_its_name(host: TestHost, origin: Path, where: Path) -> None:
    converged(host, origin, where)
    (where / "new").write_text("mine")
    commit(origin, "new", "theirs")
    with pytest.raises(TaskError, match="untracked working tree files would be overwritten") as caught:
        host.converge(Git(repo=str(origin), path=str(where)))
    assert "before that" not in str(caught.value)
    assert (where / "new").read_text() == "mine"
    converged(host, origin, where, force=True)
    assert (where / "new").read_text() == "theirs"


def test_a_checkout_that_is_broken_is_told(host: TestHost, origin: Path, tmp_path: Path) -> None:
    (tmp_path / "broken" / ".git").mkdir(parents=True)
    with pytest.raises(TaskError, match="not a git repository") as caught:
        host.plan(Git(repo=str(origin), path=str(tmp_path / "broken")))
    assert "take .git away" in caught.value.hint


def test_what_is_in_the_way_is_left_alone(host: TestHost, origin: Path, tmp_path: Path) -> None:
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / ".hidden").write_text("x")
    for path in (occupied, occupied / ".hidden"):
        with pytest.raises(TaskError):
            host.plan(Git(repo=str(origin), path=str(path)))
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    converged(host, origin, empty)
    assert (empty.stat().st_mode & 0o777) == 0o700


def test_what_is_not_there_is_named(host: TestHost, origin: Path, where: Path, tmp_path: Path) -> None:
    for parameters, message in (({"branch": "no"}, "no branch no"), ({"tag": "no"}, "no tag no")):
        with pytest.raises(TaskError, match=message):
            host.plan(Git.model_validate({"repo": str(origin), "path": str(where), **parameters}))
    with pytest.raises(TaskError, match="not appear to be a git repository"):
        host.plan(Git(repo=str(tmp_path / "nothing"), path=str(where)))
    with pytest.raises(TaskError, match="0000"):
        host.converge(Git(repo=str(origin), path=str(where), commit="0" * 40))
    assert host.plan(Git(repo=str(origin), path=str(where))).kind is PlanKind.NONE


@pytest.mark.parametrize(
    "parameters",
    [
        {"repo": ""},
        {"repo": "--upload-pack=touch /tmp/x"},
        {"repo": "https://user:secret@example.org/x.git"},
        {"path": "relative"},
        {"branch": "-f"},
        {"branch": "a b"},
        {"branch": "a..b"},
        {"tag": "x;y^{}"},
        {"commit": "abc123"},
        {"branch": "a", "tag": "b"},
        {"depth": "0"},
        {"ssh_options": {"Proxy Command": "x"}},
        {"ssh_options": {"ProxyCommand": "a\nb"}},
    ],
)
def test_what_cannot_be_meant_is_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Git.model_validate({"repo": "https://example.org/x.git", "path": "/srv/x", **parameters})


def test_examples_are_valid() -> None:
    for example in examples_of(Git):
        make_module(Git, example.parameters)


@pytest.mark.parametrize("name", ["accept_hostkeys", "accept_keys"])
def test_options_of_ssh_are_quoted_for_the_shell_that_git_uses(name: str) -> None:
    script = ScriptedConnection().on(Stat, FileStat("/srv/x")).on(Run, OperationError(OperationCode.NOT_FOUND, "git"))
    parameters = {"repo": "git@h:x", "path": "/srv/x", name: "true", "ssh_options": {"IdentityFile": "/a b;c"}}
    with TestHost(script) as host, pytest.raises(TaskError, match="no git"):
        host.plan(Git.model_validate(parameters))
    (asked,) = [one for one in script.operations if isinstance(one, Run) and "ls-remote" in one.argv]
    assert asked.env["GIT_SSH_COMMAND"] == "ssh -o 'IdentityFile=/a b;c' -o StrictHostKeyChecking=accept-new"
    assert asked.env["GIT_TERMINAL_PROMPT"] == "0"


@given(st.text())
def test_whatever_is_printed_can_be_read(text: str) -> None:
    parse_checkout(text)
    parse_checkout(f"checkout\n{text}")
    parse_remote(text, None, None)
