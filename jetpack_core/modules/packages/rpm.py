# SPDX-License-Identifier: GPL-3.0-or-later
"""What `dnf` and `zypper` share: rpm's database, and how versions are asked for."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cmp_to_key
from typing import ClassVar, Final, Self

from pydantic import model_validator

from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.foresight import Package, State, as_results, last_words
from jetpack_core.modules.packages.holds import LockingTransaction
from jetpack_core.modules.packages.names import REFRESH_HINT, Constraint, Request
from jetpack_core.modules.packages.versions import RPM
from jetpack_core.records import CommandResult

_FORMAT: Final = r"%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}\n"
# A name may be followed by an architecture, `glibc.i686`.
_ARCHITECTURE: Final = re.compile(r"\.(noarch|x86_64|i[3-6]86|aarch64|armv\w+|ppc64(le)?|s390x?|riscv64)$")
# A script behind the installation that fails is no failure for rpm, and so for none of the programs above it.
_SCRIPT_FAILED: Final = re.compile(
    r"^(?:error: lua script failed: .*|warning: %\w+\(.*\) scriptlet failed.*)$", re.MULTILINE
)

# Which package a file holds is known only once it was read, and its state is wanted in the same round trip.
_FILES_SCRIPT: Final = """
format=$1; shift
for file; do
  told=$(rpm -qp --nosignature --qf "$format" -- "$file" 2>&1) || told="!$told"
  printf 'file\\t%s\\t%s\\n' "$file" "$told"
  case $told in !*) ;; *) rpm -q --qf "$format" -- "${told%%\t*}" 2>/dev/null ;; esac
done
"""


def shown(version: str) -> str:
    """Return a version without an epoch of zero, as rpm itself shows it."""
    return version.removeprefix("0:").removeprefix("(none):")


class RpmTransaction(LockingTransaction):
    """Packages of rpm's kind."""

    autoremove: bool = False
    """With `remove`: also remove what was installed as a dependency and is needed no more."""

    allow_unsigned: bool = False
    """Take packages that nobody signed, such as a package file of your own."""

    order: ClassVar = RPM
    listing: ClassVar[str] = r"rpm -qa --qf '%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\n'"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.autoremove and not self.remove:
            message = "`autoremove` goes with `remove`"
            raise ValueError(message)
        if self.remove and any(one.name.startswith("@") for one in self.requests()):
            message = "a group can only be installed; name the packages that are to go"
            raise ValueError(message)
        return self

    @property
    def keeper(self) -> str:
        """Return whose packages they are, whichever program installs them."""
        return "rpm"

    def queries(self) -> list[Operation[object]]:
        """Return what tells the state of the packages, and of the index where it matters."""
        requests = self.requests()
        names = [one.name for one in requests if not one.is_file]
        files = [one.name for one in requests if one.is_file]
        found: list[Operation[object]] = [self.versions_query(names)] if names else []
        if files:
            found.append(Run(("/bin/sh", "-c", _FILES_SCRIPT, "files", _FORMAT, *files), read_only=True))
        if chosen := self._chosen():
            found.append(self.offer_query([one.name for one in chosen]))
        return [*self.lock_queries(), *found, *self.index_queries()]

    def _chosen(self) -> list[Request]:
        """Return the requests of which a version must be chosen here; of a range, the programs take one end alone."""
        return [one for one in self.requests() if len(one.constraints) > 1 or any(map(_is_open, one.constraints))]

    @abstractmethod
    def offer_query(self, names: Sequence[str]) -> Run:
        """Return the question for the versions that repositories have."""

    @abstractmethod
    def offers(self, ended: CommandResult) -> Sequence[tuple[str, str]]:
        """Return names and versions from the reply to `offer_query`."""

    def asked_for(self, request: Request, state: State | None) -> Constraint | None:
        """Return the one condition that the program is asked for. Raises TaskError where no version will do."""
        if request not in self._chosen():
            return request.constraints[0] if request.constraints else None
        known = () if state is None else state.available.get(self.plain_name(request.name), ())
        for version in known:
            if request.accepts(version, self.order):
                return Constraint("=", version)
        there = f"the repositories have {', '.join(known)}" if known else "the repositories have none"
        raise TaskError(f"no version of {request.name} is {request.wanted}: {there}", hint=REFRESH_HINT)

    @property
    def foresees_at_once(self) -> bool:
        """Tell whether the program can be asked before anything is known."""
        return not self._chosen() and super().foresees_at_once

    def state(self, replies: Sequence[object]) -> State:
        """Return the state of the packages."""
        index, locks = self.index_queries(), len(self.lock_queries())
        own = replies[locks : len(replies) - len(index)]
        results = as_results(own)
        offered = self._newest_first(self.offers(results.pop())) if self._chosen() else {}
        lines = [line.split("\t") for result in results for line in result.stdout.splitlines()]
        contents = {row[1]: row[2:] for row in lines if row[0] == "file"}
        packages: dict[str, Package] = {}
        versions: dict[str, str] = {}
        names: dict[str, str] = {}
        for request in self.requests():
            name = request.name
            if request.is_file:
                name, versions[request.name] = _contents(name, contents.get(name, ()))
            names[request.name] = self.plain_name(name)
            found = self._installed(request, name, [row for row in lines if len(row) == _COLUMNS])
            if found is not None:
                packages[request.name] = found
        age = self.index_age(replies[locks + len(own) :]) if index else None
        held = self.locks(replies[:locks])
        return State(packages, offered, index_age=age, in_files=versions, names=names, locks=held)

    def _newest_first(self, offers: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, version in dict.fromkeys(offers):
            found.setdefault(name, []).append(version)
        for versions in found.values():
            versions.sort(key=cmp_to_key(self.order.compare), reverse=True)
        return found

    @staticmethod
    def plain_name(name: str) -> str:
        """Return the name of a package without its architecture."""
        return _ARCHITECTURE.sub("", name)

    def _installed(self, request: Request, name: str, rows: Sequence[Sequence[str]]) -> Package | None:
        """Return a package that is installed: one that will do, or else the newest, as several kernels may be."""
        found = [shown(row[1]) for row in rows if row[0] != "file" and name in {row[0], f"{row[0]}.{row[2]}"}]
        good = [version for version in found if request.accepts(version, self.order)]
        best = ""
        for version in good or found:
            best = version if not best or self.order.compare(version, best) > 0 else best
        return Package(name, best) if best else None

    def remarks(self, ended: CommandResult) -> Sequence[str]:
        """Return which scripts of packages failed where the packages are installed nevertheless."""
        said = f"{ended.stdout}\n{ended.stderr}"
        return [f"a script of a package failed: {line}" for line in dict.fromkeys(_SCRIPT_FAILED.findall(said))]

    def versions_query(self, names: Sequence[str]) -> Run:
        """Return the question for packages in rpm's database; what it says of missing ones has no tabs."""
        return Run(("rpm", "-q", "--qf", _FORMAT, "--", *names), read_only=True)

    def versions(self, reply: CommandResult) -> Mapping[str, Package]:
        """Return the installed packages, with versions as rpm shows them."""
        rows = [line.split("\t") for line in reply.stdout.splitlines()]
        found: dict[str, Package] = {}
        for row in (row for row in rows if len(row) > 1):
            now = Package(row[0], shown(row[1]))
            if now.name not in found or self.order.compare(now.version, found[now.name].version) > 0:
                found[now.name] = now
        return found


_COLUMNS: Final = 3


def _is_open(constraint: Constraint) -> bool:
    return constraint.operator == "!=" or "*" in constraint.version


def _contents(path: str, told: Sequence[str]) -> tuple[str, str]:
    """Return the name and the version of the package in a file. Raises TaskError."""
    if len(told) != _COLUMNS:
        words = last_words(CommandResult((), 1, stderr="\n".join(told).removeprefix("!")))
        raise TaskError(f"{path} cannot be read as a package: {words}", hint="put the file there first, with !copy")
    return told[0], shown(told[1])
