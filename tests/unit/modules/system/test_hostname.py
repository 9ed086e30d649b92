# SPDX-License-Identifier: GPL-3.0-or-later
"""`hostname` on a scripted host."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from jetpack_core.contracts.operations import Run, Stat, Write
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.system.hostname import Hostname
from jetpack_core.records import CommandResult, FileKind, FileStat, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import ModuleConformance
from jetpack_core.testing.scripted import ScriptedConnection


class TestConformance(ModuleConformance):
    module = Hostname


def named(live: str, files: dict[str, str], *, system: str = "Linux", refuses: str = "") -> ScriptedConnection:
    """Return a host with such a name and such files in /etc."""

    def run(asked: Run) -> CommandResult:
        if asked.read_only:
            return CommandResult(asked.argv, 0, f"{system} {live}\n")
        return CommandResult(asked.argv, 1 if refuses else 0, "", refuses)

    def stat(asked: Stat) -> FileStat:
        text = files.get(asked.path)
        return FileStat(asked.path) if text is None else FileStat(asked.path, FileKind.FILE, content=text.encode())

    return ScriptedConnection().on(Run, run).on(Stat, stat).on(Write, FileStat("/etc/hostname"))


def written(script: ScriptedConnection) -> dict[str, str]:
    return {one.path: one.content.decode() for one in script.operations if isinstance(one, Write)}


@pytest.mark.parametrize(
    "name",
    ["", "a b", "-a", "a-", "a..b", ".a", "a.", "a_b", "é", "a;b", "$(id)", "a\nb", "192.0.2.1", "x" * 64, "a." * 33],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Hostname(hostname=name)


@pytest.mark.parametrize(
    ("live", "file", "runs", "writes"),
    [
        ("web1", "web1\n", 0, {}),
        ("web1", "# ours\n\nweb1", 0, {}),
        ("old", "web1\n", 1, {}),
        ("web1", "old\n", 0, {"/etc/hostname": "web1\n"}),
        ("old", None, 1, {"/etc/hostname": "web1\n"}),
    ],
)
def test_the_name_now_and_at_the_next_start_are_both_compared(
    live: str, file: str | None, runs: int, writes: dict[str, str]
) -> None:
    script = named(live, {} if file is None else {"/etc/hostname": file})
    with TestHost(script) as host:
        plan, _ = host.converge(Hostname(hostname="web1"))
        assert len(host.frames) == 1 + bool(runs or writes)
    assert written(script) == writes
    assert len(plan.changes) == runs + len(writes)
    assert len(plan.effects) == len(writes)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "127.0.0.1 localhost\n::1 localhost\n",
            "127.0.0.1 localhost\n127.0.1.1\tweb1.example.org web1\n::1 localhost\n",
        ),
        ("127.0.1.1 old.example.org old # x\n", "127.0.1.1\tweb1.example.org web1\n"),
        ("127.0.1.1 a\n# mine\n127.0.1.1 b\n", "127.0.1.1\tweb1.example.org web1\n# mine\n"),
        ("127.0.1.10 other\n", "127.0.1.1\tweb1.example.org web1\n127.0.1.10 other\n"),
        ("127.0.1.1   web1.example.org\tweb1 alias # x\n", None),
    ],
)
def test_the_hosts_file_knows_the_name(before: str, after: str | None) -> None:
    script = named("web1.example.org", {"/etc/hostname": "web1.example.org\n", "/etc/hosts": before})
    with TestHost(script) as host:
        host.converge(Hostname(hostname="web1.example.org", hosts=True))
    assert written(script) == ({} if after is None else {"/etc/hosts": after})


def test_what_the_kernel_refuses_leaves_the_files_alone() -> None:
    script = named("old", {"/etc/hostname": "old\n"}, refuses="hostname: you must be root to change the host name")
    # Would a file be written, that is what would be told of.
    script.on(Write, OperationError(OperationCode.NO_SPACE, "/etc/hostname"))
    with TestHost(script) as host, pytest.raises(TaskError, match="you must be root"):
        host.converge(Hostname(hostname="web1"))


def test_a_file_that_a_container_engine_holds_is_told_with_what_was_done() -> None:
    script = named("old", {"/etc/hostname": "old\n"})
    script.on(Write, OperationError(OperationCode.OTHER, "/etc/hostname", "Device or resource busy"))
    with TestHost(script) as host, pytest.raises(TaskError, match=r"set until the next start.*resource busy") as caught:
        host.converge(Hostname(hostname="web1"))
    assert "container" in caught.value.hint


def test_other_systems_are_refused() -> None:
    with TestHost(named("old", {}, system="Darwin")) as host, pytest.raises(TaskError, match="runs Darwin"):
        host.plan(Hostname(hostname="web1"))


def test_a_directory_in_the_way() -> None:
    script = named("web1", {}).on(Stat, FileStat("/etc/hostname", FileKind.DIRECTORY))
    with TestHost(script) as host, pytest.raises(TaskError, match="/etc/hostname is not a file"):
        host.plan(Hostname(hostname="web1"))


def test_the_same_name_is_nothing_to_do() -> None:
    with TestHost(named("web1", {"/etc/hostname": "web1\n"})) as host:
        assert host.plan(Hostname(hostname="web1")).kind is PlanKind.NONE
