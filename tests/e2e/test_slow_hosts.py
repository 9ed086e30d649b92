# SPDX-License-Identifier: GPL-3.0-or-later
"""A slow host among fast ones: who waits for it, and who does not."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import pytest

from tests.e2e.conftest import MakeProject, Project, Ran
from tests.integration.fleet.hosts import SshHost

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

NewHost = Callable[[str], SshHost]

PLAY = """
- name: p
  groups: [web]
  strategy: STRATEGY
  tasks:
    - !shell {name: slow, cmd: "test -e /fast || until test -e /tmp/on; do sleep 0.1; done"}
    - !copy {name: second, content: x, dest: /tmp/second}
    - !copy {name: third, content: x, dest: /tmp/third}
"""


def start(
    strategy: str, new_host: NewHost, project: MakeProject
) -> tuple[Project, SshHost, SshHost, subprocess.Popen[str]]:
    slow, fast = new_host("debian"), new_host("nopython")
    fast.write("/fast", b"")
    made = project([slow, fast])
    (made.folder / "site.yml").write_text(PLAY.replace("STRATEGY", strategy))
    return made, slow, fast, made.start("apply", "--json")


def order(process: subprocess.Popen[str]) -> list[tuple[object, object]]:
    """Let a run come to its end, and return who finished which task, in order."""
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, out + err
    return [(e["task"], e["host"]) for e in Ran(0, out).events if e["event"] == "host_result"]


def test_free_lets_the_fast_one_run_to_its_end(new_host: NewHost, project: MakeProject) -> None:
    _, slow, fast, process = start("free", new_host, project)
    end = time.monotonic() + 60
    # Nothing lets the slow one go on before.
    while not fast.exists("/tmp/third"):
        assert time.monotonic() < end, "the fast host waits for the slow one"
        time.sleep(0.1)
    assert not slow.exists("/tmp/second")
    slow.write("/tmp/on", b"")
    assert order(process)[:3] == [(task, fast.name) for task in ("slow", "second", "third")]


def test_linear_keeps_them_together(new_host: NewHost, project: MakeProject) -> None:
    _, slow, fast, process = start("linear", new_host, project)
    slow.write("/tmp/on", b"")
    done = order(process)
    assert [task for task, _ in done] == ["slow", "slow", "second", "second", "third", "third"]
    assert {host for _, host in done[:2]} == {slow.name, fast.name}
