# SPDX-License-Identifier: GPL-3.0-or-later
"""`sysctl` on a scripted kernel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jetpack_core.contracts.operations import Operation, Remove, Run, Stat, Write
from jetpack_core.errors import TaskError
from jetpack_core.modules.system.sysctl import Sysctl, key_path, parse_setting
from jetpack_core.records import CommandResult, FileKind, FileStat, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import ModuleConformance
from jetpack_core.testing.scripted import ScriptedConnection

FILE = "/etc/sysctl.d/99-zz-jetpack.conf"
RANGE = {"key": "net.ipv4.ip_local_port_range", "value": "1000 2000"}


class TestConformance(ModuleConformance):
    module = Sysctl


def kernel(live: str | None, file: str | None = None, *, becomes: str = "", refuses: str = "") -> ScriptedConnection:
    """Return a host whose kernel has such a value, or does not know it, and that has such a file."""
    values = [live or "", becomes or live or ""]

    def run(asked: Run) -> CommandResult:
        if not asked.read_only:
            return CommandResult(asked.argv, 1 if refuses else 0, "", refuses)
        if live is None:
            return CommandResult(asked.argv, 1, "", "cat: no")
        return CommandResult(asked.argv, 0, values.pop(0) if len(values) > 1 else values[0])

    def stat(asked: Stat) -> FileStat:
        if asked.path == FILE:
            content = None if file is None else file.encode()
            return FileStat(FILE) if file is None else FileStat(FILE, FileKind.FILE, 0o644, content=content)
        if asked.path == "/proc/sys":
            return FileStat(asked.path, FileKind.DIRECTORY)
        return FileStat(asked.path, FileKind.MISSING if live is None else FileKind.FILE)

    script = ScriptedConnection().on(Run, run).on(Stat, stat)
    return script.on(Write, FileStat(FILE)).on(Remove, None)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("vm.swappiness", "vm/swappiness"),
        ("vm/swappiness", "vm/swappiness"),
        ("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"),
        ("net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding"),
    ],
)
def test_both_ways_to_write_a_key(key: str, path: str) -> None:
    assert key_path(key) == path


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "a..b",
        "../../etc/passwd",
        "net/../../../etc/passwd",
        "a b",
        "a=b",
        "#a",
        "-a.b",
        "a.*",
        "a/",
        "/a/b",
        "a;b",
        "a\n.b",
    ],
)
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        Sysctl(key=key, value="1")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"value": "1", "remove": "true"},
        {"value": ""},
        {"value": " "},
        {"value": "1\n2"},
        {"value": "1", "file": "../x"},
        {"value": "1", "file": ""},
    ],
)
def test_what_cannot_be_meant_is_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Sysctl.model_validate({"key": "vm.swappiness", **parameters})


@given(st.text(max_size=40))
def test_no_line_is_misread(text: str) -> None:
    parsed = parse_setting(text)
    if parsed is not None:
        assert parsed[0]
        assert not text.strip().startswith(("#", ";"))


@pytest.mark.parametrize(
    ("live", "file", "acts"),
    [
        ("1000\t2000\n", "net.ipv4.ip_local_port_range=1000   2000\n", []),
        ("1000\t2000\n", "net/ipv4/ip_local_port_range = 1000 2000", []),
        ("1000\t2000\n", None, [Write]),
        ("1000\t2000\n", "# net.ipv4.ip_local_port_range=1000 2000\n", [Write]),
        ("1000 2000 3000\n", "-net.ipv4.ip_local_port_range=1000 2000\n", [Run]),
        ("32768\t60999\n", "net.ipv4.ip_local_port_range=1 2\n", [Run, Write]),
    ],
)
def test_the_kernel_and_the_file_are_compared_by_fields(
    live: str, file: str | None, acts: list[type[Operation[object]]]
) -> None:
    with TestHost(kernel(live, file, becomes="1000\t2000\n")) as host:
        plan, _ = host.converge(Sysctl.model_validate(RANGE))
        assert [type(one) for one in host.changes] == acts
        assert len(host.frames) == 1 + len(acts)
    assert plan.needed == bool(acts)


def test_other_lines_stay_and_doubles_go() -> None:
    script = kernel("1\n", "# why\nvm.a = 0\nvm.b=2\nvm/a=3\n")
    with TestHost(script) as host:
        plan, _ = host.converge(Sysctl(key="vm.a", value="1"))
    written = script.operations[-1]
    assert isinstance(written, Write)
    assert written.content == b"# why\nvm.a = 1\nvm.b=2\n"
    assert [(one.field, one.before, one.after) for one in plan.changes] == [(FILE, "3", "1")]


def test_what_the_kernel_refuses_is_not_written_to_the_file() -> None:
    script = kernel("0\n", refuses="dd: error writing /proc/sys/vm/a: Invalid argument\n")
    with TestHost(script) as host, pytest.raises(TaskError, match="Invalid argument"):
        host.converge(Sysctl(key="vm.a", value="banana"))
    assert not any(isinstance(one, Write) for one in script.operations)


def test_what_the_kernel_makes_of_a_value_is_told() -> None:
    with TestHost(kernel("0\n", becomes="16\n")) as host, pytest.raises(TaskError, match="made '16' of it"):
        host.converge(Sysctl(key="vm.a", value="0x10"))


def test_an_unknown_parameter_is_an_error_unless_it_may_be() -> None:
    with TestHost(kernel(None)) as host:
        with pytest.raises(TaskError, match=r"does not tell vm\.a") as caught:
            host.plan(Sysctl(key="vm.a", value="1"))
        assert "ignore_unknown" in caught.value.hint
        host.converge(Sysctl(key="vm.a", value="1", ignore_unknown=True))
        assert [type(one) for one in host.changes] == [Write]


def test_the_kernel_is_left_alone_where_that_is_wanted() -> None:
    with TestHost(kernel("0\n")) as host:
        host.converge(Sysctl(key="vm.a", value="1", live=False))
        assert [type(one) for one in host.changes] == [Write]


@pytest.mark.parametrize(
    ("file", "kind", "act"),
    [
        (None, PlanKind.NONE, None),
        ("vm.b=1\n", PlanKind.NONE, None),
        ("vm.a=1\n", PlanKind.REMOVE, Remove),
        ("# mine\nvm.a=1\n", PlanKind.REMOVE, Write),
    ],
)
def test_a_parameter_is_taken_out_of_the_file(file: str | None, kind: PlanKind, act: object) -> None:
    with TestHost(kernel("1\n", file)) as host:
        plan, _ = host.converge(Sysctl(key="vm.a", remove=True))
        assert plan.kind is kind
        assert [type(one) for one in host.changes] == ([act] if act else [])


def test_a_host_without_the_kernel_of_linux() -> None:
    script = kernel(None).on(Stat("/proc/sys"), FileStat("/proc/sys"))
    with TestHost(script) as host, pytest.raises(TaskError, match="only the parameters of Linux"):
        host.plan(Sysctl(key="vm.a", value="1"))
