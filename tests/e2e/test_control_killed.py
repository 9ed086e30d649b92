# SPDX-License-Identifier: GPL-3.0-or-later
"""The control machine is killed with -9: nothing of the run goes on on the hosts, and nothing is left there."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeProject, Project
from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.proxy import DelayingProxy

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

NewHost = Callable[[str], SshHost]
USERS = pytest.mark.parametrize("sudo", ["", ", sudo: root"], ids=["login user", "become"])
# All at once, as when a host loses power: nothing can tidy up after another.
KILL_ALL = """
all=
for one in /proc/[0-9]*; do
    case $(cat $one/comm) in sshd | '') continue ;; esac
    [ ${one#/proc/} -gt 1 ] && [ ${one#/proc/} != $$ ] && all="$all ${one#/proc/}"
done
kill -STOP $all
kill -KILL $all
"""


def wait_until(check: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for something, for as long as 60 s and a process last."""
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.1)


def leftovers(host: SshHost) -> str:
    """Return the processes of a host that no idle host has, and the files that a run must not leave."""
    script = (
        "for one in /proc/[0-9]*; do"
        " case $(cat $one/comm) in sshd | '') continue;; esac;"
        ' [ ${one#/proc/} -gt 1 ] && [ ${one#/proc/} != $$ ] && [ "$(cut -d " " -f 4 $one/stat)" != $$ ]'
        " && tr '\\0' ' ' <$one/cmdline && echo; done 2>/dev/null;"
        "find / -xdev -name '*jetpack*' -not -path '/proc/*' 2>/dev/null"
    )
    return host.exec(["sh", "-c", script], check=False).stdout.decode().strip()


def nothing_left(host: SshHost) -> None:
    deadline = time.monotonic() + 60
    while left := leftovers(host):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def kill_control(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def both(new_host: NewHost, project: MakeProject) -> tuple[Project, list[SshHost]]:
    hosts = [new_host("debian"), new_host("nopython")]
    for host in hosts:
        assert leftovers(host) == ""
    return project(hosts), hosts


@USERS
def test_in_the_middle_of_a_long_command(sudo: str, new_host: NewHost, project: MakeProject) -> None:
    made, hosts = both(new_host, project)
    (made.folder / "long").write_text("#!/bin/sh\nsleep 4321 & sleep 4321\n")
    (made.folder / "site.yml").write_text(f"- {{name: p, groups: [web]{sudo}, tasks: [!script {{src: long}}]}}")
    process = made.start("apply", "--json")
    wait_until(lambda: all(leftovers(host).count("sleep 4321") == 2 for host in hosts), process)
    kill_control(process)
    for host in hosts:
        nothing_left(host)


@USERS
def test_in_the_middle_of_a_large_file(sudo: str, new_host: NewHost, project: MakeProject, tmp_path: Path) -> None:
    made, hosts = both(new_host, project)
    large = tmp_path / "large"
    subprocess.run(["dd", "if=/dev/urandom", f"of={large}", "bs=1M", "count=128", "status=none"], check=True)
    (made.folder / "site.yml").write_text(
        f"- {{name: p, groups: [web]{sudo}, tasks: [!copy {{src: {large}, dest: /home/deploy/large}}]}}"
    )
    first, second = hosts
    with (
        DelayingProxy(first.address, first.port, delay=0.2) as one,
        DelayingProxy(second.address, second.port, delay=0.2) as two,
    ):
        known = ""
        for host, proxy in ((first, one), (second, two)):
            made.place(host, proxy.address, proxy.port)
            known += host.known_hosts_lines(proxy.address, proxy.port)
        (made.home / ".ssh" / "known_hosts").write_text(known)
        process = made.start("apply", "--json")
        # The windows of SSH and the delay let a few megabytes through in a second.
        wait_until(lambda: all("jetpack" in host.shell("ls -A /home/deploy") for host in hosts), process)
        for proxy in (one, two):
            proxy.black_hole()
        kill_control(process)
        for proxy in (one, two):
            proxy.cut()
        for host in hosts:
            nothing_left(host)
            assert not host.exists("/home/deploy/large")


@USERS
def test_what_a_helper_that_was_killed_left_goes_with_the_next_run(
    sudo: str, new_host: NewHost, project: MakeProject
) -> None:
    made, hosts = both(new_host, project)
    (made.folder / "long").write_text("#!/bin/sh\nsleep 4321\n")
    (made.folder / "site.yml").write_text(f"- {{name: p, groups: [web]{sudo}, tasks: [!script {{src: long}}]}}")
    process = made.start("apply", "--json")
    wait_until(lambda: all("sleep 4321" in leftovers(host) for host in hosts), process)
    for host in hosts:
        host.exec(["sh", "-c", KILL_ALL], check=False)
    process.communicate(timeout=60)
    assert all("jetpack" in leftovers(host) for host in hosts)
    (made.folder / "long").write_text("#!/bin/sh\ntrue\n")
    assert made.run("apply", "--json").code == 0
    for host in hosts:
        nothing_left(host)
