# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg and apt write, none of it in anybody's language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from jetpack_core.contracts.operations import Run
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.foresight import Package, Step
from jetpack_core.modules.packages.names import HOLD_HINT, REFRESH_HINT

FORMAT: Final = r"${Package}\t${Architecture}\t${db:Status-Want}\t${db:Status-Status}\t${Version}\n"
_STEP: Final = re.compile(r"(Inst|Conf|Remv|Purg) (\S+)(?: \[([^\]]*)\])?(?: \((\S+))?")
_INSTALLED: Final = frozenset({"installed", "triggers-awaited", "triggers-pending"})
_PARTLY: Final = frozenset({"half-installed", "unpacked", "half-configured"})


def query(*argv: str) -> Run:
    """Return a command that only reads."""
    return Run(argv, read_only=True)


def hint_for(errors: str) -> str:
    """Return what to do about apt's errors."""
    if "Unable to locate package" in errors or "was not found" in errors or "no installation candidate" in errors:
        return REFRESH_HINT
    if "Held packages were changed" in errors:
        return HOLD_HINT
    return ""


def package_in(row: Sequence[str], *, remains: bool) -> Package | None:
    """Return the package in a line of FORMAT, if it is there; with `remains`, also what a removal left."""
    name, _, want, status, version = row
    if status in _INSTALLED | _PARTLY:
        return Package(name, version, status in _INSTALLED, want == "hold")
    return Package(name, version or "configuration", complete=False) if remains and status == "config-files" else None


def find_package(name: str, rows: Sequence[Sequence[str]], native: str, *, remains: bool) -> Package | None:
    """Return a package of the architecture asked for, or of the host's own before any other."""
    plain, _, wanted = name.partition(":")
    found = {row[1]: package_in(row, remains=remains) for row in rows if row[0] == plain}
    order = (wanted, "all") if wanted and wanted != "any" else (native, "all", *found)
    return next((found[one] for one in order if found.get(one) is not None), None)


def package_in_file(path: str, told: Sequence[str]) -> tuple[str, str]:
    """Return the name, with its architecture, and the version of the package in a file. Raises TaskError."""
    if len(told) != len(("name", "architecture", "version")):
        words = " ".join(told).removeprefix("!")
        raise TaskError(f"{path} cannot be read as a package: {words}", hint="put the file there first, with !copy")
    name, architecture, version = told
    return (name if architecture == "all" else f"{name}:{architecture}"), version


def versions_on_offer(text: str) -> dict[str, list[str]]:
    """Return the versions that repositories have, by package, newest first."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        fields = [part.strip() for part in line.split("|")]
        if len(fields) > 1 and fields[1] not in found.setdefault(fields[0], []):
            found[fields[0]].append(fields[1])
    return found


def steps_of(simulation: str) -> tuple[Step, ...]:
    """Return the steps that a simulation prints; its lines have the same words in every language."""
    found: dict[str, Step] = {}
    for line in simulation.splitlines():
        match = _STEP.match(line)
        if match is not None:
            _add_step(found, match[1], match[2], match[3], match[4])
    return tuple(found.values())


def _add_step(found: dict[str, Step], verb: str, name: str, before: str | None, version: str | None) -> None:
    if verb == "Inst":
        found[name] = Step(name, before, version)
    elif verb == "Conf" and name not in found:
        found[name] = Step(name, f"{version} (not configured)", version)
    elif verb in {"Remv", "Purg"} and name not in found:
        found[name] = Step(name, before or "configuration", None)
