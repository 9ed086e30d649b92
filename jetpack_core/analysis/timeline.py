# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables tasks make, and which of them are there when a later task begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.modifier import Modifier
from jetpack_core.modules.control.facts import Facts, facts_from
from jetpack_core.modules.control.set import Set

if TYPE_CHECKING:
    from jetpack_core.content.model import ModifierUse, Play, Task

_OS_RELEASE: Final = "jet_os_release_"


@dataclass(frozen=True, slots=True)
class Maker:
    """A task that makes a variable.

    :param name: the variable; None where it could be any.
    :param certain: whenever the host gets behind the task, the variable is there.
    """

    name: str | None
    play: int
    order: int
    task: Task
    certain: bool
    why: str = ""
    """Why it is not certain."""


class Timeline:
    """The order of tasks in a run, seen by the variables they make.

    :param plays: all plays of a run, in their order.
    :param members: the hosts of each.
    """

    def __init__(self, plays: Sequence[Play], members: Sequence[frozenset[str]]) -> None:
        self._members = members
        self._tasks = [len(play.tasks) for play in plays]
        self._by_name: dict[str, list[Maker]] = {}
        self._of_any: list[Maker] = []
        for number, play in enumerate(plays):
            for order, task in enumerate((*play.tasks, *play.handlers)):
                for maker in _makers(number, order, task):
                    if maker.name is None:
                        self._of_any.append(maker)
                    else:
                        self._by_name.setdefault(maker.name, []).append(maker)

    def among(self, names: frozenset[str]) -> Iterator[str]:
        """Yield those of some variables that tasks make by their names."""
        for name in names:
            if name in self._by_name or name.startswith(_OS_RELEASE):
                yield name

    def before(self, name: str, play: int, order: int, host: str) -> Maker | None:
        """Return what makes a variable before a task of a play begins on a host; one that is certain comes first."""
        found = None
        for maker in self._of(name):
            if host in self._members[maker.play] and self._precedes(maker, play, order):
                if maker.certain:
                    return maker
                found = found or maker
        return found

    def of_any_before(self, play: int, order: int, host: str) -> Maker | None:
        """Return what may make any variable at all before a task of a play begins on a host."""
        return next(
            (one for one in self._of_any if host in self._members[one.play] and self._precedes(one, play, order)), None
        )

    def _precedes(self, maker: Maker, play: int, order: int) -> bool:
        """Tell whether a task may have run before another; handlers run in any order, behind all tasks."""
        tasks = self._tasks[maker.play]
        last = tasks - 1 if maker.play == play and maker.order >= tasks else maker.order
        return (maker.play, last) < (play, order)

    def later(self, name: str, play: int, order: int, host: str) -> Maker | None:
        """Return what makes a variable by its name, when that is only after a task of a play."""
        makers = self._by_name.get(name, ())
        return next(
            (one for one in makers if host in self._members[one.play] and (one.play, one.order) >= (play, order)), None
        )

    def anywhere(self, name: str) -> Maker | None:
        """Return a task that makes a variable on any host."""
        return next(iter(self._by_name.get(name, ())), None)

    def _of(self, name: str) -> Iterator[Maker]:
        yield from self._by_name.get(name, ())
        if name.startswith(_OS_RELEASE):
            yield from self._by_name.get(f"{_OS_RELEASE}*", ())
        yield from self._of_any


def _makers(play: int, order: int, task: Task) -> Iterator[Maker]:
    model = task.module_class
    why = _doubt(task)
    if model.sets_variables:
        names = _set_names(task)
        if names is None:
            yield Maker(None, play, order, task, certain=False, why="any variable may be among what it sets")
        else:
            yield from (Maker(name, play, order, task, certain=not why, why=why) for name in names)
    for name in model.renews_facts:
        yield Maker(name, play, order, task, certain=False, why="it tells this only when it changed something")
    naming = ("save", *model.names_variables) if "save" in model.model_fields else model.names_variables
    for field in naming:
        parameter = task.parameters.get(field)
        if parameter is None:
            continue
        if parameter.templated or not isinstance(parameter.value, str):
            yield Maker(None, play, order, task, certain=False, why="the name it saves under is a template")
        else:
            yield Maker(str(parameter.value), play, order, task, certain=not why, why=why)


def _doubt(task: Task) -> str:
    """Say why a task may not run on a host; nothing when it does. A loop counts as one that has items."""
    if task.handler:
        return "it runs only when it is notified"
    for use in task.modifiers:
        if may_skip(use):
            return f"it has a `{use.name}`"
        if use.name == "items" and not getattr(use.modifier, "value", None):
            return "its list of items is empty"
    return ""


def may_skip(use: ModifierUse) -> bool:
    """Tell whether a modifier may keep its task from running."""
    kind = type(use.modifier)
    return kind.guard is not Modifier.guard or kind.question is not Modifier.question


def _set_names(task: Task) -> Sequence[str] | None:
    """Return the variables that a module sets by its result; None where they cannot be told."""
    if task.module_class is Set:
        values = task.parameters["vars"].value if "vars" in task.parameters else None
        return [str(name) for name in values] if isinstance(values, Mapping) else None
    if task.module_class is Facts:
        asked = [name for name in ("facter", "ohai") if name in task.parameters]
        return [*fact_names(), *asked]
    return None


def fact_names() -> list[str]:
    """Return the names of the facts that every host has; the entries of /etc/os-release as one with a star."""
    return [*facts_from("", "nothing")[0], f"{_OS_RELEASE}*"]
