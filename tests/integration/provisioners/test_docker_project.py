# SPDX-License-Identifier: GPL-3.0-or-later
"""From nothing to configured hosts and back, as a user does it: the command line, and the real engine."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from docker import DockerClient

from tests.integration.fleet.session import Fleet
from tests.integration.provisioners.projects import Project

pytestmark = [pytest.mark.docker, pytest.mark.slow]

Unused = Callable[[], str]
PATIENCE = 60.0
SHY = '''
from jetpack_core.hookspecs import Reference, hookimpl
from jetpack_provisioner_docker.provisioner import Container


@hookimpl
def jetpack_register_provisioners():
    return [Reference("shy", "shy:Shy", "Containers that do not tell their host keys")]


class Shy(Container):
    """Make a container whose engine offers no way to its host keys."""

    def host_keys(self, guest):
        return ()
'''


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def names(engine: DockerClient, hosts: list[str]) -> list[str]:
    """Return which of the containers there are."""
    found = {str(one.name) for one in engine.containers.list(all=True, ignore_removed=True)}
    return sorted(found & set(hosts))


def until(happened: Callable[[], object], what: str) -> None:
    """Wait for something. Fails the test when it does not happen."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, f"{what} did not happen within {PATIENCE:g} s"
        time.sleep(0.1)


def test_two_hosts_come_and_go(engine: DockerClient, project: Project, unused: Unused, debian_image: str) -> None:
    hosts, network = sorted([unused(), unused()]), unused()
    project.write("inventory/groups/web", f"hosts: {hosts}\n")
    project.write(
        "inventory/group_vars/web",
        f"provision: {{type: docker, image: '{debian_image}', memory: 256m, networks: [{network}], stop_timeout: 1}}\n",
    )
    project.write(
        "site.yml",
        "- name: site\n  groups: [web]\n  tasks:\n"
        "    - !copy {content: '{{ inventory_hostname }} {{ jet_guest.address }}', dest: /etc/motd}\n",
    )
    both = ", ".join(hosts)
    planned = project("plan", "-p", "site.yml")
    assert f"would create  {both}: docker: create" in planned
    assert f"the play 'site' is not planned for {both}: not there to look at yet" in planned
    assert names(engine, hosts) == []

    first = project("apply", "-p", "site.yml")
    assert f"created  {both}: docker: create" in first
    for host in hosts:
        container = engine.containers.get(host)
        address = container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
        assert container.exec_run(["cat", "/etc/motd"]).output == f"{host} {address}".encode()
    assert "All 2 hosts match, nothing was changed." in project("apply", "-p", "site.yml")

    assert "memory: 256m -> 512m" in project("provision", "--plan", "-e", "provision.memory=512m")
    replacing = project("provision", "--plan", "-e", "provision.hostname=other")
    assert "only a new container can have another hostname" in replacing
    assert f"- {hosts[0]}  (docker, running, " in project("show-inventory")

    assert f"removed  {both}: docker: destroy" in project("destroy", "--yes").replace("stop, destroy", "destroy")
    assert names(engine, hosts) == []
    assert engine.networks.list(names=[network]) == []
    assert "nothing was changed" in project("destroy", "--yes")


def test_a_saved_plan_makes_hosts_and_one_for_hosts_that_are_there_is_applied(
    engine: DockerClient, project: Project, unused: Unused, debian_image: str
) -> None:
    host = unused()
    project.write("inventory/groups/web", f"hosts: [{host}]\n")
    guest = f"provision: {{type: docker, image: '{debian_image}', stop_timeout: 1}}\n"
    project.write("inventory/group_vars/web", guest)
    text = "- {{name: p, groups: [web], tasks: [!copy {{content: {}, dest: /etc/motd}}]}}\n"
    project.write("site.yml", text.format("first"))
    project("plan", "-p", "site.yml", "--out", "plan.json")
    assert f"created  {host}" in project("apply", "plan.json")

    project.write("site.yml", text.format("second"))
    project("plan", "-p", "site.yml", "--out", "plan.json")
    assert "1 change" in project("apply", "plan.json")
    assert engine.containers.get(host).exec_run(["cat", "/etc/motd"]).output == b"second"
    project("destroy", "--yes")


def test_two_runs_at_once_make_each_host_once(
    engine: DockerClient, project: Project, unused: Unused, busybox_image: str
) -> None:
    hosts = sorted([unused(), unused()])
    project.write("inventory/groups/web", f"hosts: {hosts}\n")
    map_ = f"provision: {{type: docker, image: '{busybox_image}', command: [sleep, '3600'], stop_timeout: 1}}\n"
    project.write("inventory/group_vars/web", map_)
    runs = [project.start("provision") for _ in range(2)]
    said = [run.communicate(timeout=300)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert names(engine, hosts) == hosts
    assert "nothing was changed" in project("provision")


def test_an_interrupted_run_leaves_no_half_made_host(
    engine: DockerClient, project: Project, unused: Unused, busybox_image: str
) -> None:
    host, network = unused(), unused()
    project.write("inventory/groups/web", f"hosts: [{host}]\n")
    check = "healthcheck: {test: 'false', interval: 1s, retries: 1000}, health_timeout: 1h"
    project.write(
        "inventory/group_vars/web",
        f"provision: {{type: docker, image: '{busybox_image}', command: sleep 1h, networks: [{network}], {check}}}\n",
    )
    run = project.start("provision")
    until(lambda: names(engine, [host]), "the container")
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 130, said
    assert f"{host}: interrupted" in said
    assert names(engine, [host]) == []
    assert engine.networks.list(names=[network]) == []


def test_the_first_key_of_a_host_that_was_made_is_pinned(
    engine: DockerClient, project: Project, unused: Unused, fleet: Fleet, debian_image: str
) -> None:
    host = unused()
    project.add_plugin("shy", SHY)
    allowed = project.write("authorized_keys", fleet.keys.plain.with_suffix(".pub").read_text())
    allowed.chmod(0o644)
    project.write("inventory/groups/web", f"hosts: [{host}]\n")
    project.write(
        "inventory/group_vars/web",
        f"jet_ssh_private_key_file: {fleet.keys.plain}\n"
        "provision:\n  type: shy\n  connection: ssh\n  ssh_user: root\n  stop_timeout: 1\n"
        f"  image: {debian_image}\n  volumes: ['{allowed}:/root/.ssh/authorized_keys:ro']\n",
    )
    project.write("site.yml", "- name: site\n  groups: [web]\n  tasks:\n    - !copy {content: x, dest: /etc/motd}\n")
    project("apply", "-p", "site.yml")
    learned = project("show-inventory", "--show-hosts", host)
    assert "(first seen in the run that made it)" in learned
    assert not (project.home / ".ssh" / "known_hosts").exists()
    assert "nothing was changed" in project("apply", "-p", "site.yml")

    container = engine.containers.get(host)
    again = "rm /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; kill -HUP $(pgrep -o -x sshd)"
    container.exec_run(["/bin/sh", "-c", again])
    until(lambda: "not the one it is known by" in said_by(project, "apply", "-p", "site.yml"), "the refusal")

    project("destroy", "--yes")
    project("apply", "-p", "site.yml")
    assert "(first seen in the run that made it)" in project("show-inventory", "--show-hosts", host)
    assert "nothing was changed" in project("apply", "-p", "site.yml")


def said_by(project: Project, *words: str) -> str:
    """Return what a verb printed, however it ended."""
    return project.start(*words).communicate(timeout=300)[0]
