# SPDX-License-Identifier: GPL-3.0-or-later
"""Random playbooks of which the rules of the strategies alone settle what comes of them.

Tasks are drawn in *epochs*: within one, hosts go in no order. In the linear strategy an epoch is one task, in the free
one all tasks between two barriers. Two kinds are determined whatever the order:

- `solo`: one host acts, and may do anything anywhere.
- `all`: every host acts. What they write (files, variables) bears their own name and belongs to the epoch's half of
  all such names. They read what is their own, what nobody writes in such epochs, and the other half of other hosts.

Whoever runs the playbook may thus compare its results exactly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Task = dict[str, object]
ME = "{{ inventory_hostname }}"
HALVES = ("a", "b")
SHARED = ("/shared", "/hand")
"""What is written by single hosts or by the operator only, between tasks."""
TAGS = ("t1", "t2")
KINDS = (
    *("keep", "look", "append", "command", "line", "copy", "set", "learn", "slow", "pause", "source", "late"),
    *("reading", "fetch", "signal", "look", "late", "meet", "there", "there"),
)
EXTRAS = ("items", "condition", "skip_if_exists", "delegate_to", "sudo", "tags", "confirm", "notify", "retry")
ITEMS = ("x", "y", "z")
CONTENTS = ("x", None, "none", "x\nnone\n", "no item")


@dataclass(frozen=True)
class Scene:
    """A playbook, and the world it is run in."""

    names: tuple[str, ...]
    machines: tuple[int, ...]
    """Which machine each name leads to."""
    down: frozenset[int]
    paces: tuple[tuple[int, ...], ...]
    files: dict[str, str]
    text: str
    settings: dict[str, object]
    answers: tuple[bool, ...]
    delegates: bool
    """Whether hosts may act on each other."""
    resume: bool

    def __repr__(self) -> str:
        shown = {key: value for key, value in self.__dict__.items() if key != "text"}
        return f"{shown}\n{self.text}"


@dataclass
class Epoch:
    """What tasks that are in no order between hosts may touch."""

    solo: str = ""
    """The host that acts alone; empty for all."""
    half: int = 0

    @property
    def condition(self) -> str:
        """Return the expression that lets only the right hosts act."""
        return f"inventory_hostname == '{self.solo}'" if self.solo else ""


@dataclass
class Author:
    """Draws the tasks of one scene."""

    draw: Callable[..., Any]
    names: tuple[str, ...]
    planning: bool
    free: bool = False
    number: int = 0
    kinds: Sequence[str] = ()
    """Of which tasks the scene is made: few, so that they meet often."""
    extras: Sequence[str] = ()
    """Which modifiers are used often."""

    # Drawing.

    def one(self, *choices: object) -> Any:
        return self.draw(st.sampled_from(choices))

    def text_of(self, *choices: str) -> str:
        return str(self.one(*choices))

    def number_to(self, most: int) -> int:
        return int(self.draw(st.integers(0, most)))

    def often(self, parts: int) -> bool:
        """Be true once in so many times; false is the simpler choice."""
        return self.number_to(parts - 1) == parts - 1

    # What an epoch may touch.

    @property
    def isolated(self) -> bool:
        """Plan mode does not wait at barriers, so hosts that go freely there may not look at each other."""
        return self.planning and self.free

    def path(self, epoch: Epoch, letters: str, name: str = ME) -> str:
        item = "{{ item | default('') }}" if self.often(4) else ""
        return f"/{self.text_of(*letters)}{item}.{name}"

    def writable(self, epoch: Epoch) -> str:
        if epoch.solo and not self.often(3):
            return SHARED[0] if self.often(3) else self.path(epoch, "ab", self.text_of(*self.names))
        return self.path(epoch, "ab" if epoch.solo else HALVES[epoch.half])

    def readable(self, epoch: Epoch) -> str:
        kind = self.number_to(4)
        if kind == 0:
            return self.path(epoch, "ab")
        if kind == 1:
            return self.text_of(*SHARED)
        if kind <= 3 and not epoch.solo:
            return self.path(epoch, HALVES[1 - epoch.half], self.text_of(*self.names))
        return self.writable(epoch) if epoch.solo else f"/{self.text_of(*'ab')}{self.text_of(*ITEMS)}.{ME}"

    def text(self, epoch: Epoch) -> str:
        """Return a text, mostly a template that depends on what happened before."""
        own = self.text_of("0", "1")
        other = own if epoch.solo else str(1 - epoch.half)
        name = self.text_of(*self.names)
        choices = [
            self.text_of("x", "none"),
            "{{ item | default('no item') }}",
            f"{{{{ v{own} | default('none') }}}}",
            f"{{{{ f{own} | default('none') }}}}",
            f"{{{{ s{own}.out | default(s{own}.text | default('none')) }}}}",
        ]
        if not self.isolated:
            choices += [f"{{{{ hostvars.{name}.{what}{other} | default('none') }}}}" for what in ("v", "f")]
            choices += [f"{{{{ hostvars.{name}.s{other}.{what} | default('none') }}}}" for what in ("out", "text")]
        return self.text_of(*choices)

    def saved(self, epoch: Epoch, letter: str) -> str:
        return f"{letter}{self.text_of('0', '1') if epoch.solo else epoch.half}"

    # Tasks.

    def task(self, epoch: Epoch) -> list[Task]:
        """Draw a task, or a few that belong together."""
        made = getattr(
            self, "_" + self.text_of(*([kind for kind in self.kinds if self._fits(kind, epoch)] or ["look"]))
        )
        tasks: list[Task] = made(epoch)
        return tasks if len(tasks) > 1 else [self._modified(tasks[0], epoch)]

    def _fits(self, kind: str, epoch: Epoch) -> bool:
        if kind == "fetch":
            return epoch.solo != ""
        if kind == "meet":
            return not (self.free or epoch.solo or self.planning)
        if kind == "there":
            return not self.isolated and (epoch.solo != "" or not self.planning)
        if kind == "signal":
            return self.free and not epoch.solo and not self.planning and len(self.names) > 1
        return True

    def _new(self, kind: str, **fields: object) -> Task:
        self.number += 1
        return {"!": kind, "name": f"t{self.number}", **fields}

    def _keep(self, epoch: Epoch) -> list[Task]:
        gone = self.often(4)
        return [self._new("keep", path=self.writable(epoch), text=self.text(epoch), remove=gone)]

    def _append(self, epoch: Epoch) -> list[Task]:
        return [self._new("append", path=self.writable(epoch), line=self.text(epoch))]

    def _line(self, epoch: Epoch) -> list[Task]:
        create = not self.often(4)
        path = self.writable(epoch)
        if self.often(2):
            return [self._new("block", path=path, block=self.text(epoch), create=create)]
        return [self._new("line", path=path, line=self.text(epoch), create=create)]

    def _copy(self, epoch: Epoch) -> list[Task]:
        return [self._new("copy", dest=self.writable(epoch), content=self.text(epoch))]

    def _source(self, epoch: Epoch) -> list[Task]:
        kind, src = ("template", "t.j2") if self.often(2) else ("copy", "f.txt")
        return [self._new(kind, src=src, dest=self.writable(epoch))]

    def _fetch(self, epoch: Epoch) -> list[Task]:
        dest = self.text_of("FOLDER/files/f.txt", "FOLDER/templates/t.j2")
        return [self._new("fetch", src=self.readable(epoch), dest=dest, flat=True)]

    def _look(self, epoch: Epoch) -> list[Task]:
        save = {"save": self.saved(epoch, "s")} if self.often(2) else {}
        return [self._new("look", path=self.readable(epoch), **save)]

    def _reading(self, epoch: Epoch) -> list[Task]:
        fields = {"cmd": ["cat", self.readable(epoch)], "quiet": True, "read_only": True}
        return [self._new("do", **fields, save=self.saved(epoch, "s"))]

    def _command(self, epoch: Epoch) -> list[Task]:
        path = self.writable(epoch)
        cmd = [("append", path, "!"), ("sign", path), ("flaky", path), ("unless", "/broken"), ("fail",)]
        chosen = cmd[self.number_to(2)] if not self.often(3) else cmd[2 + self.number_to(2)]
        save = {"save": self.saved(epoch, "s")} if self.often(2) else {}
        return [self._new("do", cmd=list(chosen), quiet=self.often(3), **save)]

    def _set(self, epoch: Epoch) -> list[Task]:
        return [self._new("set", vars={self.saved(epoch, "v"): self.text(epoch)})]

    def _learn(self, epoch: Epoch) -> list[Task]:
        return [self._new("learn", path=self.readable(epoch), fact=self.saved(epoch, "f"))]

    def _slow(self, epoch: Epoch) -> list[Task]:
        return [self._new("slow", path=self.writable(epoch), text=self.text(epoch))]

    def _pause(self, _: Epoch) -> list[Task]:
        return [self._new("pause", seconds=self.one(1, 2))]

    def _meet(self, _: Epoch) -> list[Task]:
        return [self._new("meet")]

    def _late(self, epoch: Epoch) -> list[Task]:
        """Draw a command whose effect comes later, and perhaps a wait for it."""
        if "signal" in self.kinds:
            # Time passes by odd amounts where hosts wait for each other's files, so nothing may come late there.
            return self._pause(epoch)
        path = self.writable(epoch)
        late = self._new("do", cmd=["later", self.text_of("0.5", "1.5"), path, self.text(epoch)])
        kind = self.number_to(3)
        if kind == 0:
            return [late]
        find = self._new("look", path=path, save=self.saved(epoch, "s"))
        if kind == 1:
            parts = [self._new("settle", cmd=["later", "0.07", path, self.text(epoch)]), find]
        elif kind == 2:
            parts = [late, self._new("wait_for", path=path, timeout=3, delay=1), find]
        else:
            parts = [late, *self._pause(epoch), find]
        return [self._modified(one, epoch, looped=False) for one in parts]

    def _there(self, epoch: Epoch) -> list[Task]:
        """Draw a change that one name of a machine is asked for, and what is found under another."""
        path, place = self.writable(epoch), {"delegate_to": self.text_of(*self.names)}
        parts = [self._new("append", path=path, line=self.text(epoch)), self._new("look", path=path, save="s0")]
        parts[1]["save"] = self.saved(epoch, "s")
        made, found = (self._modified(one, epoch) for one in parts)
        with_ = made["with"]
        return [{**made, "with": {**with_, **place} if isinstance(with_, dict) else place}, found]

    def _signal(self, epoch: Epoch) -> list[Task]:
        """Draw a file that one host makes while the others wait for it."""
        name = self.text_of(*self.names)
        path = f"/signal{self.number}"
        one, rest = f"inventory_hostname == '{name}'", f"inventory_hostname != '{name}'"
        make = self._new("keep", path=path, text=self.text(epoch), **{"with": {"condition": one}})
        there: Task = {"condition": rest, "delegate_to": name}
        wait = self._new("wait_for", path=path, timeout=20, delay=0.73, **{"with": there})
        look = self._new("look", path=path, save=self.saved(epoch, "s"), **{"with": there})
        before, between = self._look(epoch), self._pause(epoch) if self.often(2) else self._keep(epoch)
        return [*before, make, *between, wait, look]

    # What one host does and others find.

    def story(self) -> list[Task]:
        """Draw an epoch in which nothing happens, one in which a host does something, and one in which it is found."""
        one = Epoch(self.text_of(*self.names, *(() if self.free else ("once",))), self.number_to(1))
        found_by_all = Epoch(half=1 - one.half)
        place: Task = {} if self.isolated or self.often(2) else {"delegate_to": self.text_of(*self.names)}
        finder = Epoch(self.text_of(*self.names)) if self.planning or self.often(3) else found_by_all
        told = {} if finder.solo and self.often(2) else place
        effect, find = self.draw(st.sampled_from([self._file_story, self._variable_story, self._control_story]))(
            one, finder
        )
        quiet = self.one(*[self._look] * 2, self._keep, self._pause)(Epoch(half=self.number_to(1)))
        parts = [
            [self._dressed(task, Epoch(), {}) for task in quiet],
            [self._dressed(task, one, place) for task in effect],
            [self._dressed(task, finder, told) for task in find],
        ]
        return [task for part in parts for task in [*part, *([self._new("wait_for_others")] if self.free else [])]]

    def _dressed(self, task: Task, epoch: Epoch, place: Task) -> Task:
        with_: Task = {} if task["!"] in {"set", "pause"} else dict(place)
        if epoch.solo == "once":
            with_["run_once"] = True
        elif epoch.solo:
            with_["condition"] = epoch.condition
        return {**task, "with": with_, "and": {"ignore_errors": True, **({"notify": "n1"} if self.often(4) else {})}}

    def _file_story(self, one: Epoch, finder: Epoch) -> tuple[list[Task], list[Task]]:
        path, text = SHARED[0], self.text_of("one", "two")
        number = self.number_to(4)
        if number == 0 and "signal" not in self.kinds:
            effect = [self._new("do", cmd=["later", "0.5", path, text]), self._pause(one)[0]]
        elif number == 1:
            effect = [self._new("do", cmd=["append", path, "!"])]
        elif number == 2:
            effect = [self._new("slow", path=path, text=text)]
        else:
            effect = [self._new("keep", path=path, text=text, remove=self.often(3))]
        find = self.one(
            self._new("look", path=path, save=self.saved(finder, "s")),
            self._new("learn", path=path, fact=self.saved(finder, "f")),
            self._new("keep", path=path, text=text) if finder.solo else self._new("look", path=path),
        )
        return effect, [find]

    def _variable_story(self, one: Epoch, finder: Epoch) -> tuple[list[Task], list[Task]]:
        if self.isolated:
            return self._file_story(one, finder)
        name = self.names[0] if one.solo == "once" else one.solo
        kind = self.text_of("v", "s", "f")
        variable = f"{kind}{one.half}"
        if kind == "v":
            effect = self._new("set", vars={variable: self.text_of("one", "two")})
        elif kind == "s":
            effect = self._new("do", cmd=["cat", SHARED[0]], quiet=True, read_only=True, save=variable)
        else:
            effect = self._new("learn", path=SHARED[0], fact=variable)
        text = f"{{{{ hostvars.{name}.{variable}{'.out' if kind == 's' else ''} | default('none') }}}}"
        return [effect], [self._new("keep", path=f"/{HALVES[finder.half]}.{ME}", text=text)]

    def _control_story(self, one: Epoch, finder: Epoch) -> tuple[list[Task], list[Task]]:
        return [self._fetch(one)[0] | {"src": SHARED[0]}], self._source(finder)

    # Modifiers.

    def _modified(self, task: Task, epoch: Epoch, *, looped: bool = True) -> Task:
        with_, and_ = dict[str, object](), dict[str, object]()
        conditions = [epoch.condition] if epoch.solo and epoch.solo != "once" else []
        if epoch.solo == "once":
            with_["run_once"] = True
        if not self.often(3):
            self._before(task, epoch, with_, conditions, looped=looped)
            self._after(and_)
        if not self.often(6):
            and_["ignore_errors"] = True
        if conditions:
            with_["condition"] = " and ".join(conditions)
        return {**task, "with": with_, "and": and_}

    def _before(self, task: Task, epoch: Epoch, with_: Task, conditions: list[str], *, looped: bool) -> None:
        if looped and self.has("items"):
            with_["items"] = self.draw(st.lists(st.sampled_from(ITEMS), max_size=4))
        if self.has("condition"):
            own = self.text_of("0", "1")
            choices = (f"s{own} is defined", f"s{own}.rc | default(0) == 0", f"f{own} | default('') != ''")
            conditions.append(self.text_of(*choices, "item | default('x') == 'x'"))
        if self.has("skip_if_exists"):
            with_["skip_if_exists"] = self.readable(epoch)
        local = task["!"] in {"set", "pause", "wait_for_others"}
        if not local and not self.isolated and (epoch.solo or not self.planning) and self.has("delegate_to"):
            with_["delegate_to"] = self.text_of(*self.names)
        if not local and self.has("sudo"):
            with_["sudo"] = self.text_of("other", "root")
        if self.has("tags"):
            with_["tags"] = [self.text_of(*TAGS)]
        if epoch.solo and not self.planning and self.has("confirm"):
            with_["confirm"] = self.text_of("sure?", f"sure of {ME}?")

    def _after(self, and_: Task) -> None:
        if self.has("notify"):
            and_["notify"] = self.text_of("n1", "n2")
        if self.has("retry"):
            and_["retry"] = self.one(1, 2)
            and_["delay"] = self.one(1, 0)

    def has(self, extra: str) -> bool:
        return extra in self.extras and self.often(2)

    # Plays.

    def epoch(self) -> Epoch:
        if self.often(3):
            names = self.names if self.free else (*self.names, "once")
            return Epoch(self.text_of(*names))
        return Epoch(half=self.number_to(1))

    def play(self, number: int) -> str:
        self.free = self.often(2)
        tasks: list[Task] = []
        for _ in range(1 + self.number_to(4)):
            if self.often(3):
                tasks += self.story()
                continue
            epoch = self.epoch()
            if not self.free and epoch.solo == "" and self.often(8):
                tasks.append(self._new("wait_for_others"))
            for _ in range(1 + self.number_to(3) if self.free else 1):
                tasks += self.task(epoch)
            if self.free:
                tasks.append(self._new("wait_for_others"))
        limit = {"max_failures": 1} if not self.free and self.often(6) else {}
        lines = [f"- name: p{number}", f"  groups: [{'some' if self.often(4) else 'web'}]"]
        lines += [f"  strategy: {'free' if self.free else 'linear'}", *(f"  {key}: {limit[key]}" for key in limit)]
        lines += ["  tasks:", *(f"    - {_yaml(task)}" for task in tasks)]
        handlers = [self._handler(name) for name in ("n1", "n2", "n1")[: self.number_to(3)]]
        return "\n".join([*lines, *(["  handlers:", *handlers] if handlers else [])])

    def _handler(self, name: str) -> str:
        free, self.free = self.free, False
        task = self.task(self.epoch())[0]
        self.free = free
        with_ = task.get("with")
        kept = {key: value for key, value in with_.items() if key != "tags"} if isinstance(with_, dict) else {}
        return f"    - {_yaml({**task, 'with': {**kept, 'subscribe': name}})}"


def _yaml(task: Task) -> str:
    """Write a task as flow YAML, which JSON is a part of."""
    return f"!{task['!']} " + json.dumps({key: value for key, value in task.items() if key != "!" and value != {}})


@st.composite
def scenes(draw: Callable[..., Any], *, planning: bool = False) -> Scene:
    """Draw scenes whose outcome is determined, for a run or for plan mode."""
    count = draw(st.sampled_from((2, 1, 3, 4, 2)))
    names = tuple(f"h{number + 1}" for number in range(count))
    author = Author(draw, names, planning)
    author.kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
    author.extras = draw(st.lists(st.sampled_from(EXTRAS), max_size=4))
    apart = st.tuples(*[st.integers(0, number) for number in range(len(names))])
    machines = draw(st.one_of(st.just((0,) * len(names)), apart))
    paces = draw(st.tuples(*[st.lists(st.integers(1, 12), min_size=1, max_size=3).map(tuple) for _ in names]))
    files: dict[str, str] = {}
    for path in ("/shared", "/hand", *[f"/{letter}{item}." for letter in "ab" for item in ("", "x")]):
        text = draw(st.sampled_from(CONTENTS))
        if text is not None:
            files |= dict.fromkeys([f"{path}{name}" for name in names] if path.endswith(".") else [path], text)
    plays = [author.play(number) for number in range(draw(st.integers(1, 3)))]
    settings: dict[str, object] = {"planning": planning, "verify": author.often(3)}
    if author.often(3):
        settings["batch_size"] = draw(st.integers(1, len(names)))
    if author.often(6):
        settings["tags"] = frozenset({author.text_of(*TAGS)})
    if not planning and author.often(8):
        settings["step"] = True
    resume = not planning and author.often(3)
    if resume or author.often(4):
        files = {**files, "/broken": "yes"}
    text = "\n".join(plays)
    down = frozenset({count - 1}) if author.often(12) else frozenset()
    answers = draw(st.lists(st.booleans(), min_size=1, max_size=3).map(tuple))
    return Scene(names, machines, down, paces, files, text, settings, answers, "delegate_to" in text, resume)
