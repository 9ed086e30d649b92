# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs against one host at once: the second one waits, or gives up and says for whom."""

from __future__ import annotations

import getpass
import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.conftest import MakeProject, Project, Ran
from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

NewHost = Callable[[str], SshHost]

LONG = """
- name: p
  groups: [web]
  tasks:
    - !shell {name: first, cmd: touch /tmp/begun}
    - !shell {name: second, cmd: "while ! test -e /tmp/go-on; do sleep 0.2; done"}
    - !shell {name: third, cmd: touch /tmp/ended}
"""
FILES = "ls -d /run/lock/jetpack* /tmp/jetpack* /var/tmp/jetpack* /dev/shm/jetpack* 2>/dev/null"
LOOK = ("--", "ls", "/tmp")


def wait_until(check: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def lock_files(host: SshHost) -> list[str]:
    return host.exec(["sh", "-c", FILES], check=False).stdout.decode().split()


@contextmanager
def under_way(made: Project, host: SshHost, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Keep a long run in its second task, and let it end."""
    (made.folder / "site.yml").write_text(LONG)
    process = made.start("apply", "--json", *arguments)
    try:
        wait_until(lambda: host.exists("/tmp/begun"))
        yield process
        host.exec(["touch", "/tmp/go-on"])
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()


def ad_hoc(*arguments: str) -> list[str]:
    return ["run", "web", "-i", "inventory", "--json", *arguments]


def ended(process: subprocess.Popen[str]) -> Ran:
    out, err = process.communicate(timeout=60)
    return Ran(process.returncode, out, err)


def told_to_wait(process: subprocess.Popen[str]) -> str:
    """Read on until a run says that it waits, and return what it says."""
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "warning":
            return str(event["msg"])
    raise AssertionError("it ended, and never waited")


def warnings(ran: Ran) -> list[str]:
    return [str(event["msg"]) for event in ran.events if event["event"] == "warning"]


@pytest.mark.parametrize("image", ["debian", "nopython", "busybox"])
def test_the_second_run_waits_whoever_logs_in(new_host: NewHost, project: MakeProject, image: str) -> None:
    host = new_host(image)
    made = project([host])
    with under_way(made, host, "--sudo", "root") as first:
        assert len(lock_files(host)) == 1
        second = made.start(*ad_hoc("-u", "root", *LOOK))
        told = told_to_wait(second)
        assert second.poll() is None
        host.exec(["touch", "/tmp/go-on"])
        first.communicate(timeout=60)
        ran = ended(second)
    assert first.returncode == 0
    assert ran.code == 0, ran.err
    assert "ended" in str(ran.results("stdout"))
    who = re.escape(f"{getpass.getuser()}@{socket.gethostname()}")
    assert re.match(
        rf"held by a run of {who} since \d\d:\d\d \(run [0-9a-f]{{8}}, process {first.pid}\), as deploy on the host",
        told,
    )
    wait_until(lambda: lock_files(host) == [])


def with_python(host: SshHost, *, there: bool) -> None:
    """Take Python away from a host, or give it back; a helper that runs goes on."""
    host.shell("cd /usr/bin; " + ("mv hidden python3" if there else "mv python3 hidden"))


def test_a_shell_and_the_helper_keep_each_other_out(new_host: NewHost, project: MakeProject) -> None:
    host = new_host("debian")
    made = project([host])
    short = ("--lock-timeout", "0", *LOOK)
    with_python(host, there=False)
    with under_way(made, host, "-u", "deploy"):
        with_python(host, there=True)
        assert made.run(*ad_hoc("-u", "root", *short)).code == 4
        assert made.run(*ad_hoc("-u", "ops", *short)).code == 4
    host.shell("rm /tmp/begun /tmp/go-on")
    with under_way(made, host, "-u", "root"):
        with_python(host, there=False)
        assert made.run(*ad_hoc("-u", "deploy", *short)).code == 4
    wait_until(lambda: made.run(*ad_hoc("-u", "deploy", *short)).code == 0)


@pytest.mark.parametrize("image", ["debian", "nopython"])
def test_who_waits_too_long_is_told_for_whom_and_nothing_was_done(
    new_host: NewHost, project: MakeProject, image: str
) -> None:
    host = new_host(image)
    made = project([host])
    with under_way(made, host):
        ran = made.run(*ad_hoc("--lock-timeout", "1.5", "--", "touch", "/tmp/never"))
        planned = made.run("plan", "--json")
        off = made.run(*ad_hoc("--lock-timeout", "off", *LOOK))
    assert ran.code == 4
    (lost,) = [event for event in ran.events if event["event"] == "host_unreachable"]
    assert f"held by a run of {getpass.getuser()}@" in str(lost["msg"])
    assert ", as deploy on the host" in str(lost["msg"])
    assert "jetpack.lock" in str(lost["hint"])
    assert "--lock-timeout off" in str(lost["hint"])
    assert not host.exists("/tmp/never")
    assert (planned.code, off.code) == (0, 0), planned.out + off.out


@pytest.mark.parametrize("image", ["debian", "nopython"])
def test_a_run_that_is_killed_holds_nothing_for_long(new_host: NewHost, project: MakeProject, image: str) -> None:
    host = new_host(image)
    made = project([host])
    with under_way(made, host) as first:
        second = made.start(*ad_hoc("--lock-timeout", "60", *LOOK))
        assert "held by" in told_to_wait(second)
        first.kill()
        ran = ended(second)
    assert ran.code == 0, ran.out + ran.err
    wait_until(lambda: lock_files(host) == [])


@pytest.mark.parametrize("image", ["debian", "busybox"])
def test_an_interrupted_run_leaves_no_lock(new_host: NewHost, project: MakeProject, image: str) -> None:
    host = new_host(image)
    made = project([host])
    with under_way(made, host) as first:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=30)
        wait_until(lambda: lock_files(host) == [])


def test_a_clock_that_outlives_its_killed_shell_holds_nothing(new_host: NewHost, project: MakeProject) -> None:
    host = new_host("nopython")
    made = project([host])
    (made.folder / "site.yml").write_text(
        "- name: p\n  groups: [web]\n  tasks:\n    - !shell {cmd: touch /tmp/begun; sleep 120, timeout: 240}\n"
    )
    process = made.start("apply", "--json")
    try:
        wait_until(lambda: host.exists("/tmp/begun"))
        (file,) = lock_files(host)
        host.exec(["sh", "-c", f"kill -9 $(head -n 1 {file} | cut -d ' ' -f 2)"])
        process.communicate(timeout=60)
        wait_until(lambda: made.run(*ad_hoc("--lock-timeout", "0", *LOOK)).code == 0)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("image", ["debian", "nopython"])
def test_what_a_killed_helper_leaves_stops_nobody(new_host: NewHost, project: MakeProject, image: str) -> None:
    host = new_host(image)
    made = project([host])
    with under_way(made, host) as first:
        (path,) = lock_files(host)
        host.shell(f"kill -9 $(head -n 1 {path} | cut -d ' ' -f 2)")
        first.communicate(timeout=60)
        assert first.returncode == 4
        # The file is another user's, who alone could remove it; to hold it is enough.
        assert lock_files(host) == [path]
        assert made.run(*ad_hoc("-u", "ops", "--lock-timeout", "20", *LOOK)).code == 0
        assert lock_files(host) == [path]
        assert made.run(*ad_hoc("-u", "root", "--lock-timeout", "20", *LOOK)).code == 0
        wait_until(lambda: lock_files(host) == [])


def test_a_host_that_is_delegated_to_is_held_and_removing_the_file_breaks_the_lock(
    new_host: NewHost, project: MakeProject
) -> None:
    host, other = new_host("debian"), new_host("debian")
    made = project([host, other])
    (made.folder / "site.yml").write_text(
        "- name: p\n  groups: [web]\n  tasks:\n"
        f"    - !shell {{name: n, cmd: touch /tmp/begun; sleep 300, with: {{delegate_to: {other.name}}}}}\n"
    )
    first = made.start("apply", "--json", "--limit-hosts", host.name)
    try:
        wait_until(lambda: other.exists("/tmp/begun"))
        short = ("--limit-hosts", other.name, "--lock-timeout", "0", *LOOK)
        assert made.run(*ad_hoc(*short)).code == 4
        other.shell(f"rm {lock_files(other)[0]}")
        assert made.run(*ad_hoc(*short)).code == 0
    finally:
        first.kill()
        first.communicate()


@pytest.mark.parametrize("mode", ["1777", "3777"])
def test_a_shell_and_the_helper_agree_on_the_place(new_host: NewHost, project: MakeProject, mode: str) -> None:
    host = new_host("debian")
    made = project([host])
    host.shell(f"chmod 755 /run/lock 2>/dev/null; chmod {mode} /tmp")
    with_python(host, there=False)
    with under_way(made, host, "-u", "deploy"):
        assert lock_files(host) == ["/tmp/jetpack.lock"]
        with_python(host, there=True)
        ran = made.run(*ad_hoc("-u", "root", "--lock-timeout", "0", *LOOK))
        assert ran.code == 4
        assert ", as deploy on the host" in ran.out


def test_a_link_in_the_place_of_the_lock_is_not_followed(new_host: NewHost, project: MakeProject) -> None:
    host = new_host("debian")
    made = project([host])
    host.shell(
        "echo kept >/etc/kept; for one in /run/lock /tmp; do ! [ -d $one ] || ln -s /etc/kept $one/jetpack.lock; done"
    )
    for user in ("deploy", "root"):
        for python in (True, False):
            if not python:
                with_python(host, there=False)
            ran = made.run(*ad_hoc("-u", user, *LOOK))
            if not python:
                with_python(host, there=True)
            assert ran.code == 0
            assert "other runs are not kept off this host" in warnings(ran)[0]
            assert host.read("/etc/kept") == b"kept\n"


@pytest.mark.parametrize("image", ["debian", "nopython"])
def test_a_lock_that_finds_no_space_is_told_and_the_run_goes_on(fleet: Fleet, project: MakeProject, image: str) -> None:
    host = fleet.start(image, extra_run_args=["--tmpfs", "/run/lock:size=4k,mode=1777"])
    try:
        host.shell("dd if=/dev/zero of=/run/lock/full bs=4k count=1")
        ran = project([host]).run(*ad_hoc(*LOOK))
        assert ran.code == 0, ran.out + ran.err
        (told,) = warnings(ran)
        why = "other runs are not kept off this host: /run/lock/jetpack.lock: no space left on device"
        assert told.lower() == why
        assert lock_files(host) == []
    finally:
        fleet.remove(host)


def test_both_names_of_a_host_that_another_run_took_are_told(new_host: NewHost, project: MakeProject) -> None:
    host = new_host("debian")
    made = project([host])
    inventory = made.folder / "inventory"
    (inventory / "groups/web").write_text(json.dumps({"hosts": [host.name, "alias"]}))
    (inventory / "host_vars/alias").write_text((inventory / "host_vars" / host.name).read_text())
    with under_way(made, host, "--sudo", "root") as first:
        other = ad_hoc("-u", "root", "--limit-hosts", host.name, "--lock-timeout", "0")
        assert made.run(*other, *LOOK).code == 4
        host.shell(f"rm {lock_files(host)[0]}")
        second = made.start(*other, "--", "sh", "-c", "touch /tmp/second /tmp/go-on; sleep 600")
        try:
            wait_until(lambda: host.exists("/tmp/second"))
            out, err = first.communicate(timeout=60)
        finally:
            second.kill()
            second.communicate()
    ran = Ran(first.returncode, out, err)
    assert ran.code == 2, ran.out + ran.err
    told = ran.results("host", "task", "msg")
    assert {name for name, task, msg in told if task == "third" and "was taken from this run" in str(msg)} == {
        host.name,
        "alias",
    }
    assert not host.exists("/tmp/ended")
