# SPDX-License-Identifier: GPL-3.0-or-later
"""`cron` with the real crontab of Debian and of busybox, on hosts with and without Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from jetpack_core.errors import StaleError, TaskError
from jetpack_core.modules.system.cron import Cron
from jetpack_core.records import FileStat, Plan, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import PLAIN_NAME, Sandbox
from tests.integration.fleet import Fleet, SshHost
from tests.integration.modules.conftest import Reach

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

MINE = "# somebody's own\nPATH=/usr/bin:/bin\n\n0 4 * * *\t/usr/bin/true   # with a remark\n@weekly echo 50\\%\n"


@pytest.fixture(scope="module", params=["openrc", "openrc without Python", "busybox"])
def machine(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[SshHost]:
    """A host whose crontabs the tests of this module change."""
    image, _, without = request.param.partition(" ")
    started = fleet.start(image)
    started.shell("mkdir -p /var/spool/cron/crontabs /etc/cron.d")
    if without:
        started.shell("rm -f /usr/bin/python3*; ! command -v python3")
    yield started
    fleet.remove(started)


@pytest.fixture(scope="module")
def connected(machine: SshHost, reach: Reach) -> Iterator[TestHost]:
    with reach(machine) as target:
        yield target


@pytest.fixture
def host(connected: TestHost) -> TestHost:
    """The host without any crontab."""
    connected.ask(connected.run(["sh", "-c", "rm -rf /var/spool/cron/crontabs/* /etc/cron.d/*"]))
    return connected


def install(machine: SshHost, text: str, user: str = "root") -> None:
    machine.exec(["crontab", "-u", user, "-"], stdin=text.encode())


def crontab(machine: SshHost, user: str = "root") -> str:
    return machine.shell(f"crontab -u {user} -l")


def converged(host: TestHost, **parameters: object) -> Plan:
    """Plan in plan mode, apply in two round trips, and see that one finds nothing left to do."""
    module = Cron.model_validate(parameters)
    planned = host.plan(module, planning=True)
    host.frames.clear()
    plan, _ = host.converge(module)
    assert len(host.frames) == 2
    assert (planned.kind, planned.changes, planned.diffs) == (plan.kind, plan.changes, plan.diffs)
    host.frames.clear()
    assert host.plan(module).kind is PlanKind.NONE
    assert len(host.frames) == 1
    return plan


class Crontabs(Sandbox):
    """The places where cron keeps its tables."""

    def snapshot(self) -> dict[str, FileStat]:
        tables = [one for top in ("/etc/cron.d", "/var/spool/cron") for one in self.host.ask(self.host.walk(top))]
        looks = [self.host.stat(one.path, checksum=True) for one in tables if one.is_file]
        return {now.path: now for now in self.host.ask(self.host.gather(looks))}


def with_file(text: str) -> Callable[[Sandbox], object]:
    return lambda box: box.host.ask(box.host.write("/etc/cron.d/site", text.encode()))


WANTED = {"job": "a", "command": "echo a", "minute": "0", "hour": "3", "cron_file": "site"}
JOB = "#Jetpack: a\n0 3 * * * root echo a\n"


class TestFilesConform(ModuleConformance):
    """The public conformance suite, on the files of real hosts."""

    module = Cron
    directories = (PLAIN_NAME,)
    cases = (
        Case("new file", lambda _: WANTED, expected=PlanKind.CREATE, disturb=with_file(MINE)),
        Case("new job", lambda _: WANTED, with_file(MINE), PlanKind.CREATE, with_file("# new\n")),
        Case("as it is", lambda _: WANTED, with_file(MINE + JOB), PlanKind.NONE),
        Case("other time", lambda _: {**WANTED, "hour": "4"}, with_file(JOB), disturb=with_file(MINE)),
        Case("disabled", lambda _: {**WANTED, "disabled": "true"}, with_file(MINE + JOB)),
        Case(
            "variable",
            lambda _: {"variable": "MAILTO", "value": "", "cron_file": "site"},
            with_file("MAILTO=root\n" + JOB),
        ),
        Case(
            "removed",
            lambda _: {"job": "a", "cron_file": "site", "remove": "true"},
            with_file(MINE + JOB),
            PlanKind.REMOVE,
        ),
        Case(
            "removed as the last",
            lambda _: {"job": "a", "cron_file": "site", "remove": "true"},
            with_file(JOB),
            PlanKind.REMOVE,
            with_file(MINE + JOB),
        ),
        Case(
            "file removed",
            lambda _: {"cron_file": "site", "remove": "true"},
            with_file(MINE),
            PlanKind.REMOVE,
            with_file(JOB),
        ),
    )

    @pytest.fixture
    def host(self, connected: TestHost) -> TestHost:
        connected.ask(connected.run(["sh", "-c", "rm -rf /var/spool/cron/crontabs/* /etc/cron.d/*"]))
        return connected

    @pytest.fixture
    def box(self, host: TestHost, directory: str) -> Iterator[Sandbox]:
        box = Crontabs(host, directory)
        yield box
        box.close()


def test_a_job_is_made_changed_switched_off_and_removed(host: TestHost, machine: SshHost) -> None:
    install(machine, MINE)
    made = {
        "job": "back up",
        "command": "/bin/backup '$HOME' \"x\" `y`; z",
        "minute": "30",
        "hour": 2,
        "weekday": "1-5",
    }
    assert converged(host, **made).kind is PlanKind.CREATE
    line = "30 2 * * 1-5 /bin/backup '$HOME' \"x\" `y`; z"
    assert crontab(machine) == f"{MINE}#Jetpack: back up\n{line}\n"
    plan = converged(host, **made, disabled=True)
    assert [(one.before, one.after) for one in plan.changes] == [(line, f"#{line}")]
    assert crontab(machine) == f"{MINE}#Jetpack: back up\n#{line}\n"
    converged(host, job="back up", command="true", special_time="daily")
    assert crontab(machine) == f"{MINE}#Jetpack: back up\n@daily true\n"
    assert converged(host, job="back up", remove=True).kind is PlanKind.REMOVE
    assert crontab(machine) == MINE


def test_planning_changes_nothing(host: TestHost, machine: SshHost) -> None:
    install(machine, MINE)
    ignored = ("/tmp", "/var/log", "/run", "/var/tmp", "/root")
    before = machine.snapshot(ignore=ignored)
    host.plan(Cron(job="x", command="true"), planning=True)
    host.plan(Cron(job="x", command="true", cron_file="site"), planning=True)
    assert machine.snapshot(ignore=ignored) == before


def test_each_user_has_a_crontab(host: TestHost, machine: SshHost, reach: Reach) -> None:
    converged(host, job="x", command="true", user="ops")
    assert crontab(machine, "ops") == "#Jetpack: x\n* * * * * true\n"
    if machine.image == "busybox":
        return
    with reach(machine, "deploy") as own:
        converged(own, variable="MAILTO", value="ops@example.org")
        converged(own, job="x", command="true")
    assert crontab(machine, "deploy") == "MAILTO=ops@example.org\n#Jetpack: x\n* * * * * true\n"
    assert crontab(machine, "ops") == "#Jetpack: x\n* * * * * true\n"


def test_an_unknown_user_is_told_in_crons_words(host: TestHost) -> None:
    with pytest.raises(TaskError, match=r"(?i)unknown.*nosuch|nosuch.*unknown"):
        host.plan(Cron(job="x", command="true", user="nosuch"))
    with pytest.raises(TaskError, match="no user 'nosuch'"):
        host.plan(Cron(job="x", command="true", user="nosuch", cron_file="site"))


def test_a_crontab_changed_in_between_is_not_lost(host: TestHost, machine: SshHost) -> None:
    module = Cron(job="x", command="true")
    for before in ("", MINE):
        if before:
            install(machine, before)
        plan = host.plan(module)
        install(machine, "1 1 * * * meanwhile\n")
        with pytest.raises(StaleError):
            host.apply(module, plan)
        assert crontab(machine) == "1 1 * * * meanwhile\n"


def test_a_crontab_of_two_hundred_jobs_and_odd_bytes_stays_as_it_is(host: TestHost, machine: SshHost) -> None:
    text = "".join(f"#Ansible: job {number}\n{number % 60} * * * * echo \udcff {number}\n" for number in range(200))
    machine.exec(["crontab", "-"], stdin=text.encode("utf-8", "surrogateescape"))
    converged(host, job="job 77", command="true")
    lines = machine.exec(["crontab", "-l"]).stdout.decode("utf-8", "surrogateescape").splitlines()
    expected = text.splitlines()
    expected[155] = "* * * * * true"
    assert lines == expected


def test_what_cron_refuses_leaves_the_crontab_as_it_was(host: TestHost, machine: SshHost) -> None:
    table = "/var/spool/cron/crontabs/root"
    machine.write(table, b"this is wrong\n", mode=0o600)
    if machine.image == "busybox":
        # It checks nothing, so there is nothing to be told.
        host.converge(Cron(job="x", command="true"))
        assert crontab(machine) == "this is wrong\n#Jetpack: x\n* * * * * true\n"
        return
    with pytest.raises(TaskError, match="bad minute"):
        host.converge(Cron(job="x", command="true"))
    assert machine.read(table) == b"this is wrong\n"


def said_in_time(machine: SshHost, path: str) -> str:
    """Return what a job wrote to a file, waiting until it has."""
    deadline = time.monotonic() + 30
    while not (said := machine.shell(f"cat {path} 2>/dev/null || true")) and time.monotonic() < deadline:
        time.sleep(0.2)
    return said


@pytest.mark.parametrize("machine", ["openrc"], indirect=True)
def test_cron_runs_the_job(host: TestHost, machine: SshHost) -> None:
    machine.shell("service cron stop >/dev/null 2>&1; rm -f /run/crond.reboot /tmp/ran*")
    converged(host, job="own", command="echo $A >/tmp/ran-own", special_time="reboot")
    converged(host, variable="A", value="  of root ")
    converged(host, job="site", command="id -un >/tmp/ran-site", special_time="reboot", cron_file="site", user="deploy")
    converged(host, job="off", command="touch /tmp/ran-off", special_time="reboot", disabled=True)
    machine.shell("service cron start >/dev/null 2>&1 </dev/null")
    assert said_in_time(machine, "/tmp/ran-own") == "of root\n"
    assert said_in_time(machine, "/tmp/ran-site") == "deploy\n"
    assert not machine.exists("/tmp/ran-off")


def test_a_host_without_cron_says_so(reach: Reach, debian_host: SshHost) -> None:
    with reach(debian_host) as host, pytest.raises(TaskError, match="no crontab"):
        host.plan(Cron(job="x", command="true"))
