# SPDX-License-Identifier: GPL-3.0-or-later
"""`unpack` on real hosts as root: with and without Python, with busybox's tools only."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from jetpack_plugin_unpack.unpack import Unpack

from jetpack_core.contracts.operations import Get, Put
from jetpack_core.errors import OperationError, TaskError
from jetpack_core.records import PlanKind
from jetpack_core.testing.examples import make_module
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case
from jetpack_core.testing.sandbox import Sandbox
from plugins.unpack.tests import making
from plugins.unpack.tests import test_conformance as suites
from tests.integration.fleet import DEPLOY_USER, Fleet, SshHost
from tests.integration.modules.test_files import OverSsh, machines, reached, reached_host

__all__ = ["machines", "reached_host"]
pytestmark = [pytest.mark.docker, pytest.mark.ssh]


@pytest.fixture(scope="module", autouse=True)
def _tidy(reached_host: TestHost) -> Iterator[None]:
    """Leave no notes on the hosts, which others use as well."""
    yield
    reached_host.ask(reached_host.remove("/var/lib/jetpack", recursive=True))


class TestUnpack(OverSsh, suites.TestWithPython):
    """The conformance suite; hosts without Python need more round trips."""

    cases: ClassVar[Sequence[Case]] = tuple(replace(case, round_trips=20) for case in suites.CASES)

    def test_round_trips(self, case: Case, box: Sandbox, folder: Path) -> None:
        module = self.made(case, box, folder)
        box.host.converge(module)
        box.host.frames.clear()
        box.host.plan(module)
        assert len(box.host.frames) <= 3


@pytest.fixture
def box(reached_host: TestHost) -> Iterator[Sandbox]:
    box = Sandbox(reached_host)
    yield box
    box.close()


def unpack(box: Sandbox, **more: object) -> Unpack:
    module = make_module(Unpack, {"src": box.path("a.tgz"), "dest": box.path("d"), **more})
    assert isinstance(module, Unpack)
    return module


def test_owner_and_group_are_given_to_what_was_unpacked_and_to_nothing_else(box: Sandbox) -> None:
    box.write("a.tgz", gzip.compress(making.APP))
    box.make_directory("d")
    box.write("d/mine", "mine")
    task = unpack(box, owner=DEPLOY_USER, group=DEPLOY_USER)
    box.host.converge(task)
    owners = {path[len(box.path("d")) :]: now.owner for path, now in box.snapshot().items() if "/d" in path}
    assert owners.pop("/mine") == "root"
    assert {name for name, owner in owners.items() if owner != DEPLOY_USER} == {""}
    assert box.host.plan(task).kind is PlanKind.NONE
    box.host.ask(box.host.set_attributes(box.path("d/app-1.0/latest"), owner="root"))
    assert [change.field for change in box.host.plan(task).changes] == ["app-1.0/latest owner"]
    box.host.converge(task)
    assert box.host.plan(task).kind is PlanKind.NONE


def test_an_unknown_owner_is_found_before_anything_is_written(box: Sandbox) -> None:
    box.write("a.tgz", gzip.compress(making.APP))
    with pytest.raises((TaskError, OperationError), match="nobody-such"):
        box.host.converge(unpack(box, owner="nobody-such"))
    assert not box.stat("d/app-1.0/bin/run").exists


def test_the_second_run_transfers_nothing(box: Sandbox) -> None:
    box.write("a.tgz", gzip.compress(making.tar(making.file("big", bytes(3_000_000)))))
    task = unpack(box)
    box.host.converge(task)
    box.host.frames.clear()
    assert box.host.plan(task).kind is PlanKind.NONE
    assert not any(isinstance(operation, Get | Put) for operation in box.host.operations)
    assert box.stat("d/big").size == 3_000_000


def test_a_user_keeps_notes_in_the_home_directory(fleet: Fleet, machines: dict[str, SshHost]) -> None:
    for machine in machines.values():
        with reached(fleet, machine, DEPLOY_USER) as host:
            box = Sandbox(host)
            box.write("a.tgz", gzip.compress(making.APP))
            task = unpack(box)
            _, outcome = host.converge(task)
            assert outcome.warnings == ()
            box.remove("a.tgz")
            assert host.plan(task).kind is PlanKind.NONE
            home = host.ask(host.query(["sh", "-c", "echo ~"])).stdout.strip()
            assert host.ask(host.stat(f"{home}/.local/state/jetpack/unpack")).mode == 0o700
            host.ask(host.remove(f"{home}/.local/state", recursive=True))
            box.close()
