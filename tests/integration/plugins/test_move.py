# SPDX-License-Identifier: GPL-3.0-or-later
"""`move` on real hosts: with and without Python, by a user who may not, and onto a disk that is too small."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jetpack_plugin_move.move import Move

from jetpack_core.errors import TaskError
from jetpack_core.records import FileStat, PlanKind
from jetpack_core.testing.examples import make_module
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from plugins.move.tests import test_conformance as suites
from tests.integration.fleet import DEPLOY_USER, Fleet, SshHost
from tests.integration.modules.test_files import OverSsh, machines, reached, reached_host

__all__ = ["machines", "reached_host"]
pytestmark = [pytest.mark.docker, pytest.mark.ssh]
SHARED_MEMORY = "/dev/shm/jetpack-move"
"""On another file system than /tmp, in every container: 64 MiB unless Docker is told otherwise."""


class TestMove(OverSsh, suites.TestMove):
    """The conformance suite."""


@pytest.fixture
def box(reached_host: TestHost) -> Iterator[Sandbox]:
    box = Sandbox(reached_host)
    yield box
    reached_host.ask(reached_host.remove(SHARED_MEMORY, recursive=True))
    box.close()


def test_a_tree_crosses_file_systems(box: Sandbox, reached_host: TestHost) -> None:
    suites.tree("a")(box)
    before = [(one.path[len(box.path("a")) :], one.mode, one.target, one.checksum) for one in walked(box, "a")]
    _, outcome = reached_host.converge(make_module(Move, {"src": box.path("a"), "dest": SHARED_MEMORY}))
    assert outcome.result["cross_device"] is True
    after = reached_host.ask(reached_host.walk(SHARED_MEMORY, checksum=True))
    assert [(one.path[len(SHARED_MEMORY) :], one.mode, one.target, one.checksum) for one in after] == before
    assert not box.stat("a").exists
    assert [one.path for one in reached_host.ask(reached_host.list("/dev/shm"))] == [SHARED_MEMORY]


def walked(box: Sandbox, name: str) -> tuple[FileStat, ...]:
    return box.host.ask(box.host.walk(box.path(name), checksum=True))


def test_a_disk_that_fills_up_leaves_all_as_it_was(box: Sandbox, reached_host: TestHost) -> None:
    size = 200 * 1024 * 1024
    fill = ["dd", "if=/dev/urandom", f"of={box.path('a')}", "bs=1048576", "count=200"]
    made = reached_host.ask(reached_host.run(fill))
    assert made.ok
    reached_host.ask(reached_host.write(SHARED_MEMORY, b"old"))
    with pytest.raises(TaskError, match="No space left on device"):
        reached_host.converge(make_module(Move, {"src": box.path("a"), "dest": SHARED_MEMORY, "force": "true"}))
    assert box.stat("a").size == size
    assert reached_host.ask(reached_host.read(SHARED_MEMORY)) == b"old"
    assert [one.path for one in reached_host.ask(reached_host.list("/dev/shm"))] == [SHARED_MEMORY]


def test_a_user_who_may_not_is_told_to_become_another(fleet: Fleet, machines: dict[str, SshHost]) -> None:
    for machine in machines.values():
        with reached(fleet, machine, DEPLOY_USER) as host:
            with pytest.raises(TaskError, match="permission denied") as caught:
                host.converge(make_module(Move, {"src": "/etc/hostname", "dest": "/etc/hostname.moved"}))
            assert "sudo" in caught.value.hint
            assert host.plan(make_module(Move, {"src": "/x", "dest": "/etc/hostname"})).kind is PlanKind.NONE
