# SPDX-License-Identifier: GPL-3.0-or-later
"""`git` on a real host, from a repository that a real sshd hands out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jetpack_core.errors import TaskError
from jetpack_core.modules.system.git import Git
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import DEPLOY_USER, SshHost
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


def test_a_host_without_git_says_so(reach: Reach, debian_host: SshHost) -> None:
    with reach(debian_host) as bare, pytest.raises(TaskError, match="no git"):
        bare.plan(Git(repo="/x", path="/srv/x"))
