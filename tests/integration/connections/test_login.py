# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to a host and ways to log in, each failure with its own sentence."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetpack_core.contracts.connection import Credentials
from jetpack_core.contracts.operations import Run, Stat
from jetpack_core.errors import AuthenticationError, HostKeyError, HostUnreachableError
from tests.integration.connections.conftest import Connect
from tests.integration.fleet.hosts import OPS_PASSWORD, SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without keys, configuration and agent, so that only what a test gives counts."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


@pytest.fixture
def agent(fleet: Fleet, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An agent that holds the plain key."""
    path = str(home / "agent")
    started = subprocess.run(["ssh-agent", "-s", "-a", path], check=True, capture_output=True, text=True)
    pid = int(started.stdout.split("SSH_AGENT_PID=")[1].split(";")[0])
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    subprocess.run(["ssh-add", "-q", str(fleet.keys.plain)], check=True)
    yield path
    os.kill(pid, signal.SIGTERM)


def works(connect: Connect, host: SshHost, user: str = "ops", **changes: object) -> None:
    assert connect(host, user, **changes).sh("id -un").stdout.strip() == user


def test_key_with_a_passphrase(fleet: Fleet, debian_host: SshHost, connect: Connect) -> None:
    keys = fleet.keys
    works(connect, debian_host, credentials=Credentials(private_key_file=keys.locked, passphrase=keys.passphrase))
    with pytest.raises(AuthenticationError, match="id_locked needs a passphrase"):
        connect(debian_host, credentials=Credentials(private_key_file=keys.locked))
    with pytest.raises(AuthenticationError, match="id_locked does not open with the given passphrase"):
        connect(debian_host, credentials=Credentials(private_key_file=keys.locked, passphrase="wrong"))
    works(connect, debian_host, credentials=Credentials(private_key_file=keys.plain, passphrase="not needed"))


@pytest.mark.parametrize(
    "options",
    [
        ["-t", "rsa", "-b", "2048"],
        ["-t", "rsa", "-b", "2048", "-m", "PEM"],
        ["-t", "ecdsa"],
        ["-t", "ecdsa", "-m", "PEM"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_kinds_of_keys(options: list[str], passphrase: str, home: Path, debian_host: SshHost, connect: Connect) -> None:
    key = home / "key"
    subprocess.run(["ssh-keygen", "-q", *options, "-N", passphrase, "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    debian_host.shell(f"echo {shlex.quote(public)} >>/home/deploy/.ssh/authorized_keys")
    works(connect, debian_host, "deploy", credentials=Credentials(private_key_file=key, passphrase=passphrase or None))


def test_wrong_key_files(home: Path, debian_host: SshHost, connect: Connect) -> None:
    (home / "text").write_text("this is no key\n")
    for name, said in (("none", "there is no key file"), ("text", "is not a usable private key")):
        with pytest.raises(AuthenticationError, match=said):
            connect(debian_host, "ops", credentials=Credentials(private_key_file=home / name))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / "other")], check=True)
    with pytest.raises(AuthenticationError, match=r"refused the login as ops: tried .*/other"):
        connect(debian_host, "ops", credentials=Credentials(private_key_file=home / "other"))


def test_agent(fleet: Fleet, agent: str, debian_host: SshHost, connect: Connect) -> None:
    works(connect, debian_host, credentials=Credentials())
    works(connect, debian_host, credentials=Credentials(key_comment="id_plain"))
    with pytest.raises(AuthenticationError, match="no key with the comment 'other'"):
        connect(debian_host, "ops", credentials=Credentials(key_comment="other"))
    subprocess.run(["ssh-add", "-q", "-D"], check=True)
    with pytest.raises(AuthenticationError, match="nothing, for there is no key and no password"):
        connect(debian_host, "ops", credentials=Credentials())


def test_agent_forwarding(agent: str, debian_host: SshHost, connect: Connect) -> None:
    listing = Run(("sh", "-c", "ssh-add -l || echo none"))
    forwarded = connect(debian_host, "ops", credentials=Credentials(forward_agent=True))
    assert "id_plain" in forwarded.do(listing).stdout
    assert "id_plain" not in connect(debian_host, "ops", credentials=Credentials()).do(listing).stdout


def test_password(debian_host: SshHost, connect: Connect) -> None:
    works(connect, debian_host, credentials=Credentials(password=OPS_PASSWORD))
    with pytest.raises(AuthenticationError) as caught:
        connect(debian_host, "ops", credentials=Credentials(password="wrong-one"))
    assert "tried password" in str(caught.value)
    assert "wrong-one" not in str(caught.value)


def test_keyboard_interactive(fleet: Fleet, connect: Connect) -> None:
    host = fleet.start("debian")
    host.write(
        "/etc/ssh/sshd_config.d/00-ask.conf",
        b"PasswordAuthentication no\nKbdInteractiveAuthentication yes\nUsePAM yes\n",
    )
    host.exec(["pkill", "-HUP", "-x", "sshd"])
    subprocess.run(["sleep", "0.7"], check=True)
    works(connect, host, credentials=Credentials(password=OPS_PASSWORD))


def test_unknown_host_key(home: Path, debian_host: SshHost, connect: Connect) -> None:
    with pytest.raises(HostKeyError, match=r"is not known: \S+ SHA256:\S+"):
        connect(debian_host, host_keys=())
    known = home / ".ssh" / "known_hosts"
    assert not known.exists()
    connect(debian_host, host_keys=(), accept_new_host_keys=True)
    assert known.read_text().startswith(f"{debian_host.address} ")
    connect(debian_host, host_keys=())


def test_known_type_is_asked_for(home: Path, debian_host: SshHost, connect: Connect) -> None:
    for key in debian_host.host_keys:
        (home / ".ssh" / "known_hosts").write_text(f"{debian_host.address} {key}\n")
        assert connect(debian_host, host_keys=()).do(Stat("/")).is_directory


def test_changed_host_key(home: Path, debian_host: SshHost, nopython_host: SshHost, connect: Connect) -> None:
    lines = "".join(f"{debian_host.address} {key}\n" for key in nopython_host.host_keys)
    (home / ".ssh" / "known_hosts").write_text("# one\n" + lines)
    for accept in (False, True):
        with pytest.raises(HostKeyError, match=r"has changed: .*known_hosts:[23] knows"):
            connect(debian_host, host_keys=(), accept_new_host_keys=accept)
    with pytest.raises(HostKeyError, match="not the one it is known by"):
        connect(debian_host, host_keys=tuple(" ".join(key.split()[:2]) for key in nopython_host.host_keys))


def test_jump_hosts(fleet: Fleet, home: Path, debian_host: SshHost, nopython_host: SshHost, connect: Connect) -> None:
    known = fleet.known_hosts([debian_host, nopython_host])
    config = f"""
Host jump
  HostName {debian_host.address}
  User deploy
Host second
  HostName {nopython_host.address}
  User ops
Host target
  HostName {debian_host.address}
  ProxyJump jump,second
Host *
  UserKnownHostsFile {known}
"""
    (home / ".ssh" / "config").write_text(config)
    driver = connect(debian_host, "ops", address="target", port=None, host_keys=())
    assert driver.sh("id -un").stdout == "ops\n"
    assert driver.sh('echo "$SSH_CONNECTION"').stdout.split()[0] == nopython_host.address


def test_proxy_command(
    fleet: Fleet, home: Path, debian_host: SshHost, nopython_host: SshHost, connect: Connect
) -> None:
    command = shlex.join(fleet.ssh_argv(nopython_host, "root", "-W", "HOST:22")).replace("HOST", "%h")
    (home / ".ssh" / "config").write_text(f"Host {debian_host.address}\n  ProxyCommand {command}\n")
    driver = connect(debian_host, "ops")
    assert driver.sh('echo "$SSH_CONNECTION"').stdout.split()[0] == nopython_host.address


def test_ways_that_lead_nowhere(debian_host: SshHost, connect: Connect) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(HostUnreachableError, match=f"port {port} refused the connection"):
            connect(debian_host, address="127.0.0.1", port=port)
        free.listen()
        with pytest.raises(HostUnreachableError, match="did not answer as an SSH server in 1 s"):
            connect(debian_host, address="127.0.0.1", port=port, connect_timeout=1.0)
    with pytest.raises(HostUnreachableError, match="the name cannot be resolved"):
        connect(debian_host, address="no-such-host.invalid")
