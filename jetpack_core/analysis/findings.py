# SPDX-License-Identifier: GPL-3.0-or-later
"""What a static check found, and how findings that differ in their hosts only become one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jetpack_core.errors import Problem
    from jetpack_core.records import Position

_NAMED: Final = 3


class Severity(StrEnum):
    """How sure a finding is, and how bad."""

    ERROR = "error"
    """It fails when it runs, or nothing runs at all."""
    WARNING = "warning"
    """It runs, and most likely does not do what was meant."""
    MAYBE = "maybe"
    """Only a run can tell; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    :param hosts: those it is about; empty for what concerns no host in particular.
    :param everywhere: it is about every host of the play.
    :param related: other places that belong to it, each with what is there.
    """

    code: str
    severity: Severity
    position: Position
    message: str
    hint: str = ""
    hosts: tuple[str, ...] = ()
    everywhere: bool = False
    related: tuple[tuple[Position, str], ...] = ()
    source_line: str = ""
    """The text of the line at `position`; empty where it may not be shown."""

    @property
    def text(self) -> str:
        """Return the message with the hosts it is about."""
        if not self.hosts:
            return self.message
        if self.everywhere:
            return f"{self.message}, on {'its host' if len(self.hosts) == 1 else 'every host of the play'}"
        return f"{self.message}, on {named(self.hosts)}"


def named(hosts: tuple[str, ...]) -> str:
    """Return some names in words, and how many more there are."""
    if len(hosts) <= _NAMED + 1:
        return " and ".join(filter(None, (", ".join(hosts[:-1]), hosts[-1])))
    return f"{', '.join(hosts[:_NAMED])} and {len(hosts) - _NAMED} more"


def of_problem(problem: Problem) -> Finding:
    """Return the finding for what keeps content from being loaded."""
    position, message, hint = problem.position, problem.message, problem.hint
    return Finding(problem.code, Severity.ERROR, position, message, hint, source_line=problem.source_line)


class Findings:
    """Collects findings; the same one on several hosts is kept once, with all of them."""

    def __init__(self) -> None:
        self._found: dict[Finding, dict[str, None]] = {}

    def add(self, finding: Finding, hosts: Iterable[str] = ()) -> None:
        """Note a finding on some hosts."""
        self._found.setdefault(finding, {}).update(dict.fromkeys(hosts))

    def merged(self, every: frozenset[str]) -> Iterator[Finding]:
        """Yield the findings.

        :param every: the hosts of the play, to tell what is so on all of them.
        """
        for finding, hosts in self._found.items():
            whole = bool(hosts) and len(hosts) == len(every)
            yield replace(finding, hosts=tuple(hosts), everywhere=whole)


def joined(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with those of several plays that say the same of the same place made one."""
    found: dict[tuple[object, ...], Finding] = {}
    for one in findings:
        key = (one.code, one.severity, one.position, one.message)
        first = found.get(key)
        if first is None:
            found[key] = one
        else:
            found[key] = replace(
                first,
                hosts=tuple(dict.fromkeys((*first.hosts, *one.hosts))),
                everywhere=first.everywhere and one.everywhere,
                related=tuple(dict.fromkeys((*first.related, *one.related))),
            )
    return list(found.values())
