# SPDX-License-Identifier: GPL-3.0-or-later
"""`sysctl` on the network's parameters of real kernels, which are each container's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from jetpack_core.errors import TaskError
from jetpack_core.modules.system.sysctl import Sysctl
from jetpack_core.records import FileStat, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import PLAIN_NAME, Sandbox
from tests.integration.fleet import SshHost
from tests.integration.modules.conftest import MAY_ADMINISTER, Reach, converged, machines, shell

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

FILE = "/etc/sysctl.d/99-zz-jetpack.conf"
PORTS = "net.ipv4.ip_local_port_range"
MINE = "# somebody's own\n\nnet.ipv4.conf.all.forwarding = 0\n; more\n"
RESET = f"echo 32768 60999 >/proc/sys/net/ipv4/ip_local_port_range; echo 0 >/proc/sys/net/ipv4/ip_forward; rm -f {FILE}"


machine = machines(
    *("debian", "nopython", "busybox"),
    prepare=lambda host: host.shell(
        "mount -o remount,rw,bind /proc/sys; mkdir -p /etc/sysctl.d; rm -f /etc/sysctl.d/*"
    ),
    run_args=MAY_ADMINISTER,
)


@pytest.fixture
def host(connected: TestHost) -> TestHost:
    """The host with the parameters as they are at first."""
    ended = connected.ask(connected.run(["sh", "-c", RESET]))
    assert ended.ok, ended.stderr
    return connected


def with_file(text: str) -> Callable[[Sandbox], object]:
    return lambda box: box.host.ask(box.host.write(FILE, text.encode()))


class Parameters(Sandbox):
    """The files that are read at the start."""

    def snapshot(self) -> dict[str, FileStat]:
        return {now.path: now for now in self.host.ask(self.host.walk("/etc/sysctl.d", checksum=True))}


WANTED = {"key": PORTS, "value": "20000 60000"}
RIGHT = f"{PORTS} = 20000 60000\n"
SET = "echo 20000 60000 >/proc/sys/net/ipv4/ip_local_port_range"


class TestConformance(ModuleConformance):
    """The public conformance suite, on real kernels."""

    module = Sysctl
    directories = (PLAIN_NAME,)
    cases = (
        Case("both", lambda _: WANTED, expected=PlanKind.CREATE, disturb=with_file(MINE), round_trips=3),
        Case("only the file", lambda _: WANTED, shell(SET), PlanKind.CREATE, with_file(MINE)),
        Case("only the kernel", lambda _: WANTED, with_file(MINE + RIGHT)),
        Case("as it is", lambda _: WANTED, shell(f"{SET}; echo '{PORTS}=20000   60000' >{FILE}"), PlanKind.NONE),
        Case("not live", lambda _: {**WANTED, "live": "false"}, with_file(MINE), PlanKind.CREATE, with_file(RIGHT)),
        Case(
            "unknown",
            lambda _: {"key": "net.ipv4.no_such", "value": "1", "ignore_unknown": "true"},
            with_file("net.ipv4.no_such = 0\n"),
        ),
        Case(
            "removed",
            lambda _: {"key": PORTS, "remove": "true"},
            with_file(MINE + RIGHT),
            PlanKind.REMOVE,
            with_file(RIGHT),
        ),
        Case(
            "removed as the last",
            lambda _: {"key": PORTS, "remove": "true"},
            with_file(RIGHT),
            PlanKind.REMOVE,
            with_file(MINE),
        ),
    )

    @pytest.fixture
    def host(self, connected: TestHost) -> TestHost:
        assert connected.ask(connected.run(["sh", "-c", RESET])).ok
        return connected

    @pytest.fixture
    def box(self, host: TestHost, directory: str) -> Iterator[Sandbox]:
        box = Parameters(host, directory)
        yield box
        box.close()


def test_the_kernel_and_the_next_start_have_the_value(host: TestHost, machine: SshHost) -> None:
    machine.write(FILE, MINE.encode())
    plan = converged(host, Sysctl(key=PORTS, value="20000 60000"))
    assert [(one.field, one.before, one.after) for one in plan.changes] == [
        ("kernel", "32768 60999", "20000 60000"),
        (FILE, None, "20000 60000"),
    ]
    assert machine.read("/proc/sys/net/ipv4/ip_local_port_range") == b"20000\t60000\n"
    assert machine.read(FILE).decode() == MINE + RIGHT
    converged(host, Sysctl(key="net.ipv4.ip_forward", value="1", file="60-forward"))
    assert machine.read("/etc/sysctl.d/60-forward.conf") == b"net.ipv4.ip_forward = 1\n"
    assert machine.read("/proc/sys/net/ipv4/ip_forward") == b"1\n"
    machine.shell("rm /etc/sysctl.d/60-forward.conf")
    converged(host, Sysctl(key=PORTS, remove=True))
    assert machine.read(FILE).decode() == MINE


def test_an_interface_with_a_dot_in_its_name(host: TestHost, machine: SshHost) -> None:
    machine.shell("ls /proc/sys/net/ipv4/conf/lo")
    converged(host, Sysctl.model_validate({"key": "net/ipv4/conf/lo/rp_filter", "value": 2}))
    converged(host, Sysctl(key="net.ipv4.conf.lo.rp_filter", value="1"))
    assert machine.read("/proc/sys/net/ipv4/conf/lo/rp_filter") == b"1\n"
    assert machine.read(FILE) == b"net.ipv4.conf.lo.rp_filter = 1\n"
    with pytest.raises(TaskError, match="does not tell"):
        host.plan(Sysctl(key="net.ipv4.conf.lo/100.rp_filter", value="1"))


def test_what_the_kernel_refuses_is_told_in_its_words_and_kept_nowhere(host: TestHost, machine: SshHost) -> None:
    for value in ("banana", "60000 20000", "$(id); `id`"):
        with pytest.raises(TaskError, match="Invalid argument"):
            host.converge(Sysctl(key=PORTS, value=value))
    assert machine.read("/proc/sys/net/ipv4/ip_local_port_range") == b"32768\t60999\n"
    assert not machine.exists(FILE)


def test_an_unknown_parameter_is_named(host: TestHost) -> None:
    with pytest.raises(TaskError, match=r"does not tell net\.no\.such.*No such file"):
        host.plan(Sysctl(key="net.no.such", value="1"))


@pytest.mark.parametrize(("key", "value"), [("kernel.msgmax", "9001"), ("fs/mqueue/msg_max", "11")])
def test_parameters_of_others_than_the_network(host: TestHost, machine: SshHost, key: str, value: str) -> None:
    """Those of processes that talk to each other are a container's own as well."""
    converged(host, Sysctl(key=key, value=value))
    assert machine.read(f"/proc/sys/{key.replace('.', '/')}").decode() == f"{value}\n"


def test_who_may_not_set_it_is_told(reach: Reach, machine: SshHost, host: TestHost) -> None:
    with reach(machine, "deploy") as own, pytest.raises(TaskError, match="Permission denied"):
        own.converge(Sysctl(key=PORTS, value="1 2"))
    assert not machine.exists(FILE)
