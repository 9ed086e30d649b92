# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with hosts, and the one clear error for each."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.shell import ShellClient
from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.operations import Become, Get, Put, Read, Reply, Request, Run, Stat, TempDirectory, Write
from jetpack_core.errors import BecomeError, HostUnreachableError, OperationCode, OperationError
from tests.integration.connections.conftest import Connect, endpoint
from tests.integration.fleet.engine import run_docker
from tests.integration.fleet.hosts import OPS_PASSWORD, SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]
NewHost = Callable[..., SshHost]
EITHER = pytest.mark.parametrize("image", ["debian", "nopython"])


def ended(host: SshHost, pattern: str, within: float = 30.0) -> None:
    """Wait until no process of a host has a command line like this."""
    deadline = time.monotonic() + within
    while (left := host.exec(["pgrep", "-af", "--", pattern], check=False).stdout) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == b""


def reload_sshd(host: SshHost, settings: bytes) -> None:
    """Give sshd settings, and wait until it listens with them."""
    host.write("/etc/ssh/sshd_config.d/test.conf", settings)
    heard = _times_listening(host)
    host.exec(["pkill", "-HUP", "-x", "sshd"])
    end = time.monotonic() + 30
    while _times_listening(host) == heard:
        assert time.monotonic() < end, "sshd did not start anew"
        time.sleep(0.05)


def _times_listening(host: SshHost) -> int:
    return run_docker("logs", host.container).stderr.count(b"Server listening on 0.0.0.0")


@EITHER
def test_helper_killed(image: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image)
    driver = connect(host)
    pattern = "python3" if image == "debian" else "sh -c printf"
    threading.Timer(0.5, lambda: host.exec(["pkill", "-KILL", "-f", "--", pattern], check=False)).start()
    started = time.monotonic()
    with pytest.raises(HostUnreachableError, match=r"^the connection was lost"):
        driver.sh("sleep 300")
    assert time.monotonic() - started < 100
    with pytest.raises(HostUnreachableError):
        driver.do(Stat("/"))
    assert driver.connect().do(Stat("/")).is_directory


@EITHER
def test_what_ran_ends_with_a_helper_that_is_killed(image: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image)
    driver = connect(host)

    def kill() -> None:
        deadline = time.monotonic() + 30
        while not host.exec(["pgrep", "-x", "sleep"], check=False).stdout and time.monotonic() < deadline:
            time.sleep(0.1)
        # It is watched once it takes a while.
        time.sleep(2)
        host.exec(["pkill", "-KILL", "-o", "-f", "--", "python3" if image == "debian" else "sh -c printf"])

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(HostUnreachableError, match=r"^the connection was lost"):
        driver.sh("sleep 4321 & sleep 4321; touch /tmp/went-on")
    killer.join()
    ended(host, "sleep 4321")
    assert not host.exists("/tmp/went-on")


@EITHER
def test_host_killed_in_the_middle_of_a_command(image: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image)
    driver = connect(host)
    threading.Timer(0.5, host.kill).start()
    started = time.monotonic()
    with pytest.raises(HostUnreachableError, match="the connection was lost"):
        driver.sh("sleep 300")
    assert time.monotonic() - started < 100


@EITHER
def test_black_hole_while_connected(
    image: str, fleet: Fleet, debian_host: SshHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FramedClient, "ping_every", 0.3)
    monkeypatch.setattr(ShellClient, "ping_every", 0.3)
    host = fleet.start(image)

    async def scenario() -> None:
        hole, fine = (SshConnection(endpoint(fleet, one)) for one in (host, debian_host))
        await fine.connect()
        monkeypatch.setattr(FramedClient, "dead_after", 4.0)
        monkeypatch.setattr(ShellClient, "dead_after", 4.0)
        await hole.connect()
        # As long as it lives, nothing is wrong with a command that says nothing.
        (quiet,) = await hole.execute([Request(Run(("sleep", "6")))])
        assert quiet.error is None
        lost = asyncio.create_task(hole.execute([Request(Run(("sleep", "60")))]))
        await asyncio.sleep(0.5)
        host.pause()
        started = time.monotonic()
        slowest = 0.0
        while not lost.done():
            asked = time.monotonic()
            (reply,) = await fine.execute([Request(Stat("/"))])
            assert reply.error is None
            slowest = max(slowest, time.monotonic() - asked)
            await asyncio.sleep(0.05)
        with pytest.raises(HostUnreachableError, match="no answer for 4 s"):
            await lost
        assert time.monotonic() - started < 60
        assert slowest < 3
        await asyncio.gather(hole.close(), fine.close())

    try:
        asyncio.run(scenario())
    finally:
        host.unpause()


def test_black_hole_while_connecting(fleet: Fleet, connect: Connect) -> None:
    host = fleet.start("debian")
    host.pause()
    started = time.monotonic()
    try:
        with pytest.raises(HostUnreachableError, match="in 2 s"):
            connect(host, connect_timeout=2.0)
    finally:
        host.unpause()
    assert time.monotonic() - started < 60


def test_black_hole_in_the_middle_of_a_put(
    fleet: Fleet, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FramedClient, "ping_every", 0.3)
    monkeypatch.setattr(FramedClient, "dead_after", 1.5)
    host = fleet.start("debian")
    driver = connect(host)
    with (tmp_path / "big").open("wb") as file:
        file.truncate(4 << 30)
    threading.Timer(0.4, host.pause).start()
    try:
        with pytest.raises(HostUnreachableError):
            driver.do(Put(tmp_path / "big", "/root/big"))
    finally:
        host.unpause()
    deadline = time.monotonic() + 30
    while host.shell("ls -A /root | grep -c -e big -e jetpack || true").strip() != "0":
        assert time.monotonic() < deadline
        time.sleep(0.2)


@EITHER
def test_max_sessions_one(image: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image)
    reload_sshd(host, b"MaxSessions 1\n")
    driver = connect(host, "ops")
    assert driver.sh("id -un").stdout == "ops\n"
    driver.become = Become("root", "", OPS_PASSWORD)
    assert driver.sh("id -un").stdout == "root\n"


def test_max_startups_is_waited_out(fleet: Fleet) -> None:
    host = fleet.start("debian")
    reload_sshd(host, b"MaxStartups 2:100:2\n")

    async def scenario() -> None:
        connections = [SshConnection(endpoint(fleet, host)) for _ in range(12)]
        await asyncio.gather(*(connection.connect() for connection in connections))
        for connection in connections:
            (reply,) = await connection.execute([Request(Stat("/"))])
            assert reply.error is None
        await asyncio.gather(*(connection.close() for connection in connections))

    asyncio.run(scenario())


@EITHER
def test_banner_of_the_login_shell(image: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image)
    host.shell("printf 'echo Welcome; echo on stderr >&2\\n' >/home/ops/.bashrc")
    assert connect(host, "ops").do(Stat("/")).is_directory


@EITHER
def test_a_login_shell_that_lets_nobody_in(image: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image)
    host.shell("usermod --shell /usr/sbin/nologin ops")
    with pytest.raises(HostUnreachableError, match="This account is currently not available"):
        connect(host, "ops")


@EITHER
@pytest.mark.parametrize("options", ["ro", "noexec"])
def test_tmp_that_cannot_be_used(image: str, options: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image, extra_run_args=["--tmpfs", f"/tmp:{options}"])
    driver = connect(host)
    path = driver.do(TempDirectory())
    if options == "ro" or image == "debian":
        assert not path.startswith("/tmp/")
    driver.do(Write(f"{path}/program", b"#!/bin/sh\necho ran\n", mode=0o700))
    if not path.startswith("/tmp/"):
        assert driver.do(Run((f"{path}/program",))).stdout == "ran\n"


@EITHER
def test_disk_full(image: str, fleet: Fleet, connect: Connect, tmp_path: Path) -> None:
    host = fleet.start(image, extra_run_args=["--tmpfs", "/small:size=256k"])
    driver = connect(host)
    driver.do(Write("/small/file", b"as it was"))
    (tmp_path / "big").write_bytes(b"x" * (20 << 20))
    for operation in (Write("/small/file", b"x" * 900_000), Put(tmp_path / "big", "/small/file")):
        (reply,) = driver.frame(operation)
        assert isinstance(reply.error, OperationError)
        assert reply.error.code is OperationCode.NO_SPACE
    assert driver.do(Read("/small/file")) == b"as it was"
    assert host.shell("ls -A /small") == "file\n"


@EITHER
def test_wrong_sudo_password(image: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image)
    driver = connect(host, "ops", Become("root", "", "wrong"))
    first, second, third = driver.frame(Stat("/"), Write("/tmp/x", b""), Stat("/"))
    assert isinstance(first.error, BecomeError)
    assert "password was not accepted" in str(first.error)
    assert "wrong" not in str(first.error)
    assert isinstance(second.error, BecomeError)
    assert not third.ran
    if image == "debian":
        # Not tried again, which could lock the account; the login user is still served.
        host.exec(["mv", "/usr/bin/sudo", "/usr/bin/sudo.away"])
        assert str(driver.frame(Stat("/"))[0].error) == str(first.error)
        driver.become = None
        assert driver.sh("id -un").stdout == "ops\n"


@EITHER
@pytest.mark.parametrize(
    ("become", "said"),
    [
        (Become("root", ""), "password is required"),
        (Become("nobody-has-this-name", "", OPS_PASSWORD), "unknown user"),
        (Become("root", "/usr/bin/nothing {{ jet_command }}"), "no such file|not found"),
        (Become("root", "sudo {{ nonsense }}"), "unknown placeholder"),
        (Become("root", "su root -c {{ jet_command }}", "wrong"), "was not accepted"),
    ],
)
def test_become_fails_clearly(image: str, become: Become, said: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image)
    driver = connect(host, "ops", become)
    with pytest.raises(BecomeError, match=f"cannot become {become.user}: (?i:.*({said}))"):
        driver.do(Stat("/"))


@EITHER
def test_sudo_that_demands_a_terminal_is_told_with_the_way_out(image: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image)
    host.exec(["sh", "-c", "echo 'Defaults requiretty' >/etc/sudoers.d/tty; chmod 440 /etc/sudoers.d/tty"])
    with pytest.raises(BecomeError, match=r"cannot become root: .*must have a tty") as caught:
        connect(host, "deploy", Become("root", "")).do(Stat("/"))
    assert "`Defaults:LOGIN_USER !requiretty`" in caught.value.hint
    host.exec(["sh", "-c", "echo 'Defaults:deploy !requiretty' >>/etc/sudoers.d/tty"])
    assert connect(host, "deploy", Become("root", "")).sh("id -un").stdout == "root\n"


@EITHER
def test_secrets_are_in_no_process_list(image: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image)
    driver = connect(host, "ops", Become("root", "", OPS_PASSWORD))
    listed = driver.do(Run(("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' ' '"))).stdout
    assert "sudo" in listed
    assert OPS_PASSWORD not in listed


@EITHER
def test_nothing_is_left_after_a_control_machine_that_vanished(image: str, fleet: Fleet, connect: Connect) -> None:
    host = fleet.start(image)
    driver = connect(host, "deploy", Become("root", "sudo -u {{ jet_sudo_user }} {{ jet_command }}"))
    path = driver.do(TempDirectory())
    driver.do(Write(f"{path}/file", b""))

    async def vanish() -> None:
        task = asyncio.create_task(driver.execute(Run(("sleep", "4321"))))
        await asyncio.sleep(0.7)
        connection = driver.connection
        assert isinstance(connection, SshConnection)
        assert connection._session is not None
        await asyncio.to_thread(connection._session.close)
        with pytest.raises(HostUnreachableError):
            await task

    driver.run(vanish())
    ended(host, "sleep 4321")
    ended(host, "-ISc|printf S")
    assert not host.exists(path)


def test_a_helper_ends_after_silence(fleet: Fleet, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    from jetpack_core.connections.remote.helper import serve

    assert serve.SILENCE == 60
    assert FramedClient.ping_every < serve.SILENCE / 3


def test_cancelled_while_connecting(fleet: Fleet) -> None:
    host = fleet.start("debian")
    host.pause()

    async def scenario() -> None:
        task = asyncio.create_task(SshConnection(endpoint(fleet, host, connect_timeout=200.0)).connect())
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    started = time.monotonic()
    try:
        asyncio.run(scenario())
    finally:
        host.unpause()
    assert time.monotonic() - started < 100


def test_round_trips_are_counted(debian_host: SshHost, connect: Connect, tmp_path: Path) -> None:
    driver = connect(debian_host, "deploy")
    connection = driver.connection
    assert isinstance(connection, SshConnection)
    folder = driver.do(TempDirectory())
    (tmp_path / "source").write_bytes(b"x" * 100_000)
    before = connection.round_trips
    reads = [Stat(f"/etc/{number}") for number in range(12)]
    writes = [Write(f"{folder}/{number}", b"x" * 1024) for number in range(12)]
    replies = driver.frame(*reads, *writes, Put(tmp_path / "source", f"{folder}/put"), Run(("true",)))
    assert all(reply.error is None for reply in replies)
    assert connection.round_trips == before + 1
    driver.become = Become("root", "sudo -u {{ jet_sudo_user }} {{ jet_command }}")
    driver.do(Get(f"{folder}/put", tmp_path / "back"))
    assert connection.round_trips == before + 2
    assert connection.channels == 1
    assert connection.bytes_in > 300
    assert connection.bytes_out > 1000


def test_users_mixed_in_one_frame(fleet: Fleet, debian_host: SshHost, connect: Connect) -> None:
    driver = connect(debian_host, "deploy")
    connection = driver.connection
    root = Become("root", "sudo -u {{ jet_sudo_user }} {{ jet_command }}")
    who = Run(("id", "-un"))

    def replies(*pairs: tuple[Become | None, Run | Write]) -> list[Reply]:
        return list(driver.run(connection.execute([Request(operation, become) for become, operation in pairs])))

    found = replies((None, who), (root, who), (root, who), (None, who), (Become("ops", ""), who))
    assert [reply.value.stdout for reply in found if hasattr(reply.value, "stdout")] == [
        "deploy\n",
        "root\n",
        "root\n",
        "deploy\n",
        "ops\n",
    ]
    stopped = replies((root, who), (root, Write("/none/file", b"")), (None, who), (root, who))
    assert [reply.ran for reply in stopped] == [True, True, False, False]
    stopped = replies((None, Write("/none/file", b"")), (root, who))
    assert [reply.ran for reply in stopped] == [True, False]
