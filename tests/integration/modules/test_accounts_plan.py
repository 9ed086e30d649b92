# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan says of accounts comes true: random tasks about users, groups, keys and owners, planned and then done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from jetpack_core.contracts.fields import Mode
from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.modules.access.authorized_key import AuthorizedKey
from jetpack_core.modules.access.group import Group
from jetpack_core.modules.access.user import User
from jetpack_core.modules.files.copy import Copy
from jetpack_core.modules.files.directory import Directory
from jetpack_core.records import Plan, PlanKind
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import Fleet, SshHost
from tests.integration.modules.conftest import Reach

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKFNxnk4PlPBIQ4Q5xWJN4aOONwsgIcqgDWXGF4+vkSU a@b"
USERS = ("app", "bob")
GROUPS = ("web", "app")
CLEAN = """
for u in app bob; do userdel -rf $u; groupdel $u; done; groupdel web
rm -rf /home/app /home/bob /srv/owned /srv/owned.d
exit 0
"""

user_name = st.sampled_from(USERS)
group_name = st.sampled_from(GROUPS)
group_list = st.lists(group_name, unique=True)
TASKS: st.SearchStrategy[Module] = st.one_of(
    st.builds(Group, group=group_name),
    st.builds(Group, group=group_name, users=st.lists(user_name, unique=True), append=st.booleans()),
    st.builds(Group, group=group_name, remove=st.just(True)),
    st.builds(User, user=user_name, create_home=st.booleans()),
    st.builds(User, user=user_name, shell=st.sampled_from(["/bin/sh", "/bin/false"])),
    st.builds(User, user=user_name, groups=group_list, append=st.just(True)),
    st.builds(User, user=user_name, group=group_name),
    st.builds(User, user=user_name, remove=st.just(True), cleanup=st.booleans()),
    st.builds(AuthorizedKey, user=user_name, key=st.just([KEY])),
    st.builds(Copy, dest=st.just("/srv/owned"), content=st.sampled_from(["a", "b"]), owner=user_name),
    st.builds(Directory, path=st.just("/srv/owned.d"), owner=user_name, group=group_name),
)


@pytest.fixture(scope="module")
def machine(fleet: Fleet) -> Iterator[SshHost]:
    started = fleet.start("debian", extra_run_args=("--cap-add", "SYS_PTRACE"))
    yield started
    fleet.remove(started)


@pytest.fixture(scope="module")
def host(machine: SshHost, reach: Reach) -> Iterator[TestHost]:
    with reach(machine) as target:
        yield target


def foreseen(host: TestHost, tasks: list[Module]) -> Iterator[Plan | str]:
    """Plan one task after the other, each on what those before it would make; a plan that is not known is its reason.

    As in a run, a task that fails or is not known ends what can be said: others may depend on it.
    """
    for count in range(1, len(tasks) + 1):
        try:
            yield host.plan_all(tasks[:count])[-1]
        except (TaskError, UnknownValueError) as error:
            yield str(error)
            return


def shown(plan: Plan) -> tuple[object, ...]:
    """Return what the user is told; only a plan names the directories above a new one."""
    return plan.kind, tuple(change for change in plan.changes if not change.field.startswith("/"))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(before=st.lists(TASKS, max_size=2), tasks=st.lists(TASKS, min_size=2, max_size=4))
def test_what_is_planned_is_done(host: TestHost, machine: SshHost, before: list[Module], tasks: list[Module]) -> None:
    machine.exec(["sh", "-c", CLEAN], check=False)
    for task in before:
        try:
            host.converge(task)
        except TaskError:
            event("cannot be")
    planned = list(foreseen(host, tasks))
    for task, plan in zip(tasks, planned, strict=False):
        if isinstance(plan, str):
            event("unknown" if "task" in plan else "refused")
            if not any(isinstance(one, Plan) and one.needed for one in planned):
                with pytest.raises(TaskError):
                    host.converge(task)
            return
        event(f"planned {plan.kind}")
        done, _ = host.converge(task)
        assert shown(done) == shown(plan), task


def test_what_an_account_is_made_for_is_planned_before_it_is_there(host: TestHost, machine: SshHost) -> None:
    machine.exec(["sh", "-c", CLEAN], check=False)
    tasks = [
        Group(group="web"),
        User(user="app", groups=["web"], gecos="App"),
        Copy(dest="/srv/owned", content="x", owner="app", group="web", mode=Mode(0o640)),
        Directory(path="/srv/owned.d", owner="app"),
        AuthorizedKey(user="app", key=[KEY]),
        User(user="app"),
        Group(group="web"),
    ]
    plans = host.plan_all(tasks)
    assert [plan.kind for plan in plans] == [PlanKind.CREATE] * 5 + [PlanKind.NONE] * 2
    for task, plan in zip(tasks, plans, strict=True):
        done, _ = host.converge(task)
        assert shown(done) == shown(plan)
        assert done.diffs == plan.diffs
    assert machine.shell("stat -c '%U %G' /srv/owned /home/app/.ssh/authorized_keys") == "app web\napp app\n"


def test_an_owner_that_nobody_makes_is_refused_when_planned(host: TestHost, machine: SshHost) -> None:
    machine.exec(["sh", "-c", CLEAN], check=False)
    for task in (Copy(dest="/srv/owned", content="x", owner="app"), Directory(path="/srv/owned.d", group="web")):
        with pytest.raises(TaskError, match="no user or group") as planned:
            host.plan(task, planning=True)
        with pytest.raises(TaskError) as done:
            host.converge(task)
        assert planned.value.message == done.value.message


def test_a_key_for_a_home_with_a_skeleton_of_keys_is_not_known(host: TestHost, machine: SshHost) -> None:
    machine.exec(["sh", "-c", CLEAN], check=False)
    machine.shell("mkdir /etc/skel/.ssh")
    try:
        with pytest.raises(UnknownValueError, match=r"/home/app/\.ssh"):
            host.plan_all([User(user="app"), AuthorizedKey(user="app", key=[KEY])])
    finally:
        machine.shell("rmdir /etc/skel/.ssh")
