# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading ahead saves round trips and changes nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jetpack_core.contracts.operations import Stat
from jetpack_core.engine.questions import Answer
from tests.unit.engine.conftest import Play
from tests.unit.engine.memory import MemoryHost
from tests.unit.engine.site import Site

pytestmark = pytest.mark.slow

World = Callable[[str], MemoryHost]


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


def test_what_is_read_after_another_attempt_is_not_read_before_the_wait(play: Play, world: World) -> None:
    text = """
- name: p
  groups: [web]
  tasks:
    - !do {cmd: [later, /a, new]}
    - !look {path: /missing, and: {retry: 1, delay: 0.2, ignore_errors: true}}
    - !look {path: /a, save: saved}
    - !keep {path: /b, text: "{{ saved.text }}"}
"""
    world("a").files["/a"] = b"old"
    assert play(text).code == 0
    assert world("a").files["/b"] == b"new"


def test_an_item_whose_guard_looked_at_the_host_sees_what_the_items_before_it_made(play: Play, world: World) -> None:
    items = "with: {items: [x, y, z], skip_if_exists: /x}"
    play(f"- {{name: p, groups: [web], tasks: [!keep {{path: '/{{{{ item }}}}', text: made, {items}}}]}}")
    assert world("a").files == {"/x": b"made"}


def test_what_the_operator_does_before_saying_no_is_seen_by_the_task_after(play: Play, world: World) -> None:
    async def ask(_question: str, _choices: Sequence[Answer]) -> Answer:
        world("a").files["/b"] = b"by hand"
        return Answer.NO

    text = """
- name: p
  groups: [web]
  tasks: [!keep {path: /a, text: x, with: {confirm: sure?}}, !keep {path: /b, text: x}]
"""
    world("a").files["/b"] = b"x"
    assert play(text, ask=ask).code == 0
    assert world("a").files == {"/b": b"x"}


def test_what_the_operator_does_before_a_step_is_seen_by_it(play: Play, world: World) -> None:
    async def ask(question: str, _choices: Sequence[Answer]) -> Answer:
        if "second" in question:
            world("a").files["/b"] = b"by hand"
        return Answer.YES

    text = "- {name: p, groups: [web], tasks: [!look {path: /b}, !keep {name: second, path: /b, text: x}]}"
    world("a").files["/b"] = b"x"
    assert play(text, ask=ask, step=True).code == 0
    assert world("a").files == {"/b": b"x"}


def test_files_of_the_control_machine_are_read_after_the_task_that_makes_them(tmp_path: Path) -> None:
    """Though the host that is this machine has another name than `localhost`."""
    site = Site(tmp_path)
    site.write("templates/t.j2", "old")
    site.write("files/f", "old")
    make = "for file in templates/t.j2 files/f; do printf new >$file; done"
    tasks = f"""
- name: p
  groups: [web]
  tasks:
    - !shell {{cmd: {make}, cwd: {tmp_path}}}
    - !template {{src: t.j2, dest: {tmp_path}/rendered}}
    - !copy {{src: f, dest: {tmp_path}/copied}}
"""
    ran = site.apply(tasks)
    assert ran.code == 0, ran.out + ran.err
    assert [(tmp_path / name).read_text() for name in ("rendered", "copied")] == ["new", "new"]


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
