# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of a whole service on three hosts with systemd: nginx, its site, a user, a job, a sysctl and a unit."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeProject, Project, Ran
from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh, pytest.mark.slow, pytest.mark.timeout(900)]

EXAMPLE = Path(__file__).parents[2] / "examples" / "system"
# The kernel's parameters of a container's own network may be set by it, once it may write to them.
MAY_SET = ("--cap-add", "NET_ADMIN", "--security-opt", "apparmor=unconfined")
OLDER = "1.22.1-8"


@pytest.fixture
def machines(fleet: Fleet) -> Iterator[list[SshHost]]:
    """Three hosts whose only repository of packages is one with nginx in two versions."""
    started = [fleet.start("systemd", name=f"web{number}", extra_run_args=MAY_SET) for number in (1, 2, 3)]
    for machine in started:
        machine.exec(["systemctl", "is-system-running", "--wait"], check=False)
        machine.shell("mount -o remount,rw,bind /proc/sys; rm -rf /etc/apt/sources.list.d/*")
        machine.write("/etc/apt/sources.list", b"deb [trusted=yes] file:///srv/apt/nginx ./\n")
    yield started
    for machine in started:
        fleet.remove(machine)


@pytest.fixture
def site(project: MakeProject, machines: list[SshHost]) -> Project:
    """The example as a project, with the three hosts in its group."""
    made = project(machines)
    shutil.rmtree(made.folder / "roles")
    shutil.copytree(EXAMPLE, made.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("inventory"))
    return made


def changed(ran: Ran) -> list[object]:
    """Return the tasks that changed, or would change, something; handlers too."""
    status = {"created", "modified", "removed", "executed"}
    return sorted({task for task, said in ran.results("task", "status") if said in status}, key=str)


def page(machine: SshHost) -> str:
    """Return what the web server answers, waiting until it listens."""
    script = "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\\r\\nHost: example\\r\\n\\r\\n' >&3; cat <&3"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = machine.exec(["bash", "-c", script], check=False)
        if answer.returncode == 0 and answer.stdout:
            return answer.stdout.decode()
        time.sleep(0.2)
    return ""


def version(machine: SshHost) -> str:
    return machine.shell("dpkg-query -W -f '${Version}' nginx")


def check_everything_is_there(machine: SshHost) -> None:
    answer = page(machine)
    assert "200 OK" in answer.splitlines()[0]
    assert f"Served by {machine.name}." in answer
    assert machine.shell("systemctl is-active nginx site-watch; systemctl is-enabled nginx site-watch").split() == [
        "active",
        "active",
        "enabled",
        "enabled",
    ]
    assert machine.shell("stat -c '%U %a' /srv/site /srv/site/index.html") == "publisher 755\npublisher 644\n"
    assert machine.shell("ls /etc/nginx/sites-enabled") == "example\n"
    assert machine.read("/proc/sys/net/ipv4/ip_local_port_range") == b"20000\t60999\n"
    assert machine.shell("crontab -u publisher -l").splitlines() == [
        "MAILTO=ops@example.org",
        "#Jetpack: count the pages",
        "30 2 * * * find /srv/site -name '*.html' | wc -l >/srv/site/count.txt",
    ]


def test_a_service_is_set_up_kept_and_taken_back_to_an_older_version(site: Project, machines: list[SshHost]) -> None:
    planned = site.run("plan", "--json")
    assert planned.code == 0, planned.err + planned.out[-3000:]
    assert not any(machine.exists("/srv/site") for machine in machines)

    first = site.run("apply", "--json")
    assert first.code == 0, first.err + first.out[-3000:]
    for machine in machines:
        check_everything_is_there(machine)
    applied = {row[:-1]: row[-1] for row in first.results("host", "task", "handler", "status")}
    known = {row[:-1]: row[-1] for row in planned.results("host", "task", "handler", "status") if row[-1] != "unknown"}
    # What files a package brings is known only once it is there, so the plan takes them for missing.
    surprising = {task for _, task, _ in (row for row, status in known.items() if applied[row] != status)}
    assert surprising == {"the site that came with the package is switched off"}
    assert len(known) > len(machines)

    second = site.run("apply", "--json")
    assert second.code == 0, second.err
    assert changed(second) == []

    newer = version(machines[0])
    assert newer != OLDER
    older = ("-p", "older.yml", "-e", f'{{"good_version": "{OLDER}"}}')
    shown = site.run("plan", "--diff", *older)
    assert shown.code == 0, shown.err + shown.out
    assert f"nginx: {newer} -> {OLDER}\n" in shown.out
    assert "Plan: 3 changes on 3 of 3 hosts." in shown.out
    assert {version(machine) for machine in machines} == {newer}

    back = site.run("apply", "--json", *older)
    assert back.code == 0, back.err + back.out[-3000:]
    assert changed(back) == ["the version that was good"]
    assert {version(machine) for machine in machines} == {OLDER}
    for machine in machines:
        check_everything_is_there(machine)
