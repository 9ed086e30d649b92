# SPDX-License-Identifier: GPL-3.0-or-later
"""`git` on a real host, from a repository that a real sshd hands out."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.errors import TaskError
from jetpack_core.modules.system.git import Git
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import DEPLOY_USER, Fleet, SshHost
from tests.integration.modules.conftest import Reach

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

REPO = "ssh://ops@localhost/home/ops/site"
KEY = "/home/deploy/.ssh/git 'key'"
MAKE = """
set -e
su ops -c 'cd; rm -rf site; git init -q -b main site; cd site; echo one >f; git add f
  git -c user.name=o -c user.email=o@x commit -q -m one'
cd /home/deploy; rm -rf .ssh/known_hosts .ssh/git* work
su deploy -c "ssh-keygen -q -t ed25519 -N '' -f \\"/home/deploy/.ssh/git 'key'\\""
cp /home/ops/.ssh/authorized_keys /tmp/keys; cat .ssh/git*.pub >>/home/ops/.ssh/authorized_keys
"""


@pytest.fixture
def machine(systemd_machine: SshHost) -> Iterator[SshHost]:
    """A host with a repository of ops, and a key of deploy's that opens it."""
    systemd_machine.shell(MAKE)
    yield systemd_machine
    systemd_machine.shell("cat /tmp/keys >/home/ops/.ssh/authorized_keys; rm -rf /home/deploy/work")


@pytest.fixture
def host(reach: Reach, machine: SshHost) -> Iterator[TestHost]:
    with reach(machine, DEPLOY_USER) as target:
        yield target


def module(**parameters: object) -> Git:
    options = {"IdentityFile": f'"{KEY}"', "BatchMode": "yes"}
    known = {"repo": REPO, "path": "/home/deploy/work", "ssh_options": options}
    return Git.model_validate(known | parameters)


def test_an_unknown_host_key_is_refused_unless_accepted(host: TestHost, machine: SshHost) -> None:
    with pytest.raises(TaskError, match="Host key verification failed"):
        host.plan(module())
    assert not machine.exists("/home/deploy/work")
    plan, outcome = host.converge(module(accept_hostkeys=True))
    assert plan.kind is PlanKind.CREATE
    assert outcome.result == {"commit": machine.shell("su ops -c 'git -C /home/ops/site rev-parse main'").strip()}
    assert host.plan(module()).kind is PlanKind.NONE
    assert machine.shell("stat -c %U /home/deploy/work/f") == "deploy\n"


def test_a_key_that_is_not_let_in_is_told_with_the_words_of_ssh(host: TestHost) -> None:
    with pytest.raises(TaskError, match="Permission denied"):
        host.plan(module(accept_keys=True, ssh_options={"IdentityFile": "/no/key", "IdentitiesOnly": "yes"}))


def test_the_checkout_of_somebody_else_is_not_touched(reach: Reach, host: TestHost, machine: SshHost) -> None:
    host.converge(module(accept_hostkeys=True))
    machine.shell("chown -R ops /home/deploy/work")
    with pytest.raises(TaskError, match="dubious ownership") as caught:
        host.plan(module())
    assert "owner" in caught.value.hint


def test_the_forwarded_agent_opens_the_door(
    fleet: Fleet, machine: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, agent = tmp_path / "key", tmp_path / "agent"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    running = subprocess.Popen(["ssh-agent", "-D", "-a", str(agent)], stdout=subprocess.DEVNULL)
    try:
        until(agent.exists)
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        machine.exec(["sh", "-c", "cat >>/home/ops/.ssh/authorized_keys"], stdin=key.with_suffix(".pub").read_bytes())
        machine.shell("rm -f /home/deploy/.ssh/git*")
        asked = module(accept_hostkeys=True, ssh_options={"BatchMode": "yes"})
        with agent_host(fleet, machine, forward=False) as alone, pytest.raises(TaskError, match="Permission denied"):
            alone.plan(asked)
        with agent_host(fleet, machine, forward=True) as host:
            _, outcome = host.converge(asked)
            machine.shell(
                "su ops -c 'cd ~/site && git -c user.name=o -c user.email=o@x commit -q --allow-empty -m two'"
            )
            planned = host.plan(asked, planning=True)
            plan, later = host.converge(asked)
        assert [(change.field, change.before) for change in plan.changes] == [("commit", outcome.result["commit"])]
        assert planned.changes == plan.changes
        assert later.result == {"commit": plan.changes[0].after}
        assert machine.exec(["grep", "-rl", "PRIVATE KEY", "/home/deploy/.ssh"], check=False).stdout == b""
    finally:
        running.kill()
        running.wait()


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def agent_host(fleet: Fleet, machine: SshHost, *, forward: bool) -> TestHost:
    endpoint = Endpoint(
        machine.name,
        address=machine.address,
        port=machine.port,
        user=DEPLOY_USER,
        credentials=Credentials(private_key_file=fleet.keys.plain, forward_agent=forward),
        host_keys=machine.host_keys,
    )
    return TestHost(SshConnection(endpoint), name=machine.name)


def test_a_checkout_is_given_to_its_owner(reach: Reach, machine: SshHost) -> None:
    machine.shell(
        "rm -rf /srv/owned /tmp/site.git; su ops -c 'git clone -q --bare ~/site /tmp/site.git';"
        "chown -R 0:0 /tmp/site.git"
    )
    place = {"repo": "/tmp/site.git", "path": "/srv/owned"}
    wanted = {**place, "mode": "0o750"}
    as_deploy = Git.model_validate({**place, "attributes": {"owner": "deploy", "group": "deploy"}})
    with reach(machine) as host:
        plan, _ = host.converge(as_deploy)
        assert machine.shell("find /srv/owned ! -user deploy -o ! -group deploy") == ""
        assert ("owner", "deploy") in [(change.field, change.after) for change in plan.changes]
        assert host.plan(as_deploy).kind is PlanKind.NONE
        machine.shell("chown root /srv/owned/f")
        plan, _ = host.converge(as_deploy)
        assert [(change.field, change.before) for change in plan.changes] == [("belongs to others", "./f")]
        assert host.plan(as_deploy).kind is PlanKind.NONE
        plan, _ = host.converge(Git.model_validate({**wanted, "owner": "deploy"}))
        assert [(change.field, change.after) for change in plan.changes] == [("mode", 0o750)]
        assert machine.shell("stat -c '%a %U' /srv/owned") == "750 deploy\n"
        with pytest.raises(TaskError, match="dubious ownership"):
            host.plan(Git.model_validate({**wanted, "owner": "ops"}))
        with pytest.raises(TaskError, match="no user or group 'nobody-here'"):
            host.plan(Git(repo="/tmp/site.git", path="/srv/new", owner="nobody-here"), planning=True)


def test_a_host_without_git_says_so(reach: Reach, debian_host: SshHost) -> None:
    with reach(debian_host) as bare, pytest.raises(TaskError, match="no git"):
        bare.plan(Git(repo="/x", path="/srv/x"))
