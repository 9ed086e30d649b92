# SPDX-License-Identifier: GPL-3.0-or-later
"""What `jetpack check` prints: text for people, JSON, and SARIF for code hosts."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from jetpack_core.analysis.findings import Severity
from jetpack_core.cli.failures import FINE, WRONG_INPUT
from jetpack_core.cli.invocation import invocation
from jetpack_core.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.analysis.findings import Finding
    from jetpack_core.content.model import Playbook
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.records import Position

JSON_VERSION: Final = 1
_COLOURS: Final = {Severity.WARNING: "yellow", Severity.MAYBE: "cyan"}


@dataclass(frozen=True, slots=True)
class Checked:
    """What was checked, and what was found."""

    playbooks: tuple[Playbook, ...]
    inventory: Inventory | None
    findings: Sequence[Finding]

    def sizes(self) -> dict[str, int]:
        """Return how much was checked."""
        plays = [play for playbook in self.playbooks for play in playbook.plays]
        found = {"play": len(plays), "task": sum(len(play.tasks) + len(play.handlers) for play in plays)}
        return found if self.inventory is None else {**found, "host": len(self.inventory.hosts)}


def exit_code(findings: Sequence[Finding], *, strict: bool) -> int:
    """Return 1 where there is an error, or anything at all if that is to be strict; else 0."""
    bad = any(strict or one.severity is Severity.ERROR for one in findings)
    return WRONG_INPUT if bad else FINE


def print_text(checked: Checked) -> None:
    """Print findings on standard error as problems in content are, and how many they are."""
    for one in checked.findings:
        click.echo(_redacted(_text(one)), err=True)
    counts = Counter(one.severity for one in checked.findings)
    found = ", ".join(counted(counts[severity], severity.value) for severity in Severity if counts[severity])
    if counts[Severity.ERROR]:
        if len(counts) == 1:
            # Every other verb says it in these words.
            found = counted(counts[Severity.ERROR], "problem")
        click.echo(f"\n{found}; nothing ran", err=True)
        return
    sizes = ", ".join(counted(number, noun) for noun, number in checked.sizes().items())
    click.echo(f"{sizes}: {found or 'no problems'}")


def _text(finding: Finding) -> str:
    label = ""
    if finding.severity is not Severity.ERROR:
        label = click.style(f"{finding.severity}: ", fg=_COLOURS[finding.severity])
    message = f"{label}{finding.text} [{finding.code}]"
    return str(Problem(finding.position, message, finding.hint, finding.source_line))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _redacted(text: str) -> str:
    return invocation(click.get_current_context()).redact(text)


def print_json(checked: Checked) -> None:
    """Print one JSON document."""
    counts = Counter(one.severity for one in checked.findings)
    document = {
        "version": JSON_VERSION,
        "checked": {f"{noun}s": number for noun, number in checked.sizes().items()},
        "counts": {severity.value: counts[severity] for severity in Severity},
        "findings": [_row(one) for one in checked.findings],
    }
    click.echo(_redacted(json.dumps(document, indent=2, ensure_ascii=False)))


def _row(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        **_place(finding.position),
        "message": finding.message,
        "hint": finding.hint,
        "hosts": list(finding.hosts),
        "related": [{**_place(position), "message": what} for position, what in finding.related],
    }


def _place(position: Position) -> dict[str, object]:
    return {"file": position.file, "line": position.line, "column": position.column}


def print_sarif(checked: Checked) -> None:
    """Print SARIF 2.1.0."""
    from jetpack_core.cli.sarif import sarif

    click.echo(_redacted(json.dumps(sarif(checked.findings), indent=2, ensure_ascii=False)))
