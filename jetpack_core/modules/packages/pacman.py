# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `pacman`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final, Literal, Self, cast

from pydantic import model_validator

from jetpack_core.contracts.attributes import Attributes
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation, Run, Stat
from jetpack_core.contracts.paths import explained
from jetpack_core.errors import TaskError
from jetpack_core.modules.files.content import FileWork, compare, operation
from jetpack_core.modules.files.document import document_of
from jetpack_core.modules.files.payload import payload_of_bytes
from jetpack_core.modules.packages.foresight import Package, State, Work, as_results, last_words
from jetpack_core.modules.packages.holders import asking_for_holder, holder_in
from jetpack_core.modules.packages.holds import LockingTransaction
from jetpack_core.modules.packages.names import Request
from jetpack_core.modules.packages.pacman_conf import ignored, with_ignored, without_ignored
from jetpack_core.modules.packages.versions import PACMAN
from jetpack_core.records import CommandResult, FileStat, Plan

_PRINTED: Final = ("--print", "--print-format", "%n\t%v")
_CONF: Final = "/etc/pacman.conf"
_LIMIT: Final = 1024 * 1024
_LOCK: Final = "unable to lock database"
_LOCK_FILE: Final = "/var/lib/pacman/db.lck"


class Pacman(LockingTransaction):
    """Install, update and remove packages of Arch Linux and its family.

    All packages of a task go into one transaction. A repository of this family has one version of a package, so
    `version` can only say which one it must be. Arch supports no update of single packages against a newer index:
    use `refresh` together with `upgrade: all`.

    Example::

        - !pacman
          package: [nginx, postgresql]
        - !pacman
          name: update everything
          upgrade: all
          refresh: true
        - !pacman
          package: nginx
          remove: true
          purge: true
        - !pacman
          name: no upgrade of it until we say so
          package: postgresql
          hold: true
    """

    purge: bool = False
    """With `remove`: remove changed configuration files as well, rather than keep them as `.pacsave`."""

    autoremove: bool = False
    """With `remove`: also remove what was installed as a dependency and is needed no more."""

    upgrade: Literal["all"] | None = None
    """Bring every installed package to its newest version."""

    order: ClassVar = PACMAN
    tool: ClassVar[str] = "pacman"
    listing: ClassVar[str] = r"pacman -Q | tr ' ' '\t'"
    index_path: ClassVar[str] = "/var/lib/pacman/sync"
    source_paths: ClassVar[tuple[str, ...]] = ("/etc/pacman.conf", "/etc/pacman.d")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.purge or self.autoremove) and not self.remove:
            message = "`purge` and `autoremove` go with `remove`"
            raise ValueError(message)
        if any(one.is_file for one in self.requests()) and not (self.remove or all(map(_is_file, self.requests()))):
            message = "pacman installs package files in a transaction of their own; give them a task of their own"
            raise ValueError(message)
        return self

    def queries(self) -> list[Operation[object]]:
        """Return what tells the state of the packages, and of the index where it matters."""
        requests = self.requests()
        names = [one.name for one in requests if not one.is_file]
        files = [one.name for one in requests if one.is_file]
        # A file's package is known only once the file was read, so that everything is listed.
        found: list[Operation[object]] = []
        if files:
            found = [self.versions_query([]), Run(("pacman", "-Qp", "--", *files), read_only=True)]
        elif names:
            found = [self.versions_query(names)]
        return [*self.lock_queries(), *found, *self.index_queries()]

    def state(self, replies: Sequence[object]) -> State:
        """Return the state of the packages."""
        index, locks = self.index_queries(), len(self.lock_queries())
        own = replies[locks : len(replies) - len(index)]
        results = as_results(own)
        installed = self.versions(results[0]) if results else {}
        files = [one.name for one in self.requests() if one.is_file]
        told = [line.split() for line in results[1].stdout.splitlines()] if files else []
        if len(told) != len(files):
            raise TaskError(f"a package file cannot be read: {self.last_words(results[1])}")
        contents = dict(zip(files, told, strict=True))
        names = {one.name: contents[one.name][0] if one.is_file else one.name for one in self.requests()}
        packages = {written: installed[name] for written, name in names.items() if name in installed}
        versions = {path: version for path, (_, version) in contents.items()}
        age = self.index_age(replies[locks + len(own) :]) if index else None
        conf = next(reply for reply in replies if isinstance(reply, FileStat))
        held = self.locks(replies[:locks])
        return State(packages, index_age=age, in_files=versions, names=names, locks=held, locks_file=conf)

    def lock_queries(self) -> Sequence[Operation[object]]:
        """Return what tells what is on hold, and the file that most of it is in."""
        conf = Stat(_CONF, follow=True, checksum=True, content=_LIMIT)
        return [Run(("pacman-conf", "IgnorePkg"), read_only=True), conf]

    def locks(self, replies: Sequence[object]) -> tuple[str, ...]:
        """Return what pacman leaves alone."""
        return tuple(word for result in as_results(replies) for word in result.stdout.split())

    def with_holds(self, plan: Plan, work: Work) -> Plan:
        """Return the plan, holds and their file included. Raises TaskError where they are in another file."""
        plan = super().with_holds(plan, work)
        names = self.to_mark(work.state)
        if not names:
            return plan
        file = self._file_plan(work.state, names)
        return replace(plan, diffs=(*plan.diffs, *file.diffs), effects=(*plan.effects, *file.effects))

    def _file_plan(self, state: State, names: Sequence[str]) -> Plan:
        now = cast("FileStat", state.locks_file)
        before = document_of(now, _LIMIT)
        if self.hold:
            after = with_ignored(before, names)
        else:
            elsewhere = [name for name in names if name not in ignored(before)]
            if elsewhere:
                raise TaskError(f"{elsewhere[0]} is on hold by a file that {_CONF} includes", hint="take it out there")
            after = without_ignored(before, names)
        return compare(now, payload_of_bytes(after.to_bytes()), Attributes())

    async def mark(self, host: Host, work: Work, names: Sequence[str], changed: Mapping[str, object]) -> None:
        """Put packages on hold or take them off, in one line of pacman's own configuration."""
        if names:
            with explained(_CONF):
                await operation(host, cast("FileWork", self._file_plan(work.state, names).data), follow=True)

    def versions_query(self, names: Sequence[str]) -> Run:
        """Return the question for packages in pacman's database; all of them without names."""
        return Run(("pacman", "-Q", "--", *names), read_only=True)

    def versions(self, reply: CommandResult) -> Mapping[str, Package]:
        """Return the installed packages."""
        rows = [line.replace("\t", " ").split(" ") for line in reply.stdout.splitlines()]
        return {row[0]: Package(row[0], row[1]) for row in rows if len(row) == len(("name", "version"))}

    def simulated(self, todo: Sequence[Request], state: State | None) -> Run | None:
        """Return the transaction, printed rather than made."""
        # pacman does not print with this option, which makes no difference to what is printed.
        words = [word for word in self._words(todo) or () if word != "--nosave"]
        return Run(("pacman", words[0], "--noconfirm", *_PRINTED, *words[1:])) if words else None

    def transaction(self, work: Work) -> Run:
        """Return the transaction."""
        words = self._words(work.todo) or ()
        return Run(("pacman", *words[:1], "--noconfirm", "--noprogressbar", *words[1:]))

    def _words(self, todo: Sequence[Request]) -> tuple[str, ...] | None:
        if self.upgrade is not None:
            return ("-Su",)
        if not todo:
            return None
        names = [word for one in todo for word in _specs(one)]
        if self.remove:
            flags = ("--recursive",) * self.autoremove + ("--nosave",) * self.purge
            return ("-R", *flags, "--", *names)
        if todo[0].is_file:
            return ("-U", "--", *names)
        return ("-S", "--needed", "--", *names)

    def targets(self, ended: CommandResult) -> Mapping[str, str | None]:
        """Return what pacman printed."""
        if not ended.ok:
            raise TaskError(f"pacman would fail: {self.last_words(ended)}")
        rows = [line.split("\t") for line in ended.stdout.splitlines() if "\t" in line]
        return {row[0]: None if self.remove else row[1] for row in rows}

    def watched(self, run: Run) -> Run:
        """Return a command that also tells who holds the lock; pacman itself does not."""
        return asking_for_holder(run, _LOCK, _LOCK_FILE)

    def lock_holder(self, ended: CommandResult) -> str | None:
        """Return who holds the lock, or that it was left behind."""
        if _LOCK not in ended.stderr:
            return None
        holder = holder_in(ended)
        if holder is None:
            return f"{_LOCK_FILE} is held by no process: a pacman that was cut off left it, and it is to be removed"
        return f"{_LOCK_FILE} is held by {holder}"

    def last_words(self, ended: CommandResult) -> str:
        """Return pacman's errors, with the reasons that it writes among its output."""
        reasons = [line for line in ended.stdout.splitlines() if line.startswith("::") and not line.endswith("...")]
        return last_words(CommandResult(ended.argv, ended.rc, stderr="\n".join([ended.stderr, *reasons])))

    def refresh_words(self) -> tuple[str, ...]:
        """Return the command that refreshes the index."""
        return ("pacman", "-Sy", "--noconfirm", "--noprogressbar")


def _is_file(request: Request) -> bool:
    return request.is_file


def _specs(request: Request) -> list[str]:
    if any("*" in one.version or one.operator == "!=" for one in request.constraints):
        raise TaskError(f"pacman cannot be asked for {request.name} {request.wanted}")
    return [f"{request.name}{one.operator}{one.version}" for one in request.constraints] or [request.name]
