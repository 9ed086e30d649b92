# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and groups against the real tools and the real files of hosts with and without Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.contracts.module import Module
from jetpack_core.errors import StaleError, TaskError
from jetpack_core.modules.access.group import Group
from jetpack_core.modules.access.user import User
from jetpack_core.records import PathEffect, Plan, PlanKind
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import DEPLOY_USER, Fleet, SshHost
from tests.integration.modules.conftest import Reach, wait_for

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

HASH = "$6$jetpack$" + "a" * 86
OTHER_HASH = "$6$jetpack$" + "b" * 86


@contextmanager
def reached(fleet: Fleet, machine: SshHost, user: str = "root") -> Iterator[TestHost]:
    endpoint = Endpoint(
        machine.name,
        address=machine.address,
        port=machine.port,
        user=user,
        credentials=Credentials(private_key_file=fleet.keys.plain),
        host_keys=machine.host_keys,
    )
    with TestHost(SshConnection(endpoint), name=machine.name) as target:
        yield target


@pytest.fixture(scope="module", params=["debian", "nopython"])
def machine(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[SshHost]:
    """A host for the tests of this module, which change its accounts; userdel sees processes by their root."""
    started = fleet.start(request.param, extra_run_args=("--cap-add", "SYS_PTRACE"))
    yield started
    fleet.remove(started)


@pytest.fixture(scope="module")
def host(fleet: Fleet, machine: SshHost) -> Iterator[TestHost]:
    with reached(fleet, machine) as target:
        yield target


@pytest.fixture(autouse=True)
def afresh(machine: SshHost) -> Iterator[None]:
    """Take away the accounts that a test made."""
    yield
    users = "for u in alice bob; do pkill -9 -u $u; userdel -rf $u; done"
    machine.shell(f"exec 2>/dev/null; {users}; for g in alice bob web; do groupdel $g; done; true")


def converged(host: TestHost, module: Module) -> Plan:
    """Plan twice, apply, and see that nothing is left to do; in two round trips, and one when matched."""
    planned = host.plan(module, planning=True)
    host.frames.clear()
    plan, _ = host.converge(module)
    assert len(host.frames) <= 2
    assert (planned.kind, planned.changes, planned.effects) == (plan.kind, plan.changes, plan.effects)
    host.frames.clear()
    again = host.plan(module)
    assert (again.kind, again.changes) == (PlanKind.NONE, ())
    assert len(host.frames) == 1
    return plan


def line(machine: SshHost, database: str, name: str) -> list[str]:
    return machine.shell(f"getent {database} {name} || true").strip().split(":")


def test_a_group_is_made_changed_and_removed(host: TestHost, machine: SshHost) -> None:
    assert converged(host, Group(group="web", gid=4242)).kind is PlanKind.CREATE
    assert line(machine, "group", "web") == ["web", "x", "4242", ""]
    plan = converged(host, Group(group="web", gid=4243, users=["ops", DEPLOY_USER]))
    assert [(one.field, one.before, one.after) for one in plan.changes] == [
        ("gid", 4242, 4243),
        ("users", [], [DEPLOY_USER, "ops"]),
    ]
    assert "4242" in host.warnings[-1]
    assert line(machine, "group", "web")[2:] == ["4243", f"{DEPLOY_USER},ops"]
    converged(host, Group(group="web", users=["ops"]))
    converged(host, Group(group="web", users=[DEPLOY_USER], append=True))
    assert set(line(machine, "group", "web")[3].split(",")) == {"ops", DEPLOY_USER}
    converged(host, Group(group="web", users=[]))
    assert line(machine, "group", "web")[3] == ""
    assert converged(host, Group(group="web", remove=True)).kind is PlanKind.REMOVE
    assert line(machine, "group", "web") == [""]


def test_a_group_with_members_and_one_for_the_system(host: TestHost, machine: SshHost) -> None:
    converged(host, Group(group="web", system=True, users=["ops"]))
    assert int(line(machine, "group", "web")[2]) < 1000
    assert line(machine, "group", "web")[3] == "ops"


def test_a_taken_gid_and_the_own_group_of_a_user_are_refused_with_the_tools_words(host: TestHost) -> None:
    with pytest.raises(TaskError, match="GID '0' already exists"):
        host.converge(Group(group="web", gid=0))
    with pytest.raises(TaskError, match="cannot remove the primary group") as caught:
        host.converge(Group(group=DEPLOY_USER, remove=True))
    assert "!user" in caught.value.hint


def test_a_group_made_in_between_is_noticed(host: TestHost, machine: SshHost) -> None:
    module = Group(group="web")
    plan = host.plan(module)
    machine.shell("groupadd web")
    with pytest.raises(StaleError):
        host.apply(module, plan)


def test_a_plain_user_has_what_was_foretold(host: TestHost, machine: SshHost) -> None:
    before = machine.shell("find /etc /home | sort; cat /etc/passwd /etc/shadow /etc/group")
    host.plan(User(user="alice", groups=["sudo"], generate_ssh_key=True), planning=True)
    assert machine.shell("find /etc /home | sort; cat /etc/passwd /etc/shadow /etc/group") == before
    plan = converged(host, User(user="alice", groups=["sudo"]))
    effect, keys = (effect for effect in plan.effects if isinstance(effect, PathEffect))
    assert (keys.state.path, keys.state.exists) == ("/home/alice/.ssh", machine.exists("/home/alice/.ssh"))
    now = host.ask(host.stat("/home/alice"))
    foretold = effect.state
    assert (foretold.kind, foretold.mode, foretold.owner, foretold.group) == (now.kind, now.mode, now.owner, now.group)
    assert machine.shell("id -nG alice").split() == ["alice", "sudo"]


def test_every_field_of_a_new_user(host: TestHost, machine: SshHost) -> None:
    host.converge(Group(group="web", gid=4242))
    parameters = {
        "user": "alice",
        "uid": "2345",
        "group": "web",
        "groups": ["sudo", "adm"],
        "gecos": "Alice $(id) 'Doe', room \"1\"; `x`",
        "shell": "/bin/bash",
        "home": "/srv/al ice",
        "password": HASH,
        "expires": "2031-02-03",
        "generate_ssh_key": "true",
    }
    plan = converged(host, User.model_validate(parameters))
    assert plan.kind is PlanKind.CREATE
    gecos, home, shell = str(parameters["gecos"]), "/srv/al ice", "/bin/bash"
    assert line(machine, "passwd", "alice") == ["alice", "x", "2345", "4242", gecos, home, shell]
    shadow = line(machine, "shadow", "alice")
    assert shadow[1] == HASH
    assert int(shadow[7]) == (dt.date(2031, 2, 3) - dt.date(1970, 1, 1)).days
    assert machine.shell("id -nG alice").split() == ["web", "adm", "sudo"]
    modes = machine.shell("cd '/srv/al ice/.ssh'; stat -c '%n %a %U' . id_ed25519")
    assert modes == ". 700 alice\nid_ed25519 600 alice\n"
    key = host.plan(User.model_validate(parameters)).outcome.result["ssh_public_key"]
    assert str(key).startswith("ssh-ed25519 AAAA")
    machine.shell("rm -rf '/srv/al ice'")


def test_every_field_of_a_user_that_is_there(host: TestHost, machine: SshHost) -> None:
    host.converge(Group(group="web", gid=4242))
    host.converge(User(user="alice", create_home=False))
    assert not machine.exists("/home/alice")
    plan = converged(
        host,
        User.model_validate(
            {
                "user": "alice",
                "uid": "2345",
                "gid": "4242",
                "groups": ["adm"],
                "gecos": "A",
                "shell": "/bin/bash",
                "home": "/srv/a",
                "password": HASH,
                "expires": "2031-02-03",
            }
        ),
    )
    assert [one.field for one in plan.changes] == [
        "uid", "gecos", "shell", "home", "group", "groups", "expires", "password",
    ]  # fmt: skip
    assert HASH not in repr(plan.changes)
    assert line(machine, "passwd", "alice") == ["alice", "x", "2345", "4242", "A", "/srv/a", "/bin/bash"]
    converged(host, User(user="alice", expires="never", groups=[], gecos=""))
    assert line(machine, "shadow", "alice")[7] == ""
    assert machine.shell("id -nG alice").split() == ["web"]
    converged(host, User(user="alice", groups=["adm"]))
    converged(host, User(user="alice", groups=["sudo"], append=True))
    assert set(machine.shell("id -nG alice").split()) == {"web", "adm", "sudo"}


def test_locks_and_passwords(host: TestHost, machine: SshHost) -> None:
    def password() -> str:
        return line(machine, "shadow", "alice")[1]

    converged(host, User.model_validate({"user": "alice", "password": HASH, "password_lock": "true"}))
    assert password() == f"!{HASH}"
    converged(host, User.model_validate({"user": "alice", "password": OTHER_HASH}))
    assert password() == f"!{OTHER_HASH}"
    converged(host, User(user="alice", password_lock=False))
    assert password() == OTHER_HASH
    converged(host, User.model_validate({"user": "alice", "password": HASH, "password_on_create": "true"}))
    assert password() == OTHER_HASH
    converged(host, User(user="alice", password_lock=True))
    converged(host, User.model_validate({"user": "alice", "password": HASH, "password_lock": "false"}))
    assert password() == HASH
    converged(host, User.model_validate({"user": "alice", "password": "*"}))
    assert password() == "*"


def test_a_group_of_the_same_name_is_taken_and_a_home_that_is_there_kept(host: TestHost, machine: SshHost) -> None:
    machine.shell("groupadd -g 4567 bob; mkdir -m 711 /home/bob")
    plan = converged(host, User(user="bob"))
    assert line(machine, "passwd", "bob")[3] == "4567"
    assert [effect for effect in plan.effects if isinstance(effect, PathEffect)] == []
    assert machine.shell("stat -c %a /home/bob") == "711\n"


def test_a_user_for_the_system_without_a_group_of_its_own(host: TestHost, machine: SshHost) -> None:
    converged(host, User(user="alice", system=True, create_home=False, create_user_group=False))
    assert int(line(machine, "passwd", "alice")[2]) < 1000
    assert line(machine, "group", "alice") == [""]


def test_a_key_that_is_there_is_kept(host: TestHost, machine: SshHost) -> None:
    host.converge(User(user="alice"))
    _, outcome = host.converge(User(user="alice", generate_ssh_key=True))
    key = machine.read("/home/alice/.ssh/id_ed25519.pub").decode().strip()
    assert outcome.result == {"ssh_public_key": key}
    converged(host, User(user="alice", generate_ssh_key=True))
    assert machine.read("/home/alice/.ssh/id_ed25519.pub").decode().strip() == key


def test_removal_keeps_the_home_unless_it_is_to_be_cleaned_up(host: TestHost, machine: SshHost) -> None:
    host.converge(User(user="alice"))
    assert converged(host, User(user="alice", remove=True)).kind is PlanKind.REMOVE
    assert machine.exists("/home/alice")
    machine.shell("rm -rf /home/alice")
    host.converge(User(user="alice"))
    machine.shell("mkdir -p /var/mail; touch /var/mail/alice; chown alice /var/mail/alice")
    plan = converged(host, User(user="alice", remove=True, cleanup=True))
    assert [one.field for one in plan.changes] == ["uid", "home"]
    assert not machine.exists("/home/alice")
    assert not machine.exists("/var/mail/alice")


def test_what_cannot_be_cleaned_up_is_told(host: TestHost, machine: SshHost) -> None:
    host.converge(User(user="alice"))
    machine.shell("chown root /home/alice")
    _, outcome = host.converge(User(user="alice", remove=True, cleanup=True))
    assert "/home/alice not owned by alice" in outcome.warnings[0]
    assert line(machine, "passwd", "alice") == [""]
    machine.shell("rm -rf /home/alice")


def test_a_user_with_running_processes_is_left_alone(host: TestHost, machine: SshHost) -> None:
    host.converge(User(user="alice"))
    machine.shell("su -s /bin/sh -c 'sleep 60 >/dev/null 2>&1 &' alice")
    with pytest.raises(TaskError, match="currently used by process") as caught:
        host.converge(User(user="alice", remove=True, cleanup=True))
    assert "pkill" in caught.value.hint
    assert machine.exists("/home/alice")
    assert line(machine, "passwd", "alice")[0] == "alice"


def test_so_is_one_in_a_container_whose_root_may_not_look_into_processes(
    reach: Reach, new_host: Callable[[str], SshHost]
) -> None:
    machine = new_host("nopython")
    with reach(machine) as host:
        host.converge(User(user="alice"))
        machine.shell("su -s /bin/sh -c 'sleep 600 >/dev/null 2>&1 &' alice")
        for cleanup in (False, True):
            with pytest.raises(TaskError, match=r"user alice is currently used by process \d+") as caught:
                host.converge(User(user="alice", remove=True, cleanup=cleanup))
            assert "pkill" in caught.value.hint
        assert machine.exists("/home/alice")
        assert line(machine, "passwd", "alice")[0] == "alice"
        machine.exec(["pkill", "-9", "-u", "alice"])
        wait_for(lambda: machine.exec(["pgrep", "-r", "R,S,D", "-u", "alice"], check=False).returncode != 0)
        assert converged(host, User(user="alice", remove=True, cleanup=True)).kind is PlanKind.REMOVE


def test_a_taken_uid_is_refused_with_the_tools_words(host: TestHost, machine: SshHost) -> None:
    with pytest.raises(TaskError, match="UID 0 is not unique"):
        host.converge(User(user="alice", uid=0))
    assert line(machine, "passwd", "alice") == [""]


def test_what_was_done_before_a_tool_failed_is_told(host: TestHost, machine: SshHost) -> None:
    machine.shell("mv /usr/bin/gpasswd /usr/bin/gpasswd.away; mv /usr/sbin/chpasswd /usr/sbin/chpasswd.away")
    try:
        with pytest.raises(TaskError, match=r"gpasswd.*\(before that, the group was made\)") as caught:
            host.converge(Group(group="web", users=["ops"]))
        assert "passwd on Debian" in caught.value.hint
        with pytest.raises(TaskError, match=r"chpasswd.*\(before that, the user was made\)"):
            host.converge(User.model_validate({"user": "alice", "password": HASH}))
    finally:
        machine.shell("mv /usr/bin/gpasswd.away /usr/bin/gpasswd; mv /usr/sbin/chpasswd.away /usr/sbin/chpasswd")
    assert line(machine, "group", "web")[3] == ""
    converged(host, Group(group="web", users=["ops"]))
    converged(host, User.model_validate({"user": "alice", "password": HASH}))


def test_a_key_that_cannot_be_made_is_told(host: TestHost, machine: SshHost) -> None:
    machine.shell("mv /usr/bin/ssh-keygen /usr/bin/ssh-keygen.away")
    try:
        with pytest.raises(TaskError, match="no ssh-keygen to make a key for alice") as caught:
            host.converge(User(user="alice", generate_ssh_key=True))
        assert "openssh-client " in caught.value.hint
        assert line(machine, "passwd", "alice") == [""]
    finally:
        machine.shell("mv /usr/bin/ssh-keygen.away /usr/bin/ssh-keygen")
    # What nobody could foresee: something is where the directory of the keys is to be.
    machine.shell("touch /etc/skel/.ssh")
    try:
        with pytest.raises(TaskError, match=r"/home/alice/\.ssh.*\(before that, the user was made\)") as caught:
            host.converge(User(user="alice", generate_ssh_key=True))
        assert caught.value.hint == ""
    finally:
        machine.shell("rm /etc/skel/.ssh")


def test_who_may_not_is_told_what_to_do(fleet: Fleet, machine: SshHost) -> None:
    with reached(fleet, machine, DEPLOY_USER) as host:
        for module in (Group(group="web"), User(user="alice")):
            with pytest.raises(TaskError) as caught:
                host.converge(module)
            assert "sudo" in caught.value.hint or "passwd" in caught.value.hint


def test_a_host_with_busyboxs_tools_only_is_told_the_package(fleet: Fleet, new_host: Callable[[str], SshHost]) -> None:
    machine = new_host("busybox")
    machine.shell("rm /usr/sbin/useradd /usr/sbin/groupadd")
    with reached(fleet, machine) as host:
        for module in (Group(group="web"), User.model_validate({"user": "alice", "password": HASH})):
            with pytest.raises(TaskError) as caught:
                host.converge(module)
            assert "shadow on Alpine" in caught.value.hint
