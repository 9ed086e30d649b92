# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook of thirty tasks on ten hosts: the plan comes true, and the second run changes nothing."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import MakeProject, Project, Ran
from tests.integration.fleet.hosts import OPS_PASSWORD, SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

KEY = ("host", "role", "task", "item_index", "handler")


def rows(ran: Ran) -> dict[tuple[object, ...], object]:
    """Return the status of every row of a run."""
    return {row[:-1]: row[-1] for row in ran.results(*KEY, "status")}


def content(host: SshHost) -> str:
    """Return everything the playbook makes, in a form that can be compared."""
    script = (
        "cd /srv/site && find . -exec stat -c '%n %F %a %U %G' {} + | sort;"
        "find . /home/deploy/mine -type f -exec sha256sum {} + | sort; readlink current"
    )
    return host.shell(script).replace(host.name, "HOST")


def check_plan_and_two_runs(project: Project, hosts: list[SshHost], *flags: str) -> None:
    planned = project.run("plan", "--json", *flags)
    assert planned.code == 0, planned.err
    assert not any(host.exists("/srv/site") for host in hosts)
    first = project.run("apply", "--json", *flags)
    assert first.code == 0, first.err + first.out[-3000:]
    applied = rows(first)
    for row, status in rows(planned).items():
        if status != "unknown":
            assert (row, status) == (row, applied[row])
    unknown = [event for event in planned.events if event.get("status") == "unknown"]
    assert unknown
    assert all(event["msg"] for event in unknown)
    second = project.run("apply", "--json", *flags)
    assert second.code == 0
    ran_again = {"what time it was", "always a change"}
    changed = {
        (task, status)
        for task, status in second.results("task", "status")
        if status in {"created", "modified", "removed", "executed"} and task not in ran_again
    }
    assert changed == set()


def test_the_plan_comes_true_on_ten_hosts(fleet: Fleet, project: MakeProject) -> None:
    hosts = fleet.start_many([f"web-{number:02}" for number in range(10)])
    try:
        check_plan_and_two_runs(project(hosts), hosts)
        assert not any(host.exists("/tmp/pwned") for host in hosts)
    finally:
        for host in hosts:
            fleet.remove(host)


@pytest.mark.parametrize("image", ["nopython", "busybox"])
def test_a_host_without_python_gets_the_same_bytes(fleet: Fleet, project: MakeProject, image: str) -> None:
    with_python, without = fleet.start("debian", name="same"), fleet.start(image, name="same")
    try:
        made = project([without])
        check_plan_and_two_runs(made, [without])
        made.place(without, with_python.address, with_python.port)
        (made.home / ".ssh" / "known_hosts").write_text(with_python.known_hosts_lines())
        ran = made.run("apply", "--json")
        assert ran.code == 0, ran.out
        assert content(with_python).splitlines() == content(without).splitlines()
    finally:
        fleet.remove(with_python)
        fleet.remove(without)


def test_an_ordinary_user_types_the_sudo_password_once(fleet: Fleet, project: MakeProject) -> None:
    hosts = fleet.start_many(["ops-1", "ops-2"])
    try:
        made = project(hosts, user="ops")
        typed = [("Password for sudo", OPS_PASSWORD)]
        first = made.run_on_terminal("apply", "--ask-sudo-password", answers=typed)
        assert first.code == 0, first.out
        assert first.out.count("Password for sudo") == 1
        assert OPS_PASSWORD not in first.out
        assert all(host.exists("/srv/site/colour") for host in hosts)
        wrong = made.run_on_terminal("apply", "--ask-sudo-password", answers=[("Password for sudo", "wrong")])
        assert wrong.code == 2
        assert "password" in wrong.out.lower()
    finally:
        for host in hosts:
            fleet.remove(host)


def test_sudo_without_a_password_says_what_to_do(fleet: Fleet, project: MakeProject) -> None:
    host = fleet.start("debian", name="ops-3")
    try:
        ran = project([host], user="ops").run("apply")
        assert ran.code == 2
        assert "--ask-sudo-password" in ran.out
    finally:
        fleet.remove(host)
