# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and groups on a scripted host: what is refused before anything runs, and what no host does at will."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jetpack_core.contracts.operations import Run, Stat
from jetpack_core.errors import OperationCode, OperationError, StaleError, TaskError, UnknownValueError
from jetpack_core.modules.access.accounts import parse_groups, parse_users
from jetpack_core.modules.access.group import Group
from jetpack_core.modules.access.user import User
from jetpack_core.records import AccountEffect, CommandResult, FileStat, PathEffect, PlanKind
from jetpack_core.testing.examples import examples_of, make_module
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.scripted import ScriptedConnection

HASH = "$6$salt$" + "x" * 86
PASSWD = "alice:x:1000:1000:Alice:/home/alice:/bin/sh\n"
GROUPS = "alice:x:1000:\nsudo:x:27:alice\ndocker:x:999:\n"


def scripted(
    files: Mapping[str, bytes] | None = None, *, shadow: str = "alice:!:20000:0:99999:7:::\n"
) -> ScriptedConnection:
    known = files or {}
    script = ScriptedConnection()
    script.on(Stat, lambda asked: FileStat(asked.path, content=known.get(asked.path)))
    script.command(["getent", "group"], stdout=GROUPS)
    for name, line in (("alice", PASSWD), ("new", "")):
        script.command(["getent", "passwd", name], stdout=line, rc=0 if line else 2)
        script.command(["getent", "shadow", name], stdout=shadow if line else "", rc=0 if line else 2)
    return script


def runs_chain(operation: object) -> bool:
    return isinstance(operation, Run) and not operation.read_only


@pytest.mark.parametrize("name", ["", "-r", "a b", "a;b", "$(id)", "a\nb", "1000", "a:b", "../a", "a" * 33, "é"])
def test_names_that_a_tool_or_shell_could_take_for_more_are_refused(name: str) -> None:
    for make in (lambda: Group(group=name), lambda: User(user=name), lambda: Group(group="g", users=[name])):
        with pytest.raises(ValidationError):
            make()


@pytest.mark.parametrize(
    "parameters",
    [
        {"gid": "1", "group": "g"},
        {"cleanup": "true"},
        {"append": "true"},
        {"remove": "true", "uid": "5"},
        {"gecos": "a:b"},
        {"gecos": "a\nroot::0:0::/:/bin/sh"},
        {"home": "/a:b"},
        {"shell": "bash"},
        {"uid": "-1"},
        {"uid": "4294967295"},
        {"expires": "tomorrow"},
        {"password": "plain text"},
        {"password": "!"},
        {"password": ""},
        {"password": "$6$a$b\nroot:$6$c$d"},
        {"password": "$6$a$b:"},
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        User.model_validate({"user": "alice", **parameters})


@pytest.mark.parametrize("module", [User, Group])
def test_examples_are_valid(module: type[User | Group]) -> None:
    examples = examples_of(module)
    assert len(examples) >= 3
    for example in examples:
        if not example.templated:
            make_module(module, example.parameters)


def test_a_plan_is_one_round_trip_and_says_what_will_be() -> None:
    with TestHost(scripted({"/etc/login.defs": b"UMASK 022\n#HOME_MODE 0700\nHOME_MODE\t0750\n"})) as host:
        plan = host.plan(User(user="new", groups=["sudo"]))
        assert len(host.frames) == 1
    assert plan.kind is PlanKind.CREATE
    assert AccountEffect("user", "new", home="/home/new") in plan.effects
    assert AccountEffect("group", "new") in plan.effects
    home, keys = (effect.state for effect in plan.effects if isinstance(effect, PathEffect))
    assert keys == FileStat("/home/new/.ssh")
    assert (home.path, home.mode, home.owner, home.group) == ("/home/new", 0o750, "new", "new")


def test_homes_elsewhere_are_found() -> None:
    with TestHost(scripted({"/etc/default/useradd": b"# HOME=/no\nHOME=/srv/homes\n"})) as host:
        plan = host.plan(User(user="new"))
    home, _ = (effect.state for effect in plan.effects if isinstance(effect, PathEffect))
    assert (home.path, home.mode) == ("/srv/homes/new", 0o755)


def test_what_is_not_given_is_not_compared() -> None:
    with TestHost(scripted()) as host:
        assert host.plan(User(user="alice")).kind is PlanKind.NONE
        assert host.plan(User(user="alice", groups=["sudo"])).kind is PlanKind.NONE
        assert host.plan(User(user="alice", groups=["sudo", "alice"])).kind is PlanKind.NONE


def test_groups_are_a_set_or_are_added_to() -> None:
    with TestHost(scripted()) as host:
        (exact,) = host.plan(User(user="alice", groups=["docker"])).changes
        (added,) = host.plan(User(user="alice", groups=["docker"], append=True)).changes
    assert (exact.before, exact.after) == (["sudo"], ["docker"])
    assert (added.before, added.after) == (["sudo"], ["docker", "sudo"])


def test_the_hash_is_never_in_a_command_or_a_plan() -> None:
    script = scripted()
    script.on(runs_chain, lambda asked: CommandResult(asked.argv, 0))
    with TestHost(script) as host:
        for name in ("new", "alice"):
            plan, _ = host.converge(User.model_validate({"user": name, "password": HASH}))
            assert HASH not in repr(plan)
            assert HASH not in str(script.commands)
    assert [operation.stdin for operation in script.operations if isinstance(operation, Run) and operation.stdin] == [
        f"new:{HASH}\n".encode(),
        f"alice:{HASH}\n".encode(),
    ]


def test_a_lock_set_on_purpose_outlasts_a_new_password() -> None:
    script = scripted(shadow="alice:!$6$old$old:20000:0:99999:7:::\n")
    script.on(runs_chain, lambda asked: CommandResult(asked.argv, 0))
    with TestHost(script) as host:
        host.converge(User.model_validate({"user": "alice", "password": HASH}))
    assert script.operations[-1] == Run(("chpasswd", "-e"), f"alice:!{HASH}\n".encode(), good=(0,))


def test_who_may_not_read_the_password_is_told() -> None:
    with TestHost(scripted(shadow="")) as host:
        assert host.plan(User(user="alice", home="/home/alice")).kind is PlanKind.NONE
        with pytest.raises(TaskError, match="cannot be read"):
            host.plan(User(user="alice", password_lock=True))


def test_a_missing_group_is_named() -> None:
    with TestHost(scripted()) as host:
        for name in ("alice", "new"):
            with pytest.raises(TaskError, match="no group web"):
                host.plan(User(user=name, groups=["web", "sudo"]))
            with pytest.raises(TaskError, match="gid 4711"):
                host.plan(User(user=name, gid=4711))


def test_a_changed_uid_is_warned_of() -> None:
    with TestHost(scripted()) as host:
        (change,) = host.plan(User(user="alice", uid=2000)).changes
        assert (change.field, change.before, change.after) == ("uid", 1000, 2000)
        assert "keep the uid 1000" in host.warnings[0]


def test_somebody_who_was_faster_makes_the_plan_stale() -> None:
    script = scripted()
    script.on(runs_chain, lambda asked: CommandResult(asked.argv, 9, "", "useradd: user 'new' already exists"))
    with TestHost(script) as host, pytest.raises(StaleError):
        host.converge(User(user="new"))


@pytest.mark.parametrize("answer", [127, None])
def test_a_host_without_the_tools_is_told_their_package(answer: int | None) -> None:
    def missing(asked: Run) -> object:
        if answer is None:
            return OperationError(OperationCode.NOT_FOUND, asked.argv[0])
        return CommandResult(asked.argv, answer, "", "sh: useradd: not found")

    script = scripted().on(runs_chain, missing)
    with TestHost(script) as host, pytest.raises(TaskError, match="useradd") as caught:
        host.converge(User(user="new"))
    assert "passwd" in caught.value.hint


def test_a_host_without_getent_is_told_so() -> None:
    script = ScriptedConnection().on(Run, OperationError(OperationCode.NOT_FOUND, "getent"))
    with TestHost(script) as host, pytest.raises(TaskError, match="getent"):
        host.plan(Group(group="g"))


def test_members_that_do_not_exist_are_named() -> None:
    script = ScriptedConnection().command(["getent", "group", "g"], rc=2)
    script.command(["getent", "passwd", "alice", "bob"], rc=2, stdout=PASSWD)
    with TestHost(script) as host, pytest.raises(TaskError, match="no user bob"):
        host.plan(Group(group="g", users=["alice", "bob"]))


@given(st.text())
def test_no_database_stops_the_parsers(text: str) -> None:
    parse_users(text)
    parse_groups(text)
    assert parse_users(text + "\n" + PASSWD)["alice"].home == "/home/alice"
    assert "docker" in parse_groups(text + "\n" + GROUPS)


TASKS = {
    "group": Group(group="web"),
    "group with members": Group(group="web", users=["alice"]),
    "no group": Group(group="docker", remove=True),
    "no web": Group(group="web", remove=True),
    "new": User(user="new"),
    "new in web": User(user="new", groups=["web"]),
    "new gecos": User(user="new", gecos="New"),
    "new for docker": User(user="new", group="docker"),
    "alice in web": User(user="alice", groups=["web"], append=True),
    "alice of web": User(user="alice", group="web"),
    "alice gecos": User(user="alice", gecos="A"),
    "no alice": User(user="alice", remove=True),
    "alice": User(user="alice"),
}


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        ("group", "group", PlanKind.NONE),
        ("group", "new in web", PlanKind.CREATE),
        ("group", "alice in web", PlanKind.MODIFY),
        ("group", "alice of web", PlanKind.MODIFY),
        ("group", "group with members", UnknownValueError),
        ("group", "no web", UnknownValueError),
        ("no group", "no group", PlanKind.NONE),
        ("no group", "new for docker", TaskError),
        ("new", "new", PlanKind.NONE),
        ("new", "new gecos", UnknownValueError),
        ("new", "alice in web", TaskError),
        ("alice gecos", "alice gecos", UnknownValueError),
        ("alice gecos", "alice", PlanKind.NONE),
        ("no alice", "no alice", PlanKind.NONE),
        ("no alice", "alice", UnknownValueError),
    ],
)
def test_a_plan_stands_on_what_earlier_tasks_would_make(
    first: str, then: str, expected: PlanKind | type[Exception]
) -> None:
    script = scripted()
    for name, line in (("web", ""), ("docker", "docker:x:999:\n"), ("new", "")):
        script.command(["getent", "group", name], stdout=line, rc=0 if line else 2)
    with TestHost(script) as host:
        if isinstance(expected, PlanKind):
            assert host.plan_all([TASKS[first], TASKS[then]])[1].kind is expected
            return
        with pytest.raises(expected):
            host.plan_all([TASKS[first], TASKS[then]])
