# SPDX-License-Identifier: GPL-3.0-or-later
"""`timezone` on a scripted host."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from jetpack_core.contracts.operations import Link, Operation, Stat, Write
from jetpack_core.errors import TaskError
from jetpack_core.modules.system.timezone import Timezone
from jetpack_core.records import FileKind, FileStat, PlanKind
from jetpack_core.testing.examples import examples_of, make_module
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.scripted import ScriptedConnection

BERLIN = FileStat("/usr/share/zoneinfo/Europe/Berlin", FileKind.FILE, 0o644)


def scripted(target: str | None, name: bytes | None, kind: FileKind = FileKind.SYMLINK) -> ScriptedConnection:
    known = {BERLIN.path: BERLIN}
    if target is not None:
        known["/etc/localtime"] = FileStat("/etc/localtime", kind, target=target)
    if name is not None:
        known["/etc/timezone"] = FileStat("/etc/timezone", FileKind.FILE, 0o644, content=name)
    script = ScriptedConnection().on(Stat, lambda asked: known.get(asked.path, FileStat(asked.path)))
    return script.on(Link, BERLIN).on(Write, BERLIN)


@pytest.mark.parametrize(
    "zone", ["", "../../etc/passwd", "/Europe/Berlin", "Europe/", "a b", "Europe/Berlin\n", "-x/.."]
)
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError):
        Timezone(zone=zone)


@pytest.mark.parametrize(
    ("target", "name", "changed"),
    [
        ("/usr/share/zoneinfo/Europe/Berlin", b"Europe/Berlin\n", []),
        ("../usr/share/zoneinfo/Europe/Berlin", None, []),
        ("/usr/share/zoneinfo/UTC", None, [Link]),
        ("/somewhere/else", None, [Link]),
        (None, None, [Link]),
        ("/usr/share/zoneinfo/UTC", b"UTC\n", [Link, Write]),
        ("/usr/share/zoneinfo/Europe/Berlin", b"UTC", [Write]),
    ],
)
def test_only_what_differs_is_changed_in_one_round_trip_each(
    target: str | None, name: bytes | None, changed: list[type[Operation[object]]]
) -> None:
    with TestHost(scripted(target, name)) as host:
        plan, _ = host.converge(Timezone(zone="Europe/Berlin"))
        assert [type(operation) for operation in host.changes] == changed
        assert len(host.frames) == (2 if changed else 1)
    assert len(plan.effects) == len(changed)


def test_a_zone_that_the_host_does_not_know_is_named() -> None:
    with TestHost(scripted(None, None)) as host, pytest.raises(TaskError, match="no time zone Europe/Atlantis"):
        host.plan(Timezone(zone="Europe/Atlantis"))


def test_a_copied_zone_is_replaced_by_a_link() -> None:
    with TestHost(scripted("", None, FileKind.FILE)) as host:
        assert host.plan(Timezone(zone="Europe/Berlin")).kind is PlanKind.MODIFY


def test_examples_are_valid() -> None:
    for example in examples_of(Timezone):
        make_module(Timezone, example.parameters)
