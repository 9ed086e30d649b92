# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans as files: written by `plan --out`, reviewed, and applied as they are by `apply FILE`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from jetpack_core import __version__
from jetpack_core.cli.options import ContentOptions, HostOptions, RunOptions
from jetpack_core.cli.resuming import LAST_FAILED
from jetpack_core.contracts.view import View
from jetpack_core.errors import UsageError
from jetpack_core.events import HostResult, HostUnreachable, RunFinished

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jetpack_core.engine.approval import Approval, Draft, Place
    from jetpack_core.events import Event

VERSION: Final = 1
_KEPT_FLAGS: Final = {
    ContentOptions: ("project", "playbook", "roles", "modules"),
    HostOptions: ("inventory", "secrets", "limit_hosts", "limit_groups"),
    RunOptions: ("tags", "sudo", "allow_localhost_delegation"),
}
"""What a plan says itself; all else is given anew, as a password is."""
_MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as its file tells it."""

    made: str
    """When, in ISO format."""
    flags: Mapping[str, Any]
    approval: Approval

    def fill(self, content: ContentOptions, hosts: HostOptions, run: RunOptions) -> tuple[Any, Any, Any]:
        """Return the options with what the plan says. Raises UsageError for flags that the plan says itself."""
        filled = []
        for options in (content, hosts, run):
            names = _KEPT_FLAGS[type(options)]
            given = [name for name in names if getattr(options, name)]
            if given:
                flag = f"--{given[0].replace('_', '-')}"
                raise UsageError(f"{flag} is what the saved plan says itself", hint="leave it out, or make a new plan")
            filled.append(replace(options, **{name: self.flags[name] for name in names}))
        return filled[0], filled[1], filled[2]

    def summary(self) -> str:
        """Return what the plan does, in a line."""
        needed = [place for place, step in self.approval.steps.items() if step.needed]
        hosts = len({place.host for place in needed})
        return f"the plan of {self.made}: {_count(len(needed), 'step')} on {_count(hosts, 'host')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def write_plan(path: Path, draft: Draft, *options: ContentOptions | HostOptions | RunOptions) -> None:
    """Write what was planned, for its owner alone. Raises UsageError where it cannot be written."""
    from jetpack_core.secret_files import atomic

    sketch = draft.sketch
    if sketch is None:
        return
    flags = {name: getattr(one, name) for one in options for name in _KEPT_FLAGS[type(one)]}
    if LAST_FAILED in flags["limit_hosts"]:
        # Another run may have failed on others by then.
        flags["limit_hosts"] = sketch.hosts
    plan = {
        "jetpack_plan": VERSION,
        "jetpack": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "flags": flags,
        "content": asdict(sketch),
        "steps": list(_written(draft)),
    }
    atomic.write(path, (json.dumps(plan, indent=2, default=str) + "\n").encode(), private=True)


def _written(draft: Draft) -> Iterator[dict[str, object]]:
    """Yield the steps with what a reviewer wants to see."""
    from jetpack_core.engine.approval import place_of
    from jetpack_core.views.diff import diff_lines
    from jetpack_core.views.paint import Paint

    steps, paint = draft.steps, Paint(False)
    for result in draft.results:
        place = place_of(result)
        if place not in steps:
            continue
        step = steps[place]
        yield {
            "host": place.host,
            "task_id": place.task_id,
            "item_index": place.item,
            "task": result.task,
            "module": result.module,
            "where": f"{result.file}:{result.line}" if result.file else "",
            "item": result.item,
            "status": step.status,
            "summary": step.told(),
            "changes": [dict(zip(("field", "before", "after"), change, strict=True)) for change in step.changes],
            "files": [dict(zip(("path", "before", "after"), file, strict=True)) for file in step.files],
            "diff": [line for diff in result.diff for line in diff_lines(diff, paint)],
            "command": step.command,
            "given": step.given,
            "msg": result.msg,
        }


def read_plan(path: Path) -> SavedPlan:
    """Read a plan. Raises UsageError for what is none."""
    from jetpack_core.engine.approval import Approval, Place, Step
    from jetpack_core.engine.run_state import sketch_of

    try:
        plan = json.loads(path.read_bytes())
        version = plan["jetpack_plan"]
        if version == VERSION:
            steps = {
                Place(str(one["host"]), str(one["task_id"]), int(one["item_index"])): Step(
                    str(one["status"]),
                    tuple((str(change["field"]), change["before"], change["after"]) for change in one["changes"]),
                    tuple((str(file["path"]), str(file["before"]), str(file["after"])) for file in one["files"]),
                    tuple(map(str, one["command"])),
                    str(one["given"]),
                )
                for one in plan["steps"]
            }
            flags = {name: _flag(plan["flags"], name) for names in _KEPT_FLAGS.values() for name in names}
            return SavedPlan(str(plan["made"]), flags, Approval(sketch_of(plan["content"]), steps))
    except OSError as error:
        raise UsageError(f"the plan {path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        hint = "plans are made with `jetpack plan --out FILE`; playbooks are named with -p"
        raise UsageError(f"{path} is no saved plan, or it is damaged", hint=hint) from None
    hint = "make it again with this version: jetpack plan --out"
    raise UsageError(f"{path} was made by another version of Jetpack (plans of version {version!r})", hint=hint)


def _flag(flags: Mapping[str, Any], name: str) -> object:
    value = flags[name]
    if name == "project":
        return None if value is None else Path(value)
    return tuple(map(str, value)) if isinstance(value, list) else value


class Failures(View):
    """Keeps what goes wrong while a plan is compared; nothing else is shown then."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def handle(self, event: Event) -> None:
        """Keep a failure."""
        if isinstance(event, HostResult) and event.status.ended_badly:
            place = f" ({event.file}:{event.fault_line or event.line})" if event.file else ""
            self.lines.append(f"{event.host}: {event.task}{place}: {event.msg}")
        elif isinstance(event, HostUnreachable):
            self.lines.append(f"{event.host}: unreachable: {event.msg}")
        elif isinstance(event, RunFinished) and event.error and not self.lines:
            self.lines.append(event.error)


def refuse_drift(approval: Approval, draft: Draft) -> None:
    """Raise UsageError where something else would be done now than was planned, and name it."""
    from jetpack_core.engine.approval import place_of
    from jetpack_core.views.text import visible

    named = {place_of(result): result for result in draft.results}
    found = [f"  {_where(place, named.get(place))}: {what}" for place, what in approval.drift(draft.steps)]
    if not found:
        return
    for line in found[:_MOST_SHOWN]:
        click.echo(visible(line), err=True)
    if len(found) > _MOST_SHOWN:
        click.echo(f"  and {len(found) - _MOST_SHOWN} more", err=True)
    message = f"{_count(len(found), 'step')} would not be as planned; nothing was done"
    raise UsageError(message, hint="make a new plan, and review it: jetpack plan --out FILE")


def _where(place: Place, result: HostResult | None) -> str:
    item = f" (item {place.item + 1})" if place.item >= 0 else ""
    if result is None:
        return f"{place.host}: task {place.task_id}{item}"
    file = f" at {result.file}:{result.line}" if result.file else ""
    return f"{place.host}: {result.task!r}{item}{file}"
