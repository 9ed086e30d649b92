# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts whose clock is off: what a file holds decides, not when it was written, and ages are the host's own matter."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeProject
from tests.integration.fleet.engine import docker
from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

PLAY = """
- name: p
  groups: [web]
  tasks:
    - !copy {src: here, dest: /tmp/copied}
    - !copy {src: tree/, dest: /tmp/tree}
    - !template {src: stamp.j2, dest: /tmp/coloured}
    - !line {path: /tmp/copied, line: x}
    - !fetch {src: /etc/debian_version, dest: "back-{{ inventory_hostname }}"}
"""
DAY = 86400
CLOCK = "LD_PRELOAD=/usr/lib/clock.so NO_FAKE_STAT=1"
PACKAGES = Path(__file__).parents[1] / "integration" / "packages"
WAITING = "- {name: p, groups: [web], tasks: [!shell {cmd: touch /tmp/begun; sleep 300}]}\n"
LOOK = ("run", "web", "-i", "inventory", "--json")
LOGGED = '#!/bin/sh\necho "$@" >>/tmp/called\nexec /usr/bin/apt-get "$@"\n'


@pytest.mark.parametrize("dates", ["1999-01-01", "2037-12-31"])
def test_times_of_files_do_not_matter(dates: str, new_host: Callable[[str], SshHost], project: MakeProject) -> None:
    hosts = [new_host("debian"), new_host("nopython")]
    made = project(hosts)
    (made.folder / "here").write_text("x\n")
    (made.folder / "tree").mkdir()
    (made.folder / "tree" / "one").write_text("1")
    (made.folder / "site.yml").write_text(PLAY)
    (made.folder / "templates" / "stamp.j2").write_text("{{ inventory_hostname }}\n")
    assert made.run("apply", "--json").code == 0
    for host in hosts:
        host.shell(f"find /tmp/copied /tmp/tree /tmp/coloured -exec touch -d {dates} {{}} +")
    again = made.run("apply", "--json")
    assert again.code == 0
    assert again.statuses() == {"matched"}
    # What is different is made right, be it newer or older than what it is made from.
    for host in hosts:
        host.shell(f"echo y >/tmp/tree/one; touch -d {dates} /tmp/tree/one")
    assert made.run("apply", "--json").statuses() == {"matched", "modified"}
    assert [host.read("/tmp/tree/one") for host in hosts] == [b"1", b"1"]


def is_off(ssh: list[str]) -> bool:
    """Tell whether whoever logs in sees another day."""
    asked = subprocess.run([*ssh, "date +%s"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return asked.returncode == 0 and abs(int(asked.stdout) - time.time()) > DAY / 2


@pytest.fixture(params=[1, -1], ids=["a day ahead", "a day behind"])
def skewed(
    request: pytest.FixtureRequest, fleet: Fleet, new_host: Callable[[str], SshHost]
) -> Callable[[str], SshHost]:
    """Start hosts on which every program lives a day off, by a library that answers for the clock (libfaketime)."""
    library = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
    if library is None:
        pytest.skip("libfaketime is not installed (Debian: apt install libfaketime)")
    days: int = request.param

    def start(image: str) -> SshHost:
        host = new_host(image)
        docker("cp", str(library), f"{host.container}:/usr/lib/clock.so")
        host.write("/etc/faketimerc", f"{days:+}d\n".encode())
        # What is logged in lives by that clock; sshd itself could not, for its sandbox forbids what the library does.
        host.write("/etc/ssh/sshd_config.d/clock.conf", f"SetEnv {CLOCK}\n".encode())
        host.shell("kill -HUP $(cat /run/sshd.pid)")
        end = time.monotonic() + 60
        while not is_off(fleet.ssh_argv(host)):
            assert time.monotonic() < end, "sshd did not begin anew"
            time.sleep(0.1)
        return host

    return start


def test_runs_do_not_mind_a_clock_that_is_a_day_off(
    skewed: Callable[[str], SshHost], new_host: Callable[[str], SshHost], project: MakeProject
) -> None:
    hosts = [skewed("debian"), skewed("nopython"), new_host("debian")]
    made = project(hosts)
    (made.folder / "here").write_text("x\n")
    (made.folder / "tree").mkdir()
    (made.folder / "tree" / "one").write_text("1")
    (made.folder / "site.yml").write_text(PLAY)
    (made.folder / "templates" / "stamp.j2").write_text("{{ inventory_hostname }}\n")
    told = made.run(*LOOK, "--", "date", "+%s").results("host", "stdout")
    skews = {host: int(str(stdout)) - time.time() for host, stdout in told}
    assert [round(skews[host.name] / DAY) != 0 for host in hosts] == [True, True, False]
    first = made.run("apply", "--json")
    assert first.code == 0, first.out
    again = made.run("apply", "--json")
    assert (again.code, again.statuses()) == (0, {"matched"}), again.out


@pytest.mark.parametrize("image", ["debian", "nopython"])
def test_a_lock_on_a_host_whose_clock_is_a_day_off_holds_and_ends_with_its_run(
    image: str, skewed: Callable[[str], SshHost], project: MakeProject
) -> None:
    host = skewed(image)
    made = project([host])
    (made.folder / "site.yml").write_text(WAITING)
    process = made.start("apply", "--json")
    try:
        end = time.monotonic() + 60
        while not host.exists("/tmp/begun"):
            assert time.monotonic() < end
            time.sleep(0.1)
        refused = made.run(*LOOK, "--lock-timeout", "0", "--", "true")
        assert refused.code == 4
        # The time that is told is the control machine's own.
        told = re.search(r"since (\d\d):(\d\d) ", refused.out)
        assert told is not None, refused.out
        now = datetime.now().astimezone()
        since = now.replace(hour=int(told[1]), minute=int(told[2]))
        assert min(abs((since - now).total_seconds()), DAY - abs((since - now).total_seconds())) < 600
        process.kill()
        assert made.run(*LOOK, "--lock-timeout", "90", "--", "true").code == 0
    finally:
        process.kill()
        process.communicate()


def test_the_age_of_a_package_index_is_told_by_the_host_itself(
    skewed: Callable[[str], SshHost], project: MakeProject
) -> None:
    host = skewed("packages")
    host.exec(["sh", "-s"], stdin=(PACKAGES / "debs.sh").read_bytes())
    host.shell("apt-get update -qq")
    host.write("/usr/local/bin/apt-get", LOGGED.encode(), mode=0o755)
    made = project([host])
    for age, package, refreshed in (("10 minutes", "jet-app", False), ("2 hours", "jet-other", True)):
        host.shell(f"{CLOCK} touch -d '{age} ago' /var/lib/apt/lists /etc/apt/sources.list; : >/tmp/called")
        (made.folder / "site.yml").write_text(
            f"- name: p\n  groups: [web]\n  tasks: [!apt {{package: {package}, refresh: true, cache_valid: 1h}}]\n"
        )
        ran = made.run("apply", "--json", "-u", "root")
        assert ran.code == 0, ran.out
        called = host.shell("cat /tmp/called").split()
        assert "install" in called
        assert ("update" in called) is refreshed
