# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `pacman`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal, Self

from pydantic import model_validator

from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.foresight import Package, State, Work, as_results, last_words
from jetpack_core.modules.packages.indexed import ListedTransaction
from jetpack_core.modules.packages.names import Request
from jetpack_core.modules.packages.versions import PACMAN
from jetpack_core.records import CommandResult

_PRINTED: Final = ("--print", "--print-format", "%n\t%v")
_LOCK: Final = "unable to lock database"


class Pacman(ListedTransaction):
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
        return [*found, *self.index_queries()]

    def state(self, replies: Sequence[object]) -> State:
        """Return the state of the packages."""
        index = self.index_queries()
        own = replies[: len(replies) - len(index)]
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
        return State(packages, index_age=self.index_age(replies[len(own) :]) if index else None, in_files=versions)

    def versions_query(self, names: Sequence[str]) -> Run:
        """Return the question for packages in pacman's database; all of them without names."""
        return Run(("pacman", "-Q", "--", *names), read_only=True)

    def versions(self, reply: CommandResult) -> Mapping[str, Package]:
        """Return the installed packages."""
        rows = [line.replace("\t", " ").split(" ") for line in reply.stdout.splitlines()]
        return {row[0]: Package(row[0], row[1]) for row in rows if len(row) == len(("name", "version"))}

    def simulated(self, todo: Sequence[Request]) -> Run | None:
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

    def lock_holder(self, ended: CommandResult) -> str | None:
        """Tell of the lock, of which pacman does not say who holds it."""
        return "/var/lib/pacman/db.lck is held by another pacman" if _LOCK in ended.stderr else None

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
