# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands, facts, waiting and restarting on real hosts, with and without Python, with busybox's tools only."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.contracts.operations import Step
from jetpack_core.engine.asking import Address, addressed
from jetpack_core.engine.pool import LiveHost
from jetpack_core.engine.stepper import drive
from jetpack_core.errors import TaskError
from jetpack_core.modules.commands.command import Command
from jetpack_core.modules.commands.external import External
from jetpack_core.modules.commands.script import Script
from jetpack_core.modules.commands.shell import Shell
from jetpack_core.modules.control.facts import Facts
from jetpack_core.modules.control.reboot import Reboot
from jetpack_core.modules.control.wait_for import WaitFor
from jetpack_core.modules.control.wait_for_host import WaitForHost
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import Fleet, SshHost
from tests.integration.fleet.engine import docker
from tests.integration.fleet.images import IMAGES

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

T = TypeVar("T")


@pytest.fixture(scope="module")
def hosts(debian_host: SshHost, nopython_host: SshHost, busybox_host: SshHost) -> dict[str, SshHost]:
    return {host.image: host for host in (debian_host, nopython_host, busybox_host)}


def endpoint(fleet: Fleet, host: SshHost, user: str = "root") -> Endpoint:
    return Endpoint(
        host.name,
        address=host.address,
        port=host.port,
        user=user,
        credentials=Credentials(private_key_file=fleet.keys.plain),
        host_keys=host.host_keys,
    )


@contextmanager
def reached(fleet: Fleet, host: SshHost, user: str = "root") -> Iterator[TestHost]:
    with TestHost(
        SshConnection(endpoint(fleet, host, user)), name=host.name, variables={"jet_ssh_hostname": host.address}
    ) as target:
        yield target


@pytest.fixture(params=IMAGES)
def host(request: pytest.FixtureRequest, fleet: Fleet, hosts: dict[str, SshHost]) -> Iterator[TestHost]:
    with reached(fleet, hosts[request.param]) as target:
        yield target


def test_facts_need_neither_python_nor_gnu_tools(host: TestHost) -> None:
    facts = host.converge(Facts())[1].result
    assert len(host.frames) == 1
    assert facts["jet_hostname"] == host.name
    assert (facts["jet_os_type"], facts["jet_os_flavor"]) == ("Linux", "Debian")
    assert (facts["jet_user_name"], facts["jet_user_home"]) == ("root", "/root")
    address = host.variables["jet_ssh_hostname"]
    assert address in facts["jet_ipv4_addresses"]  # type: ignore[operator]
    assert facts["jet_default_ipv4"]["address"] == address  # type: ignore[index]
    assert facts["jet_container"] is True
    assert facts["jet_users"]["deploy"]["home"] == "/home/deploy"  # type: ignore[index]
    for name in ("jet_arch", "jet_kernel", "jet_memory_mb", "jet_cpus", "jet_mounts", "jet_boot_id"):
        assert facts[name], name
    assert (facts["jet_python"] is None) == (host.name != "debian")


def test_facts_of_the_hosts_own_are_read(fleet: Fleet, new_host: Callable[[str], SshHost]) -> None:
    box = new_host("busybox")
    box.write("/etc/jetpack/facts.d/site.json", b'{"rack": 7}')
    box.write("/etc/jetpack/facts.d/load", b"#!/bin/sh\necho 3\n", mode=0o755)
    box.write("/var/run/reboot-required", b"")
    with reached(fleet, box, "deploy") as host:
        facts = host.converge(Facts())[1].result
    assert facts["jet_local"] == {"site": {"rack": 7}, "load": 3}
    assert facts["jet_reboot_required"] is True
    assert facts["jet_user_name"] == "deploy"


def test_words_and_outputs_survive_the_way(host: TestHost) -> None:
    words = ["it's", 'a "b"', "$HOME `x` \\", "line\nend", "é", "-n", ""]
    outcome = host.converge(Command(cmd=["printf", "[%s]", "-", *words], env={"A": "b c"}))[1]
    assert outcome.stdout == "".join(f"[{word}]" for word in ["-", *words])
    ended = host.converge(Shell(cmd='echo "$A"; cat >&2; exit 3', env={"A": "b c"}, stdin="wrong\n"))[1]
    assert (ended.rc, ended.stdout, ended.stderr, ended.failed) == (3, "b c\n", "wrong\n", True)


def test_script_and_external_leave_nothing_behind(fleet: Fleet, hosts: dict[str, SshHost], tmp_path: Path) -> None:
    (tmp_path / "a script").write_text('#!/bin/sh\necho "$1"; exit "$2"\n')
    (tmp_path / "ext").write_text('#!/bin/sh\nread given; echo "{\\"given\\": $given}"\n')
    for machine in hosts.values():
        before = machine.snapshot()
        with reached(fleet, machine, "ops") as host:
            outcome = host.converge(Script(src=tmp_path / "a script", args=["a b", "5"], failed_when="rc != 5"))[1]
            assert (outcome.stdout, outcome.failed) == ("a b\n", False)
            answer = host.converge(External(use=tmp_path / "ext", params={"x": [1]}))[1]
            assert answer.result["given"] == {"x": [1]}
            assert not any("script" in path for path in machine.snapshot().keys() - before.keys())
        assert machine.snapshot().keys() ^ before.keys() == set()


def test_script_runs_where_no_temporary_directory_allows_programs(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("#!/bin/sh\necho ran\n")
    mounts = [part for path in ("/tmp", "/root", "/var/tmp", "/dev/shm") for part in ("--tmpfs", f"{path}:rw,noexec")]
    machine = fleet.start("busybox", extra_run_args=mounts)
    try:
        machine.shell("mkdir -p /root/.ssh; chmod 700 /root /root/.ssh")
        with reached(fleet, machine, "ops") as host:
            assert host.converge(Script(src=tmp_path / "s"))[1].stdout == "ran\n"
    finally:
        fleet.remove(machine)


def test_waiting_for_a_port_sees_it_from_here_and_on_the_host(host: TestHost) -> None:
    for place in ("control", "host"):
        module = WaitFor.model_validate({"port": 22, "from": place, "timeout": 60, "delay": 0.1})
        assert host.converge(module)[1].changed is False
    with pytest.raises(TaskError, match="nothing listens on port 81"):
        host.converge(WaitFor.model_validate({"port": 81, "from": "host", "timeout": 0}))


@pytest.mark.slow
def test_restart_is_noticed_and_waited_for(fleet: Fleet, lasting_host: Callable[..., SshHost]) -> None:
    machine = lasting_host("debian")
    with reached(fleet, machine) as host:

        def restart() -> None:
            while not machine.exists("/var/asked"):
                time.sleep(0.1)
            docker("restart", "--time", "0", machine.container)

        thread = threading.Thread(target=restart)
        thread.start()
        module = Reboot(command=["touch", "/var/asked"], delay=0.5, timeout=120, test_command=["test", "-d", "/etc"])
        _, outcome = host.converge(module)
        thread.join()
        assert "back after" in outcome.msg
        assert host.ask(host.run(["true"])).ok


async def asked(step: Step[T]) -> T:
    return await step


def test_host_that_comes_back_is_reached_anew(fleet: Fleet, lasting_host: Callable[..., SshHost]) -> None:
    machine = lasting_host("nopython")
    view = TestHost(name=machine.name)

    async def wait() -> bool:
        live = LiveHost(machine.name, lambda: SshConnection(endpoint(fleet, machine)), asyncio.Semaphore(1))
        address = Address(live)
        await drive(addressed(asked(view.run(["true"])), address))
        docker("restart", "--time", "0", machine.container)
        module = WaitForHost(timeout=120, delay=0.2)
        await drive(addressed(module.apply(view, await module.plan(view)), address))
        ended = await drive(addressed(asked(view.run(["true"])), address))
        await live.close()
        return ended.ok

    assert asyncio.run(wait())
