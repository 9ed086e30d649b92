# SPDX-License-Identifier: GPL-3.0-or-later
"""What the faults of a task on a host mean: variables that are not there, for sure or maybe, and wrong values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jinja2.utils import missing

from jetpack_core.analysis.findings import Finding, Severity
from jetpack_core.analysis.judging import judged, only_a_run_can_tell
from jetpack_core.analysis.timeline import fact_names, may_skip
from jetpack_core.contracts.unknown import Unknown
from jetpack_core.records import Position
from jetpack_core.variables.form import Form
from jetpack_core.variables.functions import MissingValueError
from jetpack_core.variables.wording import near

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jetpack_core.analysis.examine import Examined, Fault, WrongValue
    from jetpack_core.analysis.hosts import PlayHosts
    from jetpack_core.analysis.places import Places
    from jetpack_core.analysis.texts import TaskTexts, Text
    from jetpack_core.analysis.timeline import Maker, Timeline
    from jetpack_core.content.model import Task
    from jetpack_core.errors import JetpackError

UNDEFINED: Final = "undefined-variable"
TEMPLATE_VALUE: Final = "template-value"
_GATHER: Final = "gather it before: `- !facts`"


@dataclass(frozen=True, slots=True)
class TaskOnHost:
    """A task, where it stands in the run, and one host of its play."""

    task: Task
    texts: TaskTexts
    order: int
    hosts: PlayHosts
    host: str


class Verdicts:
    """Turns what was found about tasks on hosts into findings.

    :param in_the_dark: why any variable may be defined where nobody could look; empty when everything was read.
    :param known: the names to suggest.
    """

    def __init__(
        self, timeline: Timeline, places: Places, in_the_dark: Callable[[], str], known: Callable[[], set[str]]
    ) -> None:
        self._timeline = timeline
        self._places = places
        self._in_the_dark = in_the_dark
        self._known = known
        self._facts: frozenset[str] = frozenset(fact_names())

    def of(self, unit: TaskOnHost, examined: Examined) -> Iterator[Finding]:
        """Yield what was found about a task on a host."""
        for fault in examined.faults:
            yield from self._fault(unit, fault)
        for wrong in examined.wrong:
            yield self._wrong(unit, wrong)

    def _fault(self, unit: TaskOnHost, fault: Fault) -> Iterator[Finding]:
        told = False
        cause = fault.error.__cause__ if fault.error is not None else None
        raised = str(cause.name) if isinstance(cause, MissingValueError) and cause.owner is missing else None
        for text in fault.texts:
            for name in sorted(text.mentions.names):
                if name not in fault.variables:
                    sure = name == raised or (name in text.mentions.sure and name not in unit.texts.asked)
                    if sure or (name in text.mentions.needed and name not in unit.texts.asked):
                        told = told or name == raised
                        yield from self._missing(unit, text, name, sure=sure, doubtful=fault.doubtful)
                elif name in text.mentions.needed and isinstance(fault.variables[name], Unknown):
                    yield from self._uncertain(unit, text, name)
        if fault.error is not None and not told and fault.texts:
            yield self._failed(unit.task, fault.texts[0], fault.error, fault.doubtful)

    def _missing(self, unit: TaskOnHost, text: Text, name: str, *, sure: bool, doubtful: str) -> Iterator[Finding]:
        """Yield the finding for a variable that nothing known defines."""
        if unit.hosts.may_be_learned(unit.host, name):
            return
        reason = self._may_be_there(unit, name)
        if not reason and not sure:
            reason = "a run may not get to where it is used"
        if not reason and doubtful:
            reason = only_a_run_can_tell(doubtful)
        severity, message = judged(unit.task, f"nothing defines the variable {name!r}", reason)
        position = self._places.of_name(text, name)
        yield self._finding(UNDEFINED, severity, position, message, self._hint(unit, name))

    def _may_be_there(self, unit: TaskOnHost, name: str) -> str:
        maker = self._timeline.before(name, unit.hosts.number, unit.order, unit.host)
        if maker is not None:
            return f"the task {maker.task.name!r} may set it: {maker.why}"
        return self._in_the_dark()

    def _uncertain(self, unit: TaskOnHost, text: Text, name: str) -> Iterator[Finding]:
        """Yield the finding for a variable that an earlier task makes only if it runs."""
        maker = self._timeline.before(name, unit.hosts.number, unit.order, unit.host)
        if maker is None or maker.certain or name in unit.texts.asked or _under_same_conditions(unit.task, maker):
            return
        if unit.hosts.defines(unit.host, unit.task.role, name):
            return
        message = f"the variable {name!r} may not be there: only the task {maker.task.name!r} makes it, and {maker.why}"
        hint = f"give it a default: {name} | default(VALUE), or ask first: {name} is defined"
        yield self._finding(UNDEFINED, Severity.MAYBE, self._places.of_name(text, name), message, hint)

    def _failed(self, task: Task, text: Text, error: JetpackError, doubtful: str) -> Finding:
        code = UNDEFINED if isinstance(error.__cause__, MissingValueError) else TEMPLATE_VALUE
        position, message = text.position, error.message
        if text.form is Form.FILE:
            position, message = _in_file(text, message)
        severity, message = judged(task, message, only_a_run_can_tell(doubtful))
        return self._finding(code, severity, position, message, error.hint)

    def _wrong(self, unit: TaskOnHost, wrong: WrongValue) -> Finding:
        parameter = unit.task.parameters.get(wrong.parameter)
        position = parameter.position if parameter is not None else unit.task.position
        message = wrong.message if wrong.parameter else f"!{unit.task.module} {wrong.message}"
        severity, message = judged(unit.task, message, only_a_run_can_tell(wrong.doubtful))
        origins = self._origins(unit, wrong.parameter)
        hint = "; ".join(filter(None, (wrong.hint, *(f"{name!r} is set at {place}" for place, name in origins))))
        return self._finding(wrong.code, severity, position, message, hint, origins)

    def _origins(self, unit: TaskOnHost, parameter: str) -> tuple[tuple[Position, str], ...]:
        """Return where the variables of a parameter get their values on a host."""
        names = sorted({name for text in unit.texts.parameters.get(parameter, ()) for name in text.mentions.names})
        found: dict[str, Position] = {}
        for layer in unit.hosts.layers(unit.host, unit.task.role):
            known = getattr(layer.values, "positions", {})
            found.update({name: known[name] for name in names if name in known})
        return tuple((position, name) for name, position in found.items())

    def _hint(self, unit: TaskOnHost, name: str) -> str:
        later = self._timeline.later(name, unit.hosts.number, unit.order, unit.host)
        if name in self._facts:
            return _GATHER
        if later is not None:
            return f"the task {later.task.name!r} at {later.task.position} sets it, but later"
        elsewhere = self._timeline.anywhere(name)
        if elsewhere is not None:
            return f"the task {elsewhere.task.name!r} at {elsewhere.task.position} sets it, but not on this host"
        return near(name, self._known() - {name}) or "define it in the inventory, in the play or with -e"

    def _finding(
        self,
        code: str,
        severity: Severity,
        position: Position,
        message: str,
        hint: str = "",
        related: tuple[tuple[Position, str], ...] = (),
    ) -> Finding:
        return Finding(
            code, severity, position, message, hint, related=related, source_line=self._places.line(position)
        )


_FILE_LINE: Final = re.compile(r":(?P<line>[0-9]+): (?P<what>.*)", re.DOTALL)


def _in_file(text: Text, message: str) -> tuple[Position, str]:
    """Take the line of a template out of the message about it."""
    found = _FILE_LINE.search(message)
    if found is None:
        return text.position, message
    return Position(text.position.file, int(found["line"]), 1), found["what"]


def _under_same_conditions(task: Task, maker: Maker) -> bool:
    """Tell whether whatever keeps a task from running also keeps another from it."""
    conditions = _conditions(maker.task)
    return bool(conditions) and conditions <= _conditions(task)


def _conditions(task: Task) -> set[tuple[str, str]]:
    return {(use.name, str(getattr(use.modifier, "value", ""))) for use in task.modifiers if may_skip(use)}
