# SPDX-License-Identifier: GPL-3.0-or-later
"""What a package manager says of a host and of a transaction, before it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from jetpack_core.errors import UnknownValueError
from jetpack_core.modules.packages.names import Request
from jetpack_core.records import CommandResult, FileStat

_LAST_WORDS: Final = 6
_HOLD: Final = "hold of "


def hold_of(name: str) -> str:
    """Return how the hold of a package is called among changes, and among what earlier tasks would make of packages."""
    return _HOLD + name


@dataclass(frozen=True, slots=True)
class Package:
    """A package that is on the host."""

    name: str
    version: str
    complete: bool = True
    """Whether it is installed and configured."""
    held: bool = False

    def __str__(self) -> str:
        return self.version if self.complete else f"{self.version} (not configured)"


@dataclass(frozen=True, slots=True)
class State:
    """What the host says about the packages that were asked for."""

    packages: Mapping[str, Package] = field(default_factory=dict)
    """By the name of the request; what is not there is missing."""
    available: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The versions the repositories have, newest first, of requests that leave a choice."""
    expect: FileStat | None = None
    """The manager's own database."""
    index_age: float | None = None
    """Seconds since the index was refreshed; None where that is not known or its sources are newer."""
    in_files: Mapping[str, str] = field(default_factory=dict)
    """The version in each package file that was asked for."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The package's own name, of requests that name its file."""
    locks: tuple[str, ...] = ()
    """Names and patterns of what is on hold, where the manager keeps a list of them."""
    locks_file: FileStat | None = None
    """The file with that list, where no program writes it."""
    lacks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The extras that a package does not have as it is installed, of requests that name some."""
    planned_holds: Mapping[str, bool] = field(default_factory=dict)
    """Plan mode: the packages that earlier tasks would put on hold or take off."""
    findings: Mapping[str, object] = field(default_factory=dict)
    """What else the task's result tells."""


@dataclass(frozen=True, slots=True)
class Step:
    """One package that a transaction changes; None stands for "not installed"."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a transaction would do."""

    steps: tuple[Step, ...] = ()
    digest: str = ""
    """A checksum of all that is installed, where the database has no one file that could be looked at."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a plan hands to apply."""

    state: State
    todo: tuple[Request, ...]
    foreseen: Foreseen = Foreseen()
    refresh: bool = False

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return what the transaction would do."""
        return self.foreseen.steps


def with_planned(state: State, requests: Sequence[Request], planned: Mapping[str, str | None]) -> State:
    """Plan mode: return the state as earlier tasks would leave it."""
    packages = dict(state.packages)
    for name in {one.name for one in requests} & planned.keys():
        version = planned[name]
        if version is None:
            packages.pop(name, None)
        else:
            packages[name] = Package(name, version, held=name in packages and packages[name].held)
    holds = {name.removeprefix(_HOLD): kept is not None for name, kept in planned.items() if name.startswith(_HOLD)}
    for request, package in packages.items():
        packages[request] = replace(package, held=holds.get(state.names.get(request, request), package.held))
    locks = tuple(one for one in state.locks if holds.get(one, True))
    more = tuple(name for name, held in holds.items() if held and name not in locks)
    return replace(state, packages=packages, locks=(*locks, *more), planned_holds=holds)


def behind(
    steps: Sequence[Step], todo: Sequence[Request], planned: Mapping[str, str | None], *, removing: bool
) -> tuple[Step, ...]:
    """Plan mode: return what is left of steps behind those of earlier tasks.

    Raises UnknownValueError where the manager, which sees the host as it is, cannot tell.
    """
    left = [Step(step.name, planned.get(step.name, step.before), step.after) for step in steps]
    named = {step.name for step in left}
    for request in todo:
        if request.name not in planned or request.name in named:
            continue
        if not removing:
            raise UnknownValueError(f"an earlier task would change {request.name} first")
        left.append(Step(request.name, planned[request.name], None))
    if any(step.before == "" for step in left):
        raise UnknownValueError("it depends on versions that only an earlier task's refreshed index can tell")
    return tuple(step for step in left if step.before != step.after)


def last_words(ended: CommandResult) -> str:
    """Return the last lines a command wrote, its errors before its output, as one."""
    lines = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
    return " | ".join(lines[-_LAST_WORDS:]) or f"exit code {ended.rc} without a word"


def as_results(replies: Sequence[object]) -> list[CommandResult]:
    """Return the ends of commands among replies."""
    return [reply for reply in replies if isinstance(reply, CommandResult)]


def ended_of(reply: object) -> CommandResult:
    """Return the end of a command from its reply."""
    if not isinstance(reply, CommandResult):
        message = f"a command was answered with {type(reply).__name__}"
        raise TypeError(message)
    return reply


def result_of(became: Mapping[str, Mapping[str, str | None]], findings: Mapping[str, object]) -> dict[str, object]:
    """Return the result of a transaction: what became of packages, and what else was found."""
    return {"changed": dict(became), **findings}


def told_of(became: Mapping[str, Mapping[str, str | None]]) -> str:
    """Return what became of packages as the user reads it."""
    parts = [f"{name} {one['before'] or 'none'} -> {one['after'] or 'none'}" for name, one in became.items()]
    return ", ".join(parts)
