# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that refuse, hang, change their key, die in the middle or fill up: one clear error each, the others go on."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeProject, Project, Ran
from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.proxy import DelayingProxy
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

NewHost = Callable[[str], SshHost]

TWO_STEPS = """
- name: p
  groups: [web]
  tasks:
    - !shell {name: first, cmd: "true"}
    - !shell {name: second, cmd: sleep 3}
    - !copy {name: third, content: done, dest: /tmp/third}
"""


def playbook(project: Project, text: str) -> None:
    (project.folder / "site.yml").write_text(text)


def statuses(ran: Ran, host: str) -> list[object]:
    found = [event for event in ran.events if event.get("host") == host]
    kinds = {"host_result", "host_unreachable"}
    return [event.get("status", "unreachable") for event in found if event["event"] in kinds]


def wait_until(check: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def leftovers(host: SshHost) -> str:
    """Return what a run must not leave: its processes, temporary folders, half-written files."""
    script = (
        "for one in /proc/[0-9]*; do tr '\\0' ' ' <$one/cmdline 2>/dev/null; echo; done"
        " | grep -E '[j]etpack|[s]leep|[p]ython';"
        "find /tmp /var/tmp /home /root /srv -name '*[j]etpack*' 2>/dev/null"
    )
    return host.exec(["sh", "-c", script], check=False).stdout.decode().strip()


def test_a_host_killed_in_the_middle_is_unreachable_and_the_other_goes_on(
    new_host: NewHost, project: MakeProject
) -> None:
    dies, lives = new_host("debian"), new_host("debian")
    made = project([dies, lives])
    # The second step goes on for as long as it takes here to kill a host.
    playbook(made, TWO_STEPS.replace("sleep 3", "until test -e /tmp/on; do sleep 0.1; done"))
    process = made.start("apply", "--json")
    wait_until(lambda: "sleep" in leftovers(dies) and "sleep" in leftovers(lives))
    dies.kill()
    lives.write("/tmp/on", b"")
    out, err = process.communicate(timeout=120)
    ran = Ran(process.returncode, out, err)
    assert statuses(ran, dies.name) == ["executed", "unreachable"]
    assert statuses(ran, lives.name) == ["executed", "executed", "created"]
    assert ran.code == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_leaves_no_process_and_sums_up(
    new_host: NewHost, project: MakeProject, number: signal.Signals
) -> None:
    host = new_host("debian")
    made = project([host])
    playbook(made, TWO_STEPS.replace("sleep 3", "sleep 300"))
    process = made.start("apply", "--json")
    wait_until(lambda: "sleep" in leftovers(host))
    process.send_signal(number)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert Ran(130, out).events[-1]["event"] == "run_finished"
    assert Ran(130, out).events[-1]["interrupted"] is True
    wait_until(lambda: leftovers(host) == "")


def test_ctrl_c_in_a_large_copy_leaves_nothing_half_written(
    new_host: NewHost, project: MakeProject, tmp_path: Path
) -> None:
    host = new_host("debian")
    made = project([host])
    large = tmp_path / "large"
    subprocess.run(["dd", "if=/dev/urandom", f"of={large}", "bs=1M", "count=256", "status=none"], check=True)
    # The proxy keeps the transfer from ending at once.
    with DelayingProxy(host.address, host.port, delay=0.02) as proxy:
        made.place(host, proxy.address, proxy.port)
        (made.home / ".ssh" / "known_hosts").write_text(host.known_hosts_lines(proxy.address, proxy.port))
        playbook(made, f"- {{name: p, groups: [web], tasks: [!copy {{src: {large}, dest: /home/deploy/large}}]}}")
        process = made.start("apply")
        listing = ["sh", "-c", "ls -A /home/deploy"]
        wait_until(lambda: proxy.bytes_up > 5_000_000, 60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=100)
    assert process.returncode == 130, out + err
    wait_until(lambda: leftovers(host) == "")
    names = host.exec(listing).stdout.decode().split()
    assert [name for name in names if not name.startswith((".bash", ".profile", ".ssh"))] == []


def test_hosts_that_cannot_be_reached_say_why(fleet: Fleet, new_host: NewHost, project: MakeProject) -> None:
    fine, changed, unknown, refused = (new_host("debian") for _ in range(4))
    made = project([fine, changed, unknown, refused])
    playbook(made, "- {name: p, groups: [web], tasks: [!command {cmd: [id]}]}")
    lines = [fine.known_hosts_lines(), refused.known_hosts_lines()]
    lines.append(unknown.known_hosts_lines(address=changed.address))
    (made.home / ".ssh" / "known_hosts").write_text("".join(lines))
    made.place(refused, refused.address, 1)
    ran = made.run("apply", "--json")
    assert ran.code == 4
    lost = {str(event["host"]): event for event in ran.events if event["event"] == "host_unreachable"}
    assert set(lost) == {changed.name, unknown.name, refused.name}
    assert "known_hosts" in str(lost[changed.name])
    assert "changed" in str(lost[changed.name]).lower()
    assert "--accept-new-host-keys" in str(lost[unknown.name]["hint"])
    assert "refused" in str(lost[refused.name]["msg"])
    assert statuses(ran, fine.name) == ["executed"]
    accepted = made.run("apply", "--json", "--accept-new-host-keys", "--limit-hosts", unknown.name)
    assert accepted.code == 0
    assert made.run("apply", "--json", "--limit-hosts", unknown.name).code == 0
    del fleet


def test_a_black_hole_is_unreachable_and_the_others_are_not_held_up(new_host: NewHost, project: MakeProject) -> None:
    fine, hole = new_host("debian"), new_host("debian")
    made = project([fine, hole])
    playbook(made, "- {name: p, groups: [web], tasks: [!command {cmd: [id]}, !command {cmd: [id]}]}")
    hole.pause()
    try:
        ran = made.run("apply", "--json", "--connect-timeout", "8")
    finally:
        hole.unpause()
    assert statuses(ran, fine.name) == ["executed", "executed"]
    assert statuses(ran, hole.name) == ["unreachable"]
    assert ran.code == 4


def test_many_silent_hosts_hold_up_nobody_and_ctrl_c_ends_the_wait(new_host: NewHost, project: MakeProject) -> None:
    fine = new_host("debian")
    made = project([fine])
    playbook(made, "- {name: p, groups: [web], strategy: free, tasks: [!copy {content: x, dest: /tmp/there}]}")
    with ExitStack() as stack:
        silent = {
            f"silent-{number}": stack.enter_context(socket.create_server(("127.0.0.1", 0))) for number in range(40)
        }
        places = {name: ("127.0.0.1", one.getsockname()[1]) for name, one in silent.items()}
        places["refused"] = ("127.0.0.1", 1)
        for name, place in places.items():
            made.add(name, *place)
        # The healthy one is the last in the inventory, behind more than may be worked on at once.
        made.add(fine.name, fine.address, fine.port)
        process = made.start("apply", "--json", "--threads", "10", "--connect-timeout", "600")
        wait_until(lambda: fine.exists("/tmp/there"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=100)
    ran = Ran(process.returncode, out, err)
    assert ran.code == 130, err
    assert statuses(ran, fine.name) == ["created"]
    assert ran.events[-1]["interrupted"] is True
    # Nobody gave up on those that only let us wait.
    assert [event["host"] for event in ran.events if event["event"] == "host_unreachable"] == ["refused"]


def test_a_full_disk_fails_the_task_and_leaves_the_old_file(fleet: Fleet, project: MakeProject) -> None:
    host = fleet.start("debian", extra_run_args=["--tmpfs", "/srv:size=1m,mode=1777"])
    try:
        made = project([host])
        host.write("/srv/file", b"old", mode=0o666)
        large = made.folder / "large"
        large.write_bytes(b"x" * (4 << 20))
        playbook(made, "- {name: p, groups: [web], sudo: root, tasks: [!copy {src: large, dest: /srv/file}]}")
        ran = made.run("apply", "--json")
        assert ran.code == 2
        assert "no space left" in str(ran.results("msg"))
        assert host.read("/srv/file") == b"old"
        assert host.shell("ls -A /srv").split() == ["file"]
    finally:
        fleet.remove(host)


def test_a_user_without_sudo_is_told(new_host: NewHost, project: MakeProject) -> None:
    host = new_host("debian")
    host.exec(["sh", "-c", "rm -f /etc/sudoers.d/*; sed -i '/deploy/d' /etc/sudoers; gpasswd -d deploy sudo || true"])
    made = project([host])
    playbook(made, "- {name: p, groups: [web], sudo: root, tasks: [!command {cmd: [id]}]}")
    ran = made.run("apply", "--json")
    assert ran.code == 2
    assert "sudo" in str(ran.results("msg", "hint"))
