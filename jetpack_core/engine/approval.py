# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what a run would do with what was planned and reviewed before, step by step."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from jetpack_core.contracts.view import View
from jetpack_core.engine.redacting import shown_changes, shown_diffs
from jetpack_core.errors import TaskError, UsageError
from jetpack_core.events import HostResult
from jetpack_core.records import PlanKind, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jetpack_core.contracts.module import Module
    from jetpack_core.engine.planning import PlannedItem
    from jetpack_core.engine.run_state import PlaySketch, RunSketch
    from jetpack_core.events import Event
    from jetpack_core.records import Plan

_AGAIN: Final = "make a new plan, and review it"
_LONGEST: Final = 60
"""Characters of a value that are shown."""
_OF_DIGEST: Final = 15


class Place(NamedTuple):
    """Where in a run a step is."""

    host: str
    task_id: str
    item: int
    """The item's number in the loop; -1 without one."""

    @property
    def provisions(self) -> bool:
        """Tell whether it is about the host as a whole, before any play."""
        return not self.task_id[:1].isdigit()


@dataclass(frozen=True, slots=True)
class Step:
    """What would be done at one place; values are plain data, and without secrets."""

    status: str
    changes: tuple[tuple[str, object, object], ...] = ()
    """Fields with what they are and what they become."""
    files: tuple[tuple[str, str, str], ...] = ()
    """Paths with digests of the texts before and after; empty where there is no such file."""
    command: tuple[str, ...] = ()
    """What would be run, as far as it is known before."""
    given: str = ""
    """The digest of what is given to what would be run: parameters without secrets, and the content of scripts."""

    @property
    def needed(self) -> bool:
        """Tell whether anything would change, or may."""
        return self.status == Status.UNKNOWN or Status(self.status).changed

    @property
    def ends(self) -> set[tuple[str, str]]:
        """Return what there is once it is done, wherever it begins."""
        fields = {(field, json.dumps(after, sort_keys=True)) for field, _, after in self.changes}
        return fields | {(path, after) for path, _, after in self.files}

    def allows(self, other: Step) -> bool:
        """Tell whether another step does this or what is left of it, as after an attempt that failed half-way."""
        if self.given and other.given:
            # Whether it counts as a change may only be known afterwards.
            return (self.command, self.given) == (other.command, other.given)
        return (self.status == other.status or bool(other.ends)) and other.ends <= self.ends

    def told(self) -> str:
        """Return it in a few words."""
        if self.command:
            return f"{self.status} ({_cut(' '.join(self.command))})"
        fields = [_field_told(*change) for change in self.changes]
        return f"{self.status} ({', '.join(fields)})" if fields else self.status


def step_of(result: HostResult) -> Step:
    """Return the step that a planned result tells of."""
    return Step(
        result.status.value,
        tuple((one.field, _plain(one.before), _plain(one.after)) for one in result.changes),
        tuple((one.path, _digest(one.before), _digest(one.after)) for one in result.diff),
        tuple(result.command),
    )


def given_to(module: Module, plan: Plan, *, secretive: bool) -> str:
    """Return the digest of what is given to something that is run; empty for a plan that runs nothing.

    What is only known to be secret has no part in it, so that nobody can guess at a digest.
    """
    if plan.kind is not PlanKind.EXECUTE:
        return ""
    total = hashlib.sha256()
    if not secretive:
        total.update(json.dumps(module.model_dump(), default=_named, sort_keys=True).encode())
    for name in type(module).model_fields:
        value = getattr(module, name)
        if isinstance(value, Path) and value.is_file():
            total.update(hashlib.sha256(value.read_bytes()).digest())
    return total.hexdigest()


def place_of(result: HostResult) -> Place:
    """Return where a result is of; provisioning has the name of what is done instead of a number."""
    return Place(result.host, result.task_id or result.task, -1 if result.item_index is None else result.item_index)


class Draft(View):
    """Takes down what a run in plan mode would do."""

    def __init__(self) -> None:
        self.sketch: RunSketch | None = None
        self.results: list[HostResult] = []
        self._given: dict[Place, str] = {}

    def begin(self, sketch: RunSketch) -> None:
        """Take down what the run is made of."""
        self.sketch = sketch

    def handle(self, event: Event) -> None:
        """Take down what would be done."""
        if isinstance(event, HostResult):
            self.results.append(event)

    def note(self, place: Place, given: str) -> None:
        """Take down the digest of what is given to something that would be run."""
        self._given[place] = given

    @property
    def steps(self) -> dict[Place, Step]:
        """Return the steps in which something would change or be run."""
        places = ((place_of(result), result) for result in self.results)
        steps = {place: replace(step_of(result), given=self._given.get(place, "")) for place, result in places}
        return {place: step for place, step in steps.items() if step.needed or step.given}


class Approval:
    """What may be done, and nothing else.

    :param sketch: What the reviewed run was made of.
    """

    def __init__(self, sketch: RunSketch, steps: Mapping[Place, Step]) -> None:
        self._sketch = sketch
        self.steps = steps
        # Nothing can be planned on a host that is not there yet.
        self._made = {place.host for place, step in steps.items() if place.provisions and step.status == Status.CREATED}

    def begin(self, now: RunSketch) -> None:
        """Compare what the run is made of. Raises UsageError where it is not what was reviewed."""
        reasons = list(_content_drift(self._sketch, now))
        if reasons:
            raise UsageError(f"this is not what was planned: {'; '.join(reasons)}", hint=_AGAIN)

    def drift(self, now: Mapping[Place, Step]) -> Iterator[tuple[Place, str]]:
        """Yield the places at which something else would be done now, and what."""
        for place in sorted({*self.steps, *now}):
            then, today = self.steps.get(place), now.get(place)
            if then != today:
                yield place, _difference(then, today)

    def check(self, place: Place, plan: Plan, item: PlannedItem, redacted: Callable[[HostResult], HostResult]) -> None:
        """Raise TaskError for a change that is not what was reviewed. What only a run could tell is not compared."""
        then = self.steps.get(place)
        if place.host in self._made or (then is not None and then.status == Status.UNKNOWN):
            return
        secretive = item.host.secretive
        result = HostResult(
            play="",
            host=place.host,
            task="",
            module="",
            status=plan.kind.status,
            changes=shown_changes(plan, secretive=secretive),
            diff=shown_diffs(plan, secretive=secretive),
            command=plan.outcome.command,
        )
        given = given_to(item.module, plan, secretive=secretive) if item.module is not None else ""
        today = replace(step_of(redacted(result)), given=given)
        if then is None or not then.allows(today):
            raise TaskError(f"not as it was reviewed: {_difference(then, today)}", hint=_AGAIN)


def _content_drift(then: RunSketch, now: RunSketch) -> Iterator[str]:
    """Yield what of the content is not as it was."""
    if then.tags != now.tags:
        yield "other tags are wanted"
    gone, new = sorted({*then.hosts} - {*now.hosts}), sorted({*now.hosts} - {*then.hosts})
    if gone or new:
        yield " and ".join([*(f"{name} is gone" for name in gone), *(f"{name} is new" for name in new)])
    if [play.name for play in then.plays] != [play.name for play in now.plays]:
        yield "the playbook has other plays"
    else:
        yield from (f"the play {one.name!r} has changed" for one in _changed(then.plays, now.plays))
    if then.variables != now.variables:
        yield "variables have changed (those of -e are to be given again)"


def _changed(then: tuple[PlaySketch, ...], now: tuple[PlaySketch, ...]) -> Iterator[PlaySketch]:
    return (before for before, after in zip(then, now, strict=True) if before != after)


def _difference(then: Step | None, today: Step | None) -> str:
    if _told(then) == _told(today):
        return f"planned was {_told(then)}, and what it runs, or what that is given, is not the same now"
    return f"planned was {_told(then)}, and now it would be {_told(today)}"


def _named(value: object) -> object:
    """Return what stands for a value that JSON has no form for."""
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value) if isinstance(value, Path) else type(value).__name__


def _told(step: Step | None) -> str:
    return step.told() if step is not None else "nothing"


def _plain(value: object) -> object:
    """Return a value as JSON gives it back."""
    return json.loads(json.dumps(value, default=str))


def _field_told(field: str, before: object, after: object) -> str:
    if before is None:
        # Of what is secret, not even a digest is known.
        return field if after is None else f"{field} {_short(field, after)}"
    return f"{field} {_short(field, before)} to {_short(field, after)}"


def _short(field: str, value: object) -> str:
    if field == "mode" and isinstance(value, int):
        return f"{value:#o}"
    text = "nothing" if value is None else str(value)
    return _cut(text, _OF_DIGEST if text.startswith("sha256:") else _LONGEST)


def _cut(text: str, most: int = _LONGEST) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= most else f"{text[:most]}..."


def _digest(text: str | None) -> str:
    return "" if text is None else hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
