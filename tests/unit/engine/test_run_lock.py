# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that keeps others off its hosts: in its first frame, at no further round trip, and never in plan mode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.connections.remote.helper import holding
from jetpack_core.contracts.operations import Hold, Operation, Reply, Request
from jetpack_core.engine.run_lock import describe
from jetpack_core.errors import HeldError
from jetpack_core.events import HostUnreachable, Warned
from tests.unit.engine.conftest import Play
from tests.unit.engine.memory import MemoryConnection, MemoryWorld
from tests.unit.engine.site import Site

LINE = "0123456789abcdef0123456789abcdef 17 1700000000 4711 ops@control"
TASKS = """
- name: one
  groups: [web]
  tasks: [!keep {path: /1, text: a}, !keep {path: /2, text: b}, !do {cmd: [x]}]
"""


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let hosts in memory be held; the list says how often `b` is still refused."""
    refusals = [0]
    original = MemoryConnection._perform

    def perform(self: MemoryConnection, operation: Operation[object]) -> object:
        if not isinstance(operation, Hold):
            return original(self, operation)
        if self.endpoint.host == "b" and refusals[0]:
            refusals[0] -= 1
            raise HeldError("/run/lock/jetpack.lock", "deploy", LINE)
        return ""

    original_execute = MemoryConnection.execute

    async def execute(self: MemoryConnection, frame: Sequence[Request]) -> Sequence[Reply]:
        try:
            return await original_execute(self, frame)
        except HeldError as error:
            return [Reply(error=error), *[Reply(ran=False)] * (len(frame) - 1)]

    monkeypatch.setattr(MemoryConnection, "holds", True)
    monkeypatch.setattr(MemoryConnection, "_perform", perform)
    monkeypatch.setattr(MemoryConnection, "execute", execute)
    return refusals


def holds(host: str) -> list[int]:
    """Return the frames that asked to hold a host."""
    return [
        number
        for number, frame in enumerate(MemoryWorld.host(host).frames)
        if any(isinstance(operation, Hold) for operation in frame)
    ]


@pytest.mark.usefixtures("held")
def test_the_first_frame_holds_and_there_are_no_more_frames_than_without(play: Play) -> None:
    assert play(TASKS, lock_timeout=5.0).code == 0
    assert holds("a") == [0]
    assert isinstance(MemoryWorld.host("a").frames[0][0], Hold)
    count = len(MemoryWorld.host("a").frames)
    MemoryWorld.hosts.clear()
    assert play(TASKS).code == 0
    assert len(MemoryWorld.host("a").frames) == count
    assert holds("a") == []


@pytest.mark.usefixtures("held")
def test_plan_mode_holds_nothing(play: Play) -> None:
    assert play(TASKS, lock_timeout=5.0, planning=True).code == 0
    assert holds("a") == []


def test_connections_that_cannot_hold_are_not_asked_to(play: Play) -> None:
    assert play(TASKS, lock_timeout=5.0).code == 0
    assert holds("a") == []


def test_a_held_host_is_waited_for_and_the_frame_sent_again(play: Play, held: list[int]) -> None:
    held[0] = 2
    ran = play(TASKS, hosts=["a", "b"], lock_timeout=30.0)
    assert ran.code == 0
    assert holds("b") == [0, 1, 2]
    assert MemoryWorld.host("b").files == MemoryWorld.host("a").files == {"/1": b"a", "/2": b"b"}


def test_a_host_held_for_too_long_is_out_and_the_others_go_on(play: Play, held: list[int]) -> None:
    held[0] = 1000
    ran = play(TASKS, hosts=["a", "b"], lock_timeout=1.5)
    assert ran.code == 4
    (lost,) = ran.of(HostUnreachable)
    assert lost.host == "b"
    assert "held by a run of ops@control since " in lost.msg
    assert "(run 01234567, process 4711), as deploy on the host" in lost.msg
    assert "--lock-timeout off" in lost.hint
    assert [event.host for event in ran.of(Warned)] == ["b"]
    assert len(holds("b")) == len(MemoryWorld.host("b").frames) < 10
    assert len(MemoryWorld.host("a").ran) == 1


@given(
    st.one_of(st.text(max_size=300), st.from_regex(r"[0-9a-f]{8,12} \d+ \d{1,11} \d{1,10} \S{1,10}", fullmatch=True)),
    st.text(max_size=300),
)
def test_whatever_a_host_says_of_the_holder_is_one_plain_line(line: str, user: str) -> None:
    said = describe(line, user)
    assert said.isprintable()
    assert len(said) < 500


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A project on this machine, with a place for locks of its own."""
    (tmp_path / "locks").mkdir()
    monkeypatch.setattr(holding, "shared_place", lambda: str(tmp_path / "locks").encode())
    yield Site(tmp_path)
    assert list((tmp_path / "locks").iterdir()) == []


HERE = "- {name: p, groups: [all], tasks: [!command {cmd: [ls, locks], cwd: FOLDER}]}"


def test_this_machine_is_held_as_any_host_is(site: Site) -> None:
    text = HERE.replace("FOLDER", str(site.folder))
    ran = site.apply(text, "--lock-timeout", "5")
    assert (ran.code, ran.results()[0]["stdout"]) == (0, "jetpack.lock\n"), ran.out + ran.err
    other = holding.RunLock()
    assert other.take("ffffffff", f"1700000000 {1} ops@elsewhere") == ""
    assert site.apply(text, JET_LOCK_TIMEOUT="0").code == 4
    refused = site.run("local", "-p", "site.yml", "--json", "--lock-timeout", "0")
    assert refused.code == 4
    assert "ops@elsewhere" in refused.out
    site.write(".jetpack.yml", "lock_timeout: 'off'\n")
    assert site.apply(text, "--lock-timeout", "off").code == 0
    other.release()


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "soon", ""])
def test_a_wrong_timeout_is_refused(site: Site, value: str) -> None:
    ran = site.apply(HERE, "--lock-timeout", value)
    assert ran.code == 1
    assert "--lock-timeout" in ran.err
    site.write(".jetpack.yml", f"lock_timeout: {value or []}\n")
    assert "lock_timeout" in site.run("apply", "-p", "site.yml", "-i", "inventory").err
