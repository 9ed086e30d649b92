# SPDX-License-Identifier: GPL-3.0-or-later
"""What the doctor finds, and how it is told."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Level(StrEnum):
    """How bad a finding is."""

    FINE = "fine"
    NOTE = "note"
    """It works; it could be better."""
    BAD = "bad"


_COLOURS: Final = {Level.FINE: "green", Level.NOTE: "yellow", Level.BAD: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    """`control machine`, or the name of a host."""
    level: Level
    what: str
    remedy: str = ""


def tell(findings: Sequence[Finding]) -> None:
    """Print findings by subject; hosts of which the same is to be said share it."""
    from jetpack_core.views.text import one_line

    for title, chosen in (("This machine", _own(findings)), ("Hosts", _of_hosts(findings))):
        if chosen:
            click.echo(click.style(title, bold=True))
        for who, one in chosen:
            told = one_line(f"{who}: {one.what}" if who else one.what)
            click.echo(f"  {click.style(one.level.value.rjust(4), fg=_COLOURS[one.level])}  {told}")
            if one.remedy:
                click.echo(f"        do: {one_line(one.remedy)}")
    counts = Counter(one.level for one in findings)
    summed = [f"{counts[level]} {level}" for level in (Level.BAD, Level.NOTE, Level.FINE) if counts[level]]
    click.echo(f"\n{', '.join(summed)}")


CONTROL: Final = "control machine"


def _own(findings: Iterable[Finding]) -> list[tuple[str, Finding]]:
    return [("", one) for one in findings if one.subject == CONTROL]


def _of_hosts(findings: Iterable[Finding]) -> list[tuple[str, Finding]]:
    from jetpack_core.views.text import join_names

    alike: dict[tuple[Level, str, str], list[str]] = {}
    for one in findings:
        if one.subject != CONTROL:
            alike.setdefault((one.level, one.what, one.remedy), []).append(one.subject)
    return [(join_names(sorted(names, key=_as_read)), Finding(names[0], *key)) for key, names in alike.items()]


def _as_read(name: str) -> list[tuple[int, str]]:
    """Order names as people do: h2 before h10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def tell_json(findings: Sequence[Finding]) -> None:
    """Print findings as a JSON list."""
    records = [
        {"subject": one.subject, "level": one.level.value, "what": one.what, "remedy": one.remedy} for one in findings
    ]
    click.echo(json.dumps(records, indent=2))
