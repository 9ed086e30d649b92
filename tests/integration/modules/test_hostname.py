# SPDX-License-Identifier: GPL-3.0-or-later
"""`hostname` on real hosts, with and without systemd, Python and GNU tools."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jetpack_core.errors import TaskError
from jetpack_core.modules.system.hostname import Hostname
from jetpack_core.records import FileStat, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import PLAIN_NAME, Sandbox
from tests.integration.fleet import Fleet, SshHost
from tests.integration.modules.conftest import MAY_ADMINISTER, Reach, converged, machines, shell

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

RESET = "hostname first; echo first >/etc/hostname; printf '127.0.0.1 localhost\\n::1 localhost\\n' >/etc/hosts"


# What the engine mounted over the files is taken away, so that the name is the host's own.
machine = machines(
    *("debian", "nopython", "busybox", "systemd"),
    prepare=lambda host: host.shell("umount /etc/hostname; umount /etc/hosts"),
    run_args=MAY_ADMINISTER,
)


@pytest.fixture
def host(connected: TestHost) -> TestHost:
    """The host with its first name."""
    ended = connected.ask(connected.run(["sh", "-c", RESET]))
    assert ended.ok, ended.stderr
    return connected


class NameFiles(Sandbox):
    """The files that hold the name."""

    def snapshot(self) -> dict[str, FileStat]:
        paths = ("/etc/hostname", "/etc/hosts")
        looks = [self.host.stat(path, checksum=True) for path in paths]
        return {now.path: now for now in self.host.ask(self.host.gather(looks))}


class TestConformance(ModuleConformance):
    """The public conformance suite, on real hosts."""

    module = Hostname
    directories = (PLAIN_NAME,)
    cases = (
        Case("both", lambda _: {"hostname": "web1"}, disturb=shell("echo other >/etc/hostname"), round_trips=3),
        Case("no file yet", lambda _: {"hostname": "first"}, shell("rm /etc/hostname")),
        Case("only now", lambda _: {"hostname": "web1"}, shell("echo web1 >/etc/hostname")),
        Case("as it is", lambda _: {"hostname": "first"}, expected=PlanKind.NONE),
        Case(
            "with hosts",
            lambda _: {"hostname": "first", "hosts": "true"},
            disturb=shell("echo 192.0.2.1 mine >>/etc/hosts"),
        ),
    )

    @pytest.fixture
    def host(self, connected: TestHost) -> TestHost:
        assert connected.ask(connected.run(["sh", "-c", RESET])).ok
        return connected

    @pytest.fixture
    def box(self, host: TestHost, directory: str) -> Iterator[Sandbox]:
        box = NameFiles(host, directory)
        yield box
        box.close()


def test_the_host_has_the_name_now_and_at_the_next_start(host: TestHost, machine: SshHost) -> None:
    plan = converged(host, Hostname(hostname="web1"))
    assert [(one.field, one.before, one.after) for one in plan.changes] == [
        ("name", "first", "web1"),
        ("/etc/hostname", "first", "web1"),
    ]
    assert machine.shell("uname -n; hostname; cat /etc/hostname") == "web1\nweb1\nweb1\n"
    if machine.image == "systemd":
        assert machine.shell("hostnamectl --static; hostnamectl --transient") == "web1\nweb1\n"


def test_the_host_can_find_itself_by_its_name(host: TestHost, machine: SshHost) -> None:
    converged(host, Hostname(hostname="web2.example.org", hosts=True))
    assert machine.shell("hostname -f") == "web2.example.org\n"
    assert machine.shell("getent hosts web2").split()[:2] == ["127.0.1.1", "web2.example.org"]
    converged(host, Hostname(hostname="web3.example.org", hosts=True))
    assert machine.read("/etc/hosts") == b"127.0.0.1 localhost\n127.0.1.1\tweb3.example.org web3\n::1 localhost\n"


def test_who_may_not_is_told_and_nothing_is_written(reach: Reach, host: TestHost, machine: SshHost) -> None:
    with reach(machine, "deploy") as own, pytest.raises(TaskError, match="cannot be set") as caught:
        own.converge(Hostname(hostname="web1"))
    assert "root" in caught.value.hint
    assert machine.shell("uname -n; cat /etc/hostname") == "first\nfirst\n"


def test_a_container_that_may_not_be_renamed(reach: Reach, debian_host: SshHost) -> None:
    with reach(debian_host) as host, pytest.raises(TaskError, match="cannot be set"):
        host.converge(Hostname(hostname="web1"))
    assert debian_host.shell("uname -n") == "debian\n"


def test_a_file_that_the_engine_holds_is_explained(reach: Reach, fleet: Fleet) -> None:
    machine = fleet.start("debian", extra_run_args=MAY_ADMINISTER)
    with reach(machine) as host, pytest.raises(TaskError, match=r"set until the next start.*/etc/hostname") as caught:
        host.converge(Hostname(hostname="web1"))
    assert "container" in caught.value.hint
    fleet.remove(machine)
