# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading ahead saves round trips and changes nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jetpack_core.contracts.operations import Stat
from tests.unit.engine.conftest import Play, Ran
from tests.unit.engine.memory import MemoryHost, MemoryWorld

pytestmark = pytest.mark.slow

World = Callable[[str], MemoryHost]

PATHS = st.sampled_from(["/a", "/b", "/c"])
OTHERS = "{{ hostvars.h1.saved.out | default('none') }}"
TEXTS = st.sampled_from(["x", "y", "{{ saved.out | default('none') }}", "{{ item | default('no item') }}", OTHERS])


def _with_extras(task: dict[str, object]) -> st.SearchStrategy[dict[str, object]]:
    """Add modifiers to a task, or none."""
    before = st.fixed_dictionaries(
        {},
        optional={
            "items": st.lists(st.sampled_from(["x", "y", "z"]), max_size=3),
            "condition": st.sampled_from(
                ["true", "saved is defined", "item | default('x') == 'x'", "inventory_hostname == 'h1'"]
            ),
            "skip_if_exists": st.sampled_from(["/a", "/c"]),
            "delegate_to": st.sampled_from(["h1", "h2"]),
        },
    )
    after = st.fixed_dictionaries(
        {},
        optional={
            "ignore_errors": st.just(value=True),
            "notify": st.just("h"),
            "retry": st.just(1),
            "delay": st.just(0),
        },
    )
    return st.builds(lambda one, two: {**task, "with": one, "and": two}, before, after)


def _task(kind: str, **fields: object) -> dict[str, object]:
    return {"!": kind, **fields}


KEEP = st.builds(lambda path, text, gone: _task("keep", path=path, text=text, remove=gone), PATHS, TEXTS, st.booleans())
APPEND = st.builds(lambda path, text: _task("append", path=path, line=text), PATHS, TEXTS)
LOOK = st.builds(lambda path: _task("look", path=path, save="saved"), PATHS)
DO = st.builds(
    lambda path, quiet: _task("do", cmd=["append", path, "!"], save="saved", quiet=quiet), PATHS, st.booleans()
)
SLOW = st.builds(lambda path, text: _task("slow", path=path, text=text), PATHS, TEXTS)
FAIL = st.just(_task("do", cmd=["fail"]))
TASKS = st.lists(st.one_of(KEEP, APPEND, SLOW, LOOK, DO, FAIL).flatmap(_with_extras), min_size=1, max_size=7)


def _yaml(task: dict[str, object]) -> str:
    """Write a task as flow YAML, which JSON is a part of."""
    return f"!{task['!']} " + json.dumps({key: value for key, value in task.items() if key != "!" and value != {}})


def _playbook(tasks: list[dict[str, object]], strategy: str) -> str:
    lines = [f"- name: p\n  groups: [web]\n  strategy: {strategy}\n  tasks:"]
    lines += [f"    - {_yaml(task)}" for task in tasks]
    lines += ["  handlers:", '    - !append {path: /handled, line: "yes", with: {subscribe: h}}']
    return "\n".join(lines)


def _outcome(play: Play, text: str, hosts: list[str], start: dict[str, str], **settings: object) -> object:
    MemoryWorld.hosts.clear()
    for name in hosts:
        MemoryWorld.host(name).files.update({path: value.encode() for path, value in start.items()})
    ran: Ran = play(text, hosts, **settings)
    files = {name: MemoryWorld.host(name).files for name in hosts}
    commands = {name: MemoryWorld.host(name).ran for name in hosts}
    results = {
        name: [(one.task, one.status, one.item, one.attempt, one.changes, one.msg) for one in ran.results(name)]
        for name in hosts
    }
    return ran.code, files, commands, results


# The linear strategy settles the order between hosts only where they do not act on each other at once, so the
# random playbooks delegate on single hosts and in pairs that run one after the other (batches of one).
@pytest.mark.parametrize("planning", [False, True])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=TASKS, start=st.dictionaries(PATHS, st.sampled_from(["x", "y", "x\ny\n"])), free=st.booleans())
def test_the_outcome_is_the_same_with_and_without(
    play: Play, tasks: list[dict[str, object]], start: dict[str, str], *, free: bool, planning: bool
) -> None:
    text = _playbook(tasks, "free" if free else "linear")
    hosts = ["h1", "h2"]
    common = {"planning": planning, "batch_size": 1}
    ahead = _outcome(play, text, hosts, start, read_ahead=True, **common)
    assert ahead == _outcome(play, text, hosts, start, read_ahead=False, **common)


@pytest.mark.parametrize("planning", [False, True])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=TASKS, start=st.dictionaries(PATHS, st.sampled_from(["x", "y", "x\ny\n"])))
def test_the_outcome_is_the_same_on_several_hosts_at_once(
    play: Play, tasks: list[dict[str, object]], start: dict[str, str], *, planning: bool
) -> None:
    for task in tasks:
        with_ = task["with"]
        if isinstance(with_, dict):
            with_.pop("delegate_to", None)
    text = _playbook(tasks, "linear")
    hosts = ["h1", "h2", "h3"]
    ahead = _outcome(play, text, hosts, start, read_ahead=True, planning=planning)
    assert ahead == _outcome(play, text, hosts, start, read_ahead=False, planning=planning)


def test_a_plan_that_was_read_before_the_last_operation_of_a_change_does_not_count(play: Play, world: World) -> None:
    text = """
- name: p
  groups: [web]
  tasks: [!slow {path: /a, text: new}, !look {path: /a, save: saved}, !keep {path: /b, text: "{{ saved.text }}"}]
"""
    world("a").files["/a"] = b"old"
    assert play(text).code == 0
    assert world("a").files["/b"] == b"new"


def test_a_variable_that_another_host_saves_is_seen_by_the_task_after(play: Play, world: World) -> None:
    """Though `h2` has nothing to do meanwhile, and read ahead what follows."""
    text = """
- name: p
  groups: [web]
  tasks:
    - !keep {path: /a, text: x}
    - !look {path: /a, save: saved, with: {condition: inventory_hostname == 'h1'}}
    - !keep {path: /b, text: "{{ hostvars.h1.saved.text | default('none') }}"}
"""
    for name in ("h1", "h2"):
        world(name).files["/a"] = b"x"
    assert play(text, ("h1", "h2")).code == 0
    assert world("h2").files["/b"] == b"x"


@pytest.mark.parametrize(
    "tasks", ["!do {cmd: [later, /a, new]}, !pause {seconds: 0.2}", "!settle {cmd: [later, /a, new]}"]
)
def test_what_is_read_after_a_pause_is_not_read_before_it(play: Play, world: World, tasks: str) -> None:
    text = f"""
- name: p
  groups: [web]
  tasks: [{tasks}, !look {{path: /a, save: saved}}, !keep {{path: /b, text: "{{{{ saved.text }}}}"}}]
"""
    world("a").files["/a"] = b"old"
    assert play(text).code == 0
    assert world("a").files["/b"] == b"new"


def test_what_follows_waiting_for_others_is_not_read_before_they_came(play: Play, world: World) -> None:
    text = """
- name: p
  groups: [web]
  strategy: free
  tasks:
    - !look {path: /a, save: saved, with: {condition: inventory_hostname == 'h2'}}
    - !wait_for_others {}
    - !keep {path: /b, text: "{{ hostvars.h2.saved.text | default('none') }}"}
"""
    world("h2").files["/a"] = b"new"
    world("h2").slowness = 50
    assert play(text, ("h1", "h2")).code == 0
    assert world("h1").files["/b"] == b"new"


class Mirrored(dict[str, bytes]):
    """Files of a host that sends them to another one."""

    def __init__(self, other: MemoryHost) -> None:
        super().__init__()
        self.other = other

    def __setitem__(self, path: str, content: bytes) -> None:
        super().__setitem__(path, content)
        self.other.files[path] = content


@pytest.mark.parametrize(("first", "second"), [("h1", "h2"), ("h2", "h1")])
def test_what_one_host_does_to_another_is_seen_there_by_the_task_after(
    play: Play, world: World, first: str, second: str
) -> None:
    text = f"""
- name: p
  groups: [web]
  tasks:
    - !do {{cmd: [append, /a, new], with: {{delegate_to: {first}}}}}
    - !look {{path: /a, save: saved, with: {{delegate_to: {second}}}}}
    - !keep {{path: /b, text: "{{{{ saved.text }}}}"}}
"""
    world(first).files = Mirrored(world(second))
    world(first).slowness = 20
    world(second).files["/a"] = b"old"
    play(text, ("h1", "h2"), limit_hosts=["h1"])
    assert world("h1").files["/b"] == b"new"


class TestRoundTrips:
    """The budget, counted in frames."""

    def frames(self, play: Play, world: World, text: str, hosts: tuple[str, ...] = ("a",)) -> int:
        """Run, and return how many frames the first host got."""
        before = len(world(hosts[0]).frames)
        play(text, hosts)
        return len(world(hosts[0]).frames) - before

    def test_a_converged_playbook_costs_one(self, play: Play, world: World) -> None:
        tasks = "".join(f"    - !keep {{path: /{number}, text: x}}\n" for number in range(40))
        text = f"- name: p\n  groups: [web]\n  tasks:\n{tasks}"
        play(text)
        assert self.frames(play, world, text) == 1

    def test_a_changed_task_costs_one_behind_another_change(self, play: Play, world: World) -> None:
        tasks = "".join(f"    - !keep {{path: /{number}, text: x}}\n" for number in range(10))
        text = f"- name: p\n  groups: [web]\n  tasks:\n{tasks}"
        assert self.frames(play, world, text) == 11

    def test_a_changed_task_costs_two_among_several_hosts(self, play: Play, world: World) -> None:
        tasks = "".join(f"    - !keep {{path: /{number}, text: x}}\n" for number in range(10))
        text = f"- name: p\n  groups: [web]\n  tasks:\n{tasks}"
        assert self.frames(play, world, text, ("a", "b")) == 20

    def test_a_change_of_another_host_in_the_same_task_voids_nothing(self, play: Play, world: World) -> None:
        tasks = "".join(f"    - !keep {{path: /{number}, text: x}}\n" for number in range(10))
        text = f"- name: p\n  groups: [web]\n  tasks:\n{tasks}"
        hosts = ("a", "b", "c")
        world("b").slowness, world("c").slowness = 5, 9
        play(text, hosts)
        assert {name: len(world(name).frames) for name in hosts} == dict.fromkeys(hosts, 20)

    def test_one_change_among_many_tasks_costs_three(self, play: Play, world: World) -> None:
        tasks = "".join(f"    - !keep {{path: /{number}, text: x}}\n" for number in range(20))
        text = f"- name: p\n  groups: [web]\n  tasks:\n{tasks}"
        hosts = ("a", "b")
        play(text, hosts)
        for name in hosts:
            world(name).files["/15"] = b"y"
        assert self.frames(play, world, text, hosts) == 3

    @pytest.mark.parametrize(("hosts", "most"), [(("a",), 45), (("a", "b"), 35)])
    def test_where_everything_changes_almost_nothing_is_asked_in_vain(
        self, play: Play, world: World, hosts: tuple[str, ...], most: int
    ) -> None:
        tasks = "".join(f"    - !keep {{path: /{number}, text: x}}\n" for number in range(20))
        play(f"- name: p\n  groups: [web]\n  tasks:\n{tasks}", hosts)
        for name in hosts:
            assert sum(isinstance(one, Stat) for frame in world(name).frames for one in frame) - 20 <= most

    def test_what_follows_many_changes_is_read_ahead_again(self, play: Play, world: World) -> None:
        tasks = "".join(f"    - !keep {{path: /{number}, text: x}}\n" for number in range(60))
        text = f"- name: p\n  groups: [web]\n  tasks:\n{tasks}"
        hosts = ("a", "b")
        for name in hosts:
            world(name).files.update({f"/{number}": b"x" for number in range(20, 60)})
        assert self.frames(play, world, text, hosts) <= 40 + 4

    def test_commands_cost_one_each_and_the_rest_rides_behind_the_last(self, play: Play, world: World) -> None:
        commands = "    - !do {cmd: [x], quiet: true}\n" * 5
        tasks = "".join(f"    - !keep {{path: /{number}, text: x}}\n" for number in range(19))
        text = f"- name: p\n  groups: [web]\n  tasks:\n{commands}{tasks}"
        play(text)
        assert self.frames(play, world, text) <= 6
        play(text, ("a", "b"))
        assert self.frames(play, world, text, ("a", "b")) <= 7

    def test_a_converged_loop_costs_one(self, play: Play, world: World) -> None:
        text = '- {name: p, groups: [web], tasks: [!keep {path: "/{{ item }}", text: x, with: {items: [1,2,3,4,5]}}]}'
        play(text)
        assert self.frames(play, world, text) == 1

    def test_a_changed_loop_costs_two(self, play: Play, world: World) -> None:
        text = '- {name: p, groups: [web], tasks: [!keep {path: "/{{ item }}", text: x, with: {items: [1,2,3,4,5]}}]}'
        assert self.frames(play, world, text) == 2
        assert sorted(world("a").files) == ["/1", "/2", "/3", "/4", "/5"]

    def test_a_loop_that_changes_in_part_costs_three(self, play: Play, world: World) -> None:
        world("a").files |= {"/1": b"x", "/4": b"x"}
        text = '- {name: p, groups: [web], tasks: [!keep {path: "/{{ item }}", text: x, with: {items: [1,2,3,4,5]}}]}'
        assert self.frames(play, world, text) <= 3
