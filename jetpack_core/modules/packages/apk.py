# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `apk`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal, Self

from pydantic import model_validator

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.foresight import Foreseen, Package, State, Step, Work, as_results
from jetpack_core.modules.packages.holders import asking_for_holder, holder_in
from jetpack_core.modules.packages.indexed import UpgradingTransaction
from jetpack_core.modules.packages.names import Order, Request
from jetpack_core.records import CommandResult

_STEP: Final = re.compile(
    r"\( *\d+/\d+\) (Installing|Upgrading|Downgrading|Purging|Replacing) (\S+) \((\S+)(?: -> (\S+))?\)"
)
_NAMED: Final = re.compile(r"(\S+)-(\d\S*-r\d+|\d[^\s-]*)(?: - .*)?")
_REFUSED: Final = re.compile(r"^.*not removed due to:\n((?: +\S.*\n?)+)", re.MULTILINE)
_LOCK: Final = "Unable to lock database"
_LOCKS: Final = ("/lib/apk/db/lock", "/usr/lib/apk/db/lock")
_NOT_HELD: Final = ("Permission denied", "Read-only file system", "No such file or directory")


class Apk(UpgradingTransaction):
    """Install, update and remove packages of Alpine Linux.

    All packages of a task go into one transaction. Whether a version will do is judged by apk itself. What is
    needed no more is always removed with the package that needed it.

    Example::

        - !apk
          package: [nginx, postgresql15 >= 15.4]
          refresh: true
        - !apk
          name: update everything
          upgrade: all
          refresh: true
        - !apk
          package: telnet
          remove: true
          purge: true
    """

    purge: bool = False
    """With `remove`: remove changed configuration files as well."""

    upgrade: Literal["all"] | None = None
    """Bring every installed package to its newest version."""

    tool: ClassVar[str] = "apk"
    # Names of virtual packages begin with a dot.
    name_pattern: ClassVar = re.compile(r"[A-Za-z0-9@_.][A-Za-z0-9@._+:/~-]*")
    # apk judges itself, and says in words where a package would go back.
    order: ClassVar = Order(lambda _one, _other: 0, lambda _one, _other: True)
    index_path: ClassVar[str] = "/var/cache/apk"
    source_paths: ClassVar[tuple[str, ...]] = ("/etc/apk/repositories",)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if any("*" in part.version or part.operator == "!=" for one in self.requests() for part in one.constraints):
            message = "apk knows =, <, <=, > and >= only"
            raise ValueError(message)
        if any(len(one.constraints) > 1 for one in self.requests()):
            message = "apk keeps one condition for a package, so that two of them cannot be given"
            raise ValueError(message)
        if any(one.is_file for one in self.requests()):
            message = "package files are not supported; put them into a repository"
            raise ValueError(message)
        return self

    def queries(self) -> list[Operation[object]]:
        """Return what tells the state of the packages, and of the index where it matters."""
        asked = [("apk", "info", "--installed", word) for one in self.requests() for word in _specs(one)]
        found: list[Operation[object]] = [Run(words, read_only=True) for words in asked]
        return [*found, self.versions_query([]), *self.index_queries()]

    def state(self, replies: Sequence[object]) -> State:
        """Return the state of the packages: apk says of each condition whether it holds."""
        index = self.index_queries()
        own = as_results(replies[: len(replies) - len(index)])
        listed, answers = self.versions(own[-1]), iter(own[:-1])
        packages = {}
        for request in self.requests():
            good = [next(answers).ok for _ in _specs(request)].count(False) == 0
            if request.name in listed:
                now = listed[request.name]
                packages[request.name] = Package(now.name, now.version, complete=good or self.remove)
            elif good:
                # Another package provides it.
                packages[request.name] = Package(request.name, "provided")
        return State(packages, index_age=self.index_age(replies[len(own) :]) if index else None)

    def fulfils(self, host: Host, request: Request, state: State) -> bool:
        """Tell whether a package is as the task wants it."""
        now = state.packages.get(request.name)
        if self.remove:
            return now is None or now.version == "provided"
        return now is not None and now.complete and (not self.update or bool(request.constraints))

    def versions_query(self, names: Sequence[str]) -> Run:
        """Return the question for all that is installed."""
        return Run(("apk", "info", "--verbose"), read_only=True)

    def versions(self, reply: CommandResult) -> Mapping[str, Package]:
        """Return the installed packages."""
        matches = [_NAMED.fullmatch(line.strip()) for line in reply.stdout.splitlines()]
        return {match[1]: Package(match[1], match[2]) for match in matches if match is not None}

    def simulation(self, todo: Sequence[Request], state: State | None) -> Sequence[Operation[object]]:
        """Return the transaction as a simulation."""
        words = self._words(todo)
        return () if words is None else [Run(("apk", words[0], "--simulate", *words[1:]), read_only=True)]

    def foresee(self, replies: Sequence[object], state: State) -> Foreseen:
        """Return the steps of a simulation, whose words apk never translates."""
        (ended,) = as_results(replies)
        if not ended.ok:
            raise TaskError(f"apk would fail: {self.last_words(ended)}")
        if match := _REFUSED.search(ended.stdout + ended.stderr):
            message = f"apk would refuse, with the words: {' '.join(match[0].split())}"
            raise TaskError(message, hint="remove what needs it in the same task, or leave it")
        steps = []
        for match in map(_STEP.match, ended.stdout.splitlines()):
            if match is None:
                continue
            verb, name, first, second = match.groups()
            if verb == "Downgrading" and not self.downgrade:
                message = f"{name} would go back from {first} to {second}"
                raise TaskError(message, hint="`downgrade: true` allows that")
            if verb == "Purging":
                steps.append(Step(name, first, None))
            elif first != second:
                steps.append(Step(name, first if second else None, second or first))
        if self.remove and not steps:
            raise TaskError(f"apk would remove nothing: {self.last_words(ended)}")
        return Foreseen(tuple(steps))

    def transaction(self, work: Work) -> Run:
        """Return the transaction."""
        words = self._words(work.todo) or ()
        return Run(("apk", *words[:1], "--no-progress", *words[1:]))

    def _words(self, todo: Sequence[Request]) -> tuple[str, ...] | None:
        if self.upgrade is not None:
            return ("upgrade",)
        if not todo:
            return None
        if self.remove:
            return ("del", *(("--purge",) if self.purge else ()), *(one.name for one in todo))
        return ("add", *(("--upgrade",) if self.update else ()), *(word for one in todo for word in _specs(one)))

    def refresh_words(self) -> tuple[str, ...]:
        """Return the command that refreshes the index."""
        return ("apk", "update")

    def watched(self, run: Run) -> Run:
        """Return a command that also tells who holds the lock; apk itself does not."""
        return asking_for_holder(run, _LOCK, *_LOCKS)

    def lock_holder(self, ended: CommandResult) -> str | None:
        """Return who holds apk's lock."""
        if _LOCK not in ended.stderr or any(words in ended.stderr for words in _NOT_HELD):
            return None
        return f"the lock of apk is held by {holder_in(ended) or 'another process'}"


def _specs(request: Request) -> list[str]:
    return [f"{request.name}{one.operator}{one.version}" for one in request.constraints] or [request.name]
