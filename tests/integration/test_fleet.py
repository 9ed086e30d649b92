# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet is what it says: every other integration test stands on it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.fleet import OPS_PASSWORD, ROOT_PASSWORD, Fleet, SshHost
from tests.integration.fleet.engine import docker
from tests.integration.fleet.images import IMAGES

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def hosts(debian_host: SshHost, nopython_host: SshHost, busybox_host: SshHost) -> dict[str, SshHost]:
    return {host.image: host for host in (debian_host, nopython_host, busybox_host)}


def over_ssh(fleet: Fleet, host: SshHost, user: str, command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    argv = [*fleet.ssh_argv(host, user), command]
    return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("user", ["root", "ops", "deploy"])
def test_every_user_logs_in_by_key(fleet: Fleet, hosts: dict[str, SshHost], image: str, user: str) -> None:
    done = over_ssh(fleet, hosts[image], user, "id -un")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{user}\n", "")


@pytest.mark.parametrize("image", IMAGES)
def test_deploy_needs_no_password_for_sudo_and_ops_needs_its_own(
    fleet: Fleet, hosts: dict[str, SshHost], image: str
) -> None:
    host = hosts[image]
    assert over_ssh(fleet, host, "deploy", "sudo -n id -u").stdout == "0\n"
    assert "password is required" in over_ssh(fleet, host, "ops", "sudo -kn id -u").stderr
    assert over_ssh(fleet, host, "ops", "sudo -kS -p '' id -u", f"{OPS_PASSWORD}\n").stdout == "0\n"
    assert over_ssh(fleet, host, "ops", "sudo -kS -p '' id -u", "wrong\n").returncode == 1


@pytest.mark.parametrize("image", IMAGES)
def test_doas_lets_deploy_in_without_a_password_only(fleet: Fleet, hosts: dict[str, SshHost], image: str) -> None:
    assert over_ssh(fleet, hosts[image], "deploy", "doas -n id -u").stdout == "0\n"
    assert over_ssh(fleet, hosts[image], "ops", "doas -n id -u").returncode != 0


@pytest.mark.parametrize("image", IMAGES)
def test_su_takes_the_root_password(fleet: Fleet, hosts: dict[str, SshHost], image: str) -> None:
    done = over_ssh(fleet, hosts[image], "ops", "su -c 'id -u' root", f"{ROOT_PASSWORD}\n")
    # busybox asks on standard output, Debian's su on the error output.
    assert (done.returncode, done.stdout.removeprefix("Password: \n")) == (0, "0\n"), done.stderr


def test_only_the_debian_image_has_python(fleet: Fleet, hosts: dict[str, SshHost]) -> None:
    assert over_ssh(fleet, hosts["debian"], "ops", "python3 -c 'import json, ssl'").returncode == 0
    for image in ("nopython", "busybox"):
        assert over_ssh(fleet, hosts[image], "ops", "python3 --version").returncode == 127


def test_busybox_image_has_no_gnu_tool_to_fall_back_on(fleet: Fleet, hosts: dict[str, SshHost]) -> None:
    tools = "sh stat sha256sum ls cp mv rm find dd mktemp readlink chmod chown id cat test"
    script = f"for tool in {tools}; do readlink -f $(command -v $tool); done; command -v bash"
    for user in ("root", "ops"):
        paths = over_ssh(fleet, hosts["busybox"], user, script.replace("command -v $tool", "which $tool"))
        assert set(paths.stdout.split()) == {"/usr/bin/busybox"}
    gnu = over_ssh(fleet, hosts["nopython"], "ops", "stat --version")
    assert "GNU coreutils" in gnu.stdout


def test_another_host_key_is_refused(fleet: Fleet, hosts: dict[str, SshHost]) -> None:
    argv = fleet.ssh_argv(hosts["debian"])
    wrong = hosts["nopython"].known_hosts_lines(hosts["debian"].address)
    known = Path(next(part for part in argv if part.startswith("UserKnownHostsFile=")).partition("=")[2])
    known.write_text(wrong)
    done = subprocess.run([*argv, "true"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_locked_key_needs_its_passphrase(fleet: Fleet) -> None:
    argv = ["ssh-keygen", "-y", "-f", str(fleet.keys.locked), "-P"]
    assert subprocess.run([*argv, fleet.keys.passphrase], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*argv, "other"], capture_output=True, check=False).returncode != 0


def test_files_are_written_and_read_from_outside(new_host: Callable[[str], SshHost]) -> None:
    host = new_host("busybox")
    host.write("/srv/odd dir/it's", b"\0\xff\n", mode=0o640)
    assert host.read("/srv/odd dir/it's") == b"\0\xff\n"
    assert host.exists("/srv/odd dir/it's")
    assert not host.exists("/srv/odd dir/its")
    assert host.shell('stat -c %a "/srv/odd dir/it\'s"') == "640\n"


def test_snapshot_sees_every_change_and_nothing_else(fleet: Fleet, new_host: Callable[[str], SshHost]) -> None:
    host = new_host("debian")
    before = host.snapshot()
    over_ssh(fleet, host, "deploy", "sudo true; cat /etc/passwd")
    assert host.snapshot() == before
    host.shell("echo 127.0.0.9 nine >/etc/nine; chmod 600 /etc/motd; ln -s nowhere /opt/link")
    after = host.snapshot()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed == {"/etc", "/etc/nine", "/etc/motd", "/opt", "/opt/link"}
    assert (after["/etc/motd"].mode, after["/opt/link"].target) == (0o600, "nowhere")


def test_killed_host_drops_its_connections(fleet: Fleet, new_host: Callable[[str], SshHost]) -> None:
    host = new_host("nopython")
    argv = [*fleet.ssh_argv(host), "echo up; sleep 60"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"up\n"
        host.kill()
        assert client.wait(20) == 255


def test_paused_host_answers_nothing_until_it_goes_on(fleet: Fleet, new_host: Callable[[str], SshHost]) -> None:
    host = new_host("nopython")
    host.pause()
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([*fleet.ssh_argv(host), "true"], timeout=1, check=False, capture_output=True)
    host.unpause()
    assert over_ssh(fleet, host, "root", "true").returncode == 0


def test_hosts_started_together_are_apart(fleet: Fleet) -> None:
    hosts = fleet.start_many(["one", "two", "three"], "nopython")
    try:
        names = [over_ssh(fleet, host, "ops", "hostname").stdout for host in hosts]
        assert names == ["one\n", "two\n", "three\n"]
        assert len({key for host in hosts for key in host.host_keys}) == 6
    finally:
        for host in hosts:
            fleet.remove(host)


def test_hosts_of_a_session_that_died_are_removed_by_the_next(fleet: Fleet, tmp_path: Path) -> None:
    script = (
        "import os, signal, pathlib, sys\n"
        "from tests.integration.fleet import Fleet\n"
        "print(Fleet(pathlib.Path(sys.argv[1])).start('nopython').container, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "dead").mkdir()
    argv = [sys.executable, "-c", script, str(tmp_path / "dead")]
    died = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    orphan = died.stdout.strip()
    mine = fleet.start("nopython")
    (tmp_path / "next").mkdir()
    Fleet(tmp_path / "next").close()
    left = docker("ps", "--all", "--no-trunc", "--quiet").split()
    assert orphan not in left
    assert mine.container in left
    fleet.remove(mine)
