# SPDX-License-Identifier: GPL-3.0-or-later
"""`authorized_key` on real hosts: what it writes is what a real sshd lets in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.errors import StaleError, TaskError
from jetpack_core.modules.access.authorized_key import AuthorizedKey
from jetpack_core.records import PathEffect, PlanKind
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import Fleet, SshHost

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

FILE = "/home/alice/.ssh/authorized_keys"


@pytest.fixture(scope="module", params=["debian", "nopython", "busybox"])
def machine(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[SshHost]:
    """A host for the tests of this module."""
    started = fleet.start(request.param)
    yield started
    fleet.remove(started)


@pytest.fixture(scope="module")
def host(fleet: Fleet, machine: SshHost) -> Iterator[TestHost]:
    endpoint = Endpoint(
        machine.name,
        address=machine.address,
        port=machine.port,
        user="root",
        credentials=Credentials(private_key_file=fleet.keys.plain),
        host_keys=machine.host_keys,
    )
    with TestHost(SshConnection(endpoint), name=machine.name) as target:
        yield target


@pytest.fixture(autouse=True)
def alice(machine: SshHost) -> Iterator[None]:
    """A user without keys."""
    machine.shell("useradd -m -s /bin/sh alice; rm -rf /home/alice/.ssh")
    yield
    machine.shell("userdel -rf alice 2>/dev/null; true")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key of this machine; its public half lies beside it."""
    path = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "made for a test", "-f", path], check=True)
    return path


def public(key: Path) -> str:
    return key.with_suffix(".pub").read_text().strip()


def logs_in(fleet: Fleet, machine: SshHost, key: Path) -> str | None:
    argv = fleet.ssh_argv(machine, "alice")
    argv = [word if not word.startswith("IdentityFile=") else f"IdentityFile={key}" for word in argv]
    done = subprocess.run([*argv, "id -un"], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def test_a_key_lets_in_until_it_is_taken_out(fleet: Fleet, host: TestHost, machine: SshHost, key: Path) -> None:
    module = AuthorizedKey(user="alice", key=[public(key)])
    planned = host.plan(module, planning=True)
    assert not machine.exists("/home/alice/.ssh")
    assert logs_in(fleet, machine, key) is None
    host.frames.clear()
    plan, _ = host.converge(module)
    assert (plan.kind, plan.changes, len(host.frames)) == (PlanKind.CREATE, planned.changes, 2)
    for effect in planned.effects:
        assert isinstance(effect, PathEffect)
        now = host.ask(host.stat(effect.state.path, checksum=True))
        assert (now.mode, now.owner, now.gid, now.checksum) == (
            effect.state.mode,
            "alice",
            effect.state.gid,
            effect.state.checksum,
        )
    assert logs_in(fleet, machine, key) == "alice"
    host.frames.clear()
    assert host.plan(module).kind is PlanKind.NONE
    assert len(host.frames) == 1
    removal = AuthorizedKey(user="alice", key=[public(key)], remove=True)
    host.converge(removal)
    assert logs_in(fleet, machine, key) is None
    assert host.plan(removal).kind is PlanKind.NONE
    assert machine.read(FILE) == b""


def test_a_forced_command_is_what_sshd_runs(fleet: Fleet, host: TestHost, machine: SshHost, key: Path) -> None:
    module = AuthorizedKey(user="alice", key=[public(key)], options=["restrict", 'command="echo \\"a, b\\""'])
    host.converge(module)
    assert logs_in(fleet, machine, key) == "a, b"
    assert host.plan(module).kind is PlanKind.NONE
    host.converge(AuthorizedKey(user="alice", key=[public(key)], options=[]))
    assert logs_in(fleet, machine, key) == "alice"


def test_modes_that_sshd_refuses_are_mended(fleet: Fleet, host: TestHost, machine: SshHost, key: Path) -> None:
    module = AuthorizedKey(user="alice", key=[public(key)])
    host.converge(module)
    machine.shell(f"chmod 777 /home/alice/.ssh {FILE}; chown root {FILE}")
    assert logs_in(fleet, machine, key) is None
    plan, _ = host.converge(module)
    assert [(one.field, str(one.before), str(one.after)) for one in plan.changes] == [
        ("/home/alice/.ssh mode", "0o777", "0o700"),
        ("owner", "root", "alice"),
        ("mode", "0o777", "0o600"),
    ]
    assert logs_in(fleet, machine, key) == "alice"
    assert host.plan(module).kind is PlanKind.NONE


def test_exclusive_leaves_comments_and_nothing_that_lets_in(host: TestHost, machine: SshHost, key: Path) -> None:
    other = 'from="10.0.0.1" ssh-rsa AAAA broken'
    machine.write(FILE, f"# kept\n\n{other}\n{public(key)} again\n{public(key)}".encode())
    host.converge(AuthorizedKey(user="alice", key=[public(key)], exclusive=True))
    assert machine.read(FILE).decode() == f"# kept\n\n{public(key)} again"


def test_a_file_elsewhere_keeps_its_directory(host: TestHost, machine: SshHost, key: Path) -> None:
    machine.shell("mkdir -p -m 755 /etc/ssh/keys; rm -f /etc/ssh/keys/*")
    module = AuthorizedKey(user="alice", key=[public(key)], path="/etc/ssh/keys/alice")
    host.converge(module)
    assert host.plan(module).kind is PlanKind.NONE
    assert machine.shell("stat -c '%a %U' /etc/ssh/keys /etc/ssh/keys/alice") == "755 root\n600 alice\n"
    assert not machine.exists(FILE)


def test_a_key_added_in_between_is_not_lost(host: TestHost, machine: SshHost, key: Path) -> None:
    module = AuthorizedKey(user="alice", key=[public(key)])
    machine.write(FILE, b"# one\n")
    plan = host.plan(module)
    machine.write(FILE, b"# two\n")
    with pytest.raises(StaleError):
        host.apply(module, plan)
    assert machine.read(FILE) == b"# two\n"


def test_an_unknown_user_is_named(host: TestHost, key: Path) -> None:
    with pytest.raises(TaskError, match="no user nobody-here"):
        host.plan(AuthorizedKey(user="nobody-here", key=[public(key)]))


def test_links_of_a_user_lead_nobody_astray(host: TestHost, machine: SshHost, key: Path) -> None:
    """Whoever owns a home could otherwise have root hand over, or write, what belongs to others."""
    before = machine.shell("find /root -ls | sort -k 11")
    traps = (
        "mkdir /home/alice/.ssh; ln -s /root/mine /home/alice/.ssh/authorized_keys; chown -hR alice /home/alice/.ssh",
        "ln -s /root/.ssh /home/alice/.ssh; chown -h alice /home/alice/.ssh",
        "mv /home/alice /home/other; ln -s /root /home/alice; chown -h alice /home/alice",
    )
    try:
        for trap in traps:
            machine.shell(f"rm -rf /home/alice/.ssh; {trap}")
            with pytest.raises(TaskError, match=r"is a link|no directory of alice's own"):
                host.converge(AuthorizedKey(user="alice", key=[public(key)]))
            assert machine.shell("find /root -ls | sort -k 11") == before
    finally:
        machine.shell("rm -f /home/alice; mv /home/other /home/alice")
    machine.shell("mv /home/alice /home/other; ln -s /home/other /home/alice")
    try:
        host.converge(AuthorizedKey(user="alice", key=[public(key)]))
        assert machine.shell("stat -c %U /home/other/.ssh") == "alice\n"
    finally:
        machine.shell("rm /home/alice; mv /home/other /home/alice")
