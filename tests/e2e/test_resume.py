# SPDX-License-Identifier: GPL-3.0-or-later
"""A run on real hosts that is killed, or loses one of them, and goes on where it ended."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.conftest import MakeProject
from tests.integration.fleet.hosts import SshHost

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

NewHost = Callable[[str], SshHost]

TEXT = """
- name: p
  groups: [web]
  tasks:
    - !shell {name: first, cmd: echo first >>/tmp/log, save: done, and: {notify: restart}}
    - !shell {name: wait, cmd: "while test -e /tmp/wait; do sleep 0.2; done"}
    - !shell {name: last, cmd: "echo last {{ done.rc }} >>/tmp/log"}
  handlers:
    - !shell {name: restarted, cmd: echo restarted >>/tmp/log, with: {subscribe: restart}}
"""


def wait_until(check: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("image", ["debian", "nopython"])
def test_a_killed_run_goes_on_and_repeats_nothing(new_host: NewHost, project: MakeProject, image: str) -> None:
    done, waits = new_host(image), new_host(image)
    waits.shell("touch /tmp/wait; chmod 666 /tmp/wait")
    made = project([done, waits])
    (made.folder / "site.yml").write_text(TEXT.replace("groups: [web]", "groups: [web]\n  strategy: free"))
    process = made.start("apply", "--json")
    runs = made.home / ".local/state/jetpack/runs"
    try:
        wait_until(lambda: any("\nT 0 2" in state.read_text() for state in runs.glob("*/state")))
        wait_until(lambda: any("\nT 1 0" in state.read_text() for state in runs.glob("*/state")))
    finally:
        process.kill()
        process.communicate()
    waits.shell("rm /tmp/wait")
    ran = made.run("apply", "--json", "--resume")
    assert ran.code == 0, ran.out + ran.err
    assert (done.name, "last") not in ran.results("host", "task")
    assert (waits.name, "first") not in ran.results("host", "task")
    for host in (done, waits):
        assert host.read("/tmp/log") == b"first\nlast 0\nrestarted\n"


def test_a_host_that_is_lost_and_comes_back_is_retried_alone(new_host: NewHost, project: MakeProject) -> None:
    fine, gone = new_host("debian"), new_host("debian")
    made = project([fine, gone])
    (made.folder / "site.yml").write_text(TEXT)
    made.place(gone, gone.address, 1)
    assert made.run("apply", "--json").code == 4
    made.place(gone, gone.address, gone.port)
    ran = made.run("apply", "--json", "--retry-failed")
    assert ran.code == 0, ran.out + ran.err
    for host in (fine, gone):
        assert host.read("/tmp/log") == b"first\nlast 0\nrestarted\n"
