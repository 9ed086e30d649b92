# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan says comes true: random playbooks of the real modules, planned and then run on this machine."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from jetpack_core.content.load import load_playbook
from jetpack_core.engine.run import run_playbooks
from jetpack_core.engine.settings import RunSettings
from jetpack_core.events import HostResult
from jetpack_core.inventory.load import load_inventory
from jetpack_core.registry import Registry
from tests.unit.engine.conftest import Recorder

pytestmark = pytest.mark.slow

NAMES = ("a", "b", "d", "d/a", "d/e", "d/e/a", "l", "l/a")
TEXTS = ("", "one\n", "one\ntwo\n", "{{ item | default('x') }}\n")
MODES = ("0o600", "0o644", "0o700", "0o755")
UNCHANGED = {"matched", "skipped", "passive", "ignored", "failed"}
LINES = ("one", "two", "three")
MADE = "ROOT/made.NAME.{{ item | default(1) }}"

Task = dict[str, object]


def optional(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[Task]:
    """Return mappings with any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


def task(module: str, required: Task, maybe: st.SearchStrategy[Task]) -> st.SearchStrategy[Task]:
    """Return tasks of a module."""
    fixed: dict[str, st.SearchStrategy[object]] = {
        name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in required.items()
    }
    return st.builds(lambda one, two: {"": module, **one, **two}, st.fixed_dictionaries(fixed), maybe)


def path(*names: str) -> st.SearchStrategy[str]:
    """Return paths below the root."""
    return st.sampled_from([f"ROOT/{name}" for name in names or NAMES])


mode = st.sampled_from(MODES)
content = st.sampled_from(TEXTS)
true = st.just("true")

TASKS = st.one_of(
    task("directory", {"path": path("d", "d/e", "l", "d/e/f")}, optional(mode=mode, remove=true)),
    task(
        "directory", {"path": path("d", "d/e"), "recurse": "true"}, optional(mode=st.sampled_from(["0o700", "0o755"]))
    ),
    task("copy", {"dest": path(), "content": content}, optional(mode=mode, follow=true)),
    task("copy", {"dest": path("d", "d/e", "l", "n"), "src": "tree"}, optional(mode=mode)),
    task("template", {"dest": path(), "src": "t.j2"}, optional(mode=mode)),
    task("file", {"path": path()}, optional(mode=mode)),
    task("file", {"path": path(), "remove": "true"}, st.just({})),
    task(
        "link",
        {"path": path("l", "d/a", "b"), "target": st.sampled_from(["d", "ROOT/d", "a", "nowhere", "ROOT/d/a"])},
        optional(force=true),
    ),
    task("link", {"path": path("l", "d/a", "b"), "target": path("a", "d/a"), "hard": "true"}, optional(force=true)),
    task("link", {"path": path("l", "b"), "remove": "true"}, st.just({})),
    task("line", {"path": path(), "line": st.sampled_from(LINES)}, optional(create=true, regexp=st.just("^t"))),
    task("line", {"path": path(), "line": st.sampled_from(LINES), "remove": "true"}, st.just({})),
    task("block", {"path": path(), "block": st.sampled_from(LINES)}, optional(create=true)),
    task("stat", {"path": path(), "save": st.sampled_from(["found", "other"])}, optional(checksum=true, follow=true)),
    task("shell", {"cmd": "echo one", "save": "found"}, optional(changed_when=st.just("false"), read_only=true)),
    # What a command makes is known to nobody but itself: this is the one assumption of plan mode.
    task("shell", {"cmd": f"touch {MADE}", "with": {"skip_if_exists": MADE}}, st.just({})),
    task("copy", {"dest": path(), "content": "{{ found.out | default('') }}\n"}, st.just({})),
    task("set", {"vars": {"chosen": "{{ found.exists | default(false) }}"}}, st.just({})),
)
CONDITIONS = ("found.exists", "not other.exists", "found.out == 'one'", "chosen | default(true)", "item != 'two'")
WITH: st.SearchStrategy[Task] = optional(
    condition=st.sampled_from(CONDITIONS),
    items=st.sampled_from([["one", "two"], ["two", "one"], []]),
    skip_if_exists=path(),
)
AND: st.SearchStrategy[Task] = optional(notify=st.sampled_from(["h1", "h2"]), ignore_errors=true)


def modified(one: Task, with_: Task, and_: Task) -> Task:
    """Return a task with modifiers, few of them on average."""
    own = one.get("with", {})
    return {**one, "with": {**with_, **(own if isinstance(own, dict) else {})}, "and": and_}


MODIFIED = st.one_of(
    TASKS.map(lambda one: modified(one, {}, {"ignore_errors": "true"})),
    st.builds(modified, TASKS, WITH, AND),
)
PLAYBOOKS = st.lists(MODIFIED, min_size=1, max_size=8)
HANDLERS = st.lists(TASKS, max_size=2)


def text_of(one: Task, name: str, subscribe: str = "") -> str:
    """Write a task as YAML; JSON is YAML too."""
    fields = {key: value for key, value in one.items() if key}
    if subscribe:
        fields = {**fields, "with": {"subscribe": subscribe}, "and": {"ignore_errors": "true"}}
    return f"- !{one['']} {json.dumps({**fields, 'name': name})}".replace("NAME", name)


class Site:
    """A folder with a playbook, and one to work in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir()
        (folder / "templates").mkdir()
        (folder / "templates" / "t.j2").write_text("one\n{{ item | default('two') }}\n")
        (folder / "files" / "tree" / "e").mkdir(parents=True)
        (folder / "files" / "tree" / "a").write_text("one\n")
        (folder / "files" / "tree" / "e" / "a").write_text("two\n")
        (folder / "inventory" / "groups").mkdir(parents=True)
        (folder / "inventory" / "groups" / "web").write_text("hosts: [localhost]\n")
        self.registry = Registry()

    def run(self, tasks: Sequence[Task], handlers: Sequence[Task] = (), *, planning: bool = False) -> list[Row]:
        """Run or plan a play, and return its results."""
        lines = [
            "- name: p",
            "  groups: [web]",
            "  defaults: {found: {exists: true}, other: {exists: false}}",
            "  tasks:",
        ]
        lines += [f"    {text_of(one, f't{number}')}" for number, one in enumerate(tasks)]
        lines += ["  handlers:"]
        lines += [f"    {text_of(one, f'h{number}', f'h{number}')}" for number, one in enumerate(handlers, 1)]
        path = self.folder / "playbook.yml"
        path.write_text("\n".join(lines).replace("ROOT", str(self.root)))
        playbook = load_playbook(path, registry=self.registry, roles_paths=[], modules_paths=[], extra_vars={})
        recorder = Recorder()
        inventory = load_inventory([self.folder / "inventory"])
        run_playbooks([playbook], inventory, self.registry, RunSettings(planning=planning), [recorder])
        return [Row.of(result) for result in recorder.events if isinstance(result, HostResult)]

    def snapshot(self) -> dict[str, tuple[int, str]]:
        """Describe everything in the root."""
        found = {}
        for one in sorted(self.root.rglob("*")):
            state = one.lstat()
            kept = str(one.readlink()) if one.is_symlink() else one.read_text() if one.is_file() else ""
            found[str(one.relative_to(self.root))] = (state.st_mode, kept)
        return found


@dataclass(frozen=True)
class Row:
    """A result as the user sees it."""

    task: str
    item: int | None
    status: str
    module: str
    changes: tuple[str, ...]
    msg: str

    @staticmethod
    def of(result: HostResult) -> Row:
        """Take what is to be compared; only a plan names the directories above a new one."""
        changes = tuple(str(change) for change in result.changes if not change.field.startswith("/"))
        return Row(result.task, result.item_index, result.status.value, result.module, changes, result.msg)

    @property
    def place(self) -> tuple[str, int | None]:
        """Return which task and item it is of."""
        return self.task, self.item


def compare(planned: Sequence[Row], done: Sequence[Row]) -> None:
    """See that each known row of a plan is what a run reports."""
    tasks = {row.place: row for row in done}
    for row in planned:
        event(f"planned {row.status}")
        if row.status == "unknown":
            continue
        actual = tasks.get(row.place)
        if actual is None:
            # A task that was unknown failed in the run, which then ended.
            assert done[-1].status == "failed", row
            assert any(one.place == done[-1].place and one.status == "unknown" for one in planned), row
            return
        assert (row.status, row.changes) == (actual.status, actual.changes), (row, actual)


@settings(
    max_examples=100,
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(PLAYBOOKS, PLAYBOOKS, HANDLERS)
def test_what_is_planned_is_done(before: list[Task], tasks: list[Task], handlers: list[Task]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        site.run(before)
        state = site.snapshot()
        planned = site.run(tasks, handlers, planning=True)
        assert site.snapshot() == state
        done = site.run(tasks, handlers)
        compare(planned, done)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(PLAYBOOKS, PLAYBOOKS)
def test_a_second_run_changes_nothing(before: list[Task], tasks: list[Task]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        apart = [alone(one, number) for number, one in enumerate(tasks)]
        for number in range(len(tasks)):
            (site.root / f"own{number}").mkdir()
            site.run([alone(one, number) for one in before])
        site.run(apart)
        state = site.snapshot()
        again = site.run(apart)
        assert site.snapshot() == state
        assert {row.status for row in again if row.module != "shell"} <= UNCHANGED, again


def alone(one: Task, number: int) -> Task:
    """Give a task a folder of its own, and let it do the same thing each time."""
    text = json.dumps(one).replace("ROOT", f"ROOT/own{number}")
    found: Task = json.loads(text)
    with_ = found["with"]
    if isinstance(with_, dict):
        with_.pop("items", None)
        with_.pop("condition", None)
    return found
