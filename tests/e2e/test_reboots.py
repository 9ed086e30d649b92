# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that restart: by the module `reboot`, and when nobody expected it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.conftest import MakeProject, Ran
from tests.integration.conftest import lasting_host  # noqa: F401 - a fixture
from tests.integration.fleet.engine import docker
from tests.integration.fleet.hosts import SshHost

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

LastingHost = Callable[..., SshHost]
# Its process 1 ends when the system goes down; then the engine starts it again, as firmware does.
MACHINE = ("systemd", "--restart", "always")
WITHOUT_PYTHON = "for one in /usr/bin/python3*; do mv $one /usr/share/${one##*/}.away; done"


def boot(host: SshHost) -> str:
    """Return when process 1 was started (proc(5))."""
    return host.read("/proc/1/stat").decode().rpartition(")")[2].split()[19]


def statuses(ran: Ran, host: SshHost) -> list[object]:
    kinds = {"host_result", "host_unreachable"}
    found = [event for event in ran.events if event.get("host") == host.name and event["event"] in kinds]
    return [event.get("status", "unreachable") for event in found]


@pytest.mark.slow
def test_the_run_goes_on_after_a_reboot_with_what_it_knew(lasting_host: LastingHost, project: MakeProject) -> None:  # noqa: F811
    hosts = [lasting_host(*MACHINE), lasting_host(*MACHINE)]
    hosts[1].shell(WITHOUT_PYTHON)
    before = [boot(host) for host in hosts]
    made = project(hosts)
    (made.folder / "site.yml").write_text("""
- name: p
  groups: [web]
  sudo: root
  tasks:
    - !command {name: ask, cmd: [id, -un], save: who}
    - !copy {name: earlier, content: x, dest: /srv/earlier, and: {notify: told}}
    - !reboot {name: restart, delay: 0.5, timeout: 200}
    - !copy {name: later, content: "{{ who.stdout }}", dest: /srv/later}
    - !command {name: own, cmd: [id, -un], with: {sudo: deploy}}
  handlers:
    - !copy {name: told, content: x, dest: /srv/told, with: {subscribe: told}}
""")
    ran = made.run("apply", "--json")
    assert ran.code == 0, ran.out + ran.err
    for host, then in zip(hosts, before, strict=True):
        assert statuses(ran, host) == ["executed", "created", "executed", "created", "executed", "created"]
        assert boot(host) != then
        assert host.read("/srv/later") == b"root"
        assert host.exists("/srv/told")


@pytest.mark.parametrize("image", ["debian", "nopython"])
def test_an_unexpected_restart_in_a_task_takes_the_host_out_and_no_other(
    image: str,
    lasting_host: LastingHost,  # noqa: F811
    project: MakeProject,
) -> None:
    restarts, stays = lasting_host(image), lasting_host("debian")
    made = project([restarts, stays])
    (made.folder / "site.yml").write_text("""
- name: p
  groups: [web]
  tasks:
    - !shell {name: long, cmd: "touch /tmp/begun; until test -e /tmp/on; do sleep 0.1; done"}
    - !copy {name: after, content: x, dest: /tmp/after}
""")
    process = made.start("apply", "--json")
    end = time.monotonic() + 60
    while not all(host.exists("/tmp/begun") for host in (restarts, stays)):
        assert time.monotonic() < end, "the task does not begin"
        time.sleep(0.1)
    docker("restart", "--time", "0", restarts.container)
    stays.write("/tmp/on", b"")
    out, err = process.communicate(timeout=200)
    ran = Ran(process.returncode, out, err)
    assert statuses(ran, restarts) == ["unreachable"], out
    assert statuses(ran, stays) == ["executed", "created"]
    assert ran.code == 4
    (lost,) = [event for event in ran.events if event["event"] == "host_unreachable"]
    assert str(lost["msg"]).startswith("the connection was lost")
    assert not restarts.exists("/tmp/after")
