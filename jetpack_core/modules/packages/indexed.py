# SPDX-License-Identifier: GPL-3.0-or-later
"""What package managers share that keep an index of repositories, and a list of what is installed."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from jetpack_core.contracts.operations import Operation, Run, Stat
from jetpack_core.modules.packages.foresight import Foreseen, Package, State, Step, as_results
from jetpack_core.modules.packages.names import Duration, Request
from jetpack_core.modules.packages.transaction import Transaction
from jetpack_core.records import CommandResult, FileStat

# $1: the checksum that a list of all that is installed must have; $2...: the command.
_GUARD: Final = """
[ "$(%s | LC_ALL=C sort | sha256sum)" = "$1  -" ] || exit 75
shift
exec "$@"
"""


class IndexedTransaction(Transaction):
    """A transaction with packages from repositories whose index is kept on the host."""

    refresh: bool = False
    """Refresh the package index first, where something is to be installed and the index is older than `cache_valid`."""

    cache_valid: Duration = Field(default=3600.0)
    """How old the index may be (default `1h`); one older than the list of repositories is always too old."""

    index_path: ClassVar[str]
    """A directory whose time of change says when the index was last refreshed."""
    source_paths: ClassVar[tuple[str, ...]] = ()
    """Where repositories are named."""

    def has_other_work(self) -> bool:
        """Tell whether the index is to be refreshed whatever the packages."""
        return self.has_transaction() or (self.refresh and self.package is None)

    def nothing_to_do(self) -> str:
        """Say what is missing in a task without packages."""
        return "give a `package`, or `refresh: true` to refresh the package index alone"

    def index_queries(self, host_clock: Sequence[str] = ("date", "+%s")) -> list[Operation[object]]:
        """Return what tells the age of the index, where it matters."""
        if not self.refresh:
            return []
        paths = (self.index_path, *self.source_paths)
        return [Run(tuple(host_clock), read_only=True), *(Stat(path) for path in paths)]

    def index_age(self, replies: Sequence[object]) -> float | None:
        """Return the age of the index from the replies to `index_queries`, in seconds."""
        if not self.refresh or not isinstance(replies[0], CommandResult):
            return None
        stats = {reply.path: reply for reply in replies if isinstance(reply, FileStat)}
        refreshed = stats[self.index_path].mtime
        newest = max((stats[path].mtime for path in self.source_paths if path in stats), default=0)
        if not stats[self.index_path].exists or newest > refreshed or not replies[0].stdout.strip().isdigit():
            return None
        age = float(replies[0].stdout) - refreshed
        # One from the future was made before the host's clock was set back, nobody knows how long ago.
        return age if age >= 0 else None

    def refresh_due(self, state: State) -> bool:
        """Tell whether the index is too old."""
        return self.refresh and not self.remove and (state.index_age is None or state.index_age > self.cache_valid)

    @abstractmethod
    def refresh_words(self) -> tuple[str, ...]:
        """Return the command that refreshes the index."""

    def refresh_command(self) -> Run:
        """Return the command that refreshes the index, and notes that it did."""
        # dnf 5 keeps its index elsewhere, so that the place of dnf 4 may not be there.
        script = 'index=$1; shift; "$@" && { [ -e "$index" ] || mkdir -p "$index"; } && touch "$index"'
        argv = ("/bin/sh", "-c", script, "refresh", self.index_path, *self.refresh_words())
        return Run(argv, env=self.environment)


class UpgradingTransaction(IndexedTransaction):
    """A transaction that may be about the whole system instead of named packages."""

    upgrade: Literal["all", "security"] | None = None
    """Bring every installed package to its newest version, or only those that a security notice is about."""

    @model_validator(mode="after")
    def _upgrades_alone(self) -> Self:
        if self.upgrade is not None and (self.package is not None or self.remove):
            message = "`upgrade` is about the whole system; name packages in a task of their own"
            raise ValueError(message)
        return self

    def nothing_to_do(self) -> str:
        """Say what is missing."""
        return "give a `package`, or `upgrade` or `refresh`"

    def has_transaction(self) -> bool:
        """Tell whether the whole system is concerned."""
        return self.upgrade is not None

    @property
    def foresees_at_once(self) -> bool:
        """Tell whether only the manager can tell if there is anything to do."""
        return self.has_transaction() or self.update


class ListedTransaction(UpgradingTransaction):
    """A transaction whose manager can list all that is installed quickly, as lines of name and version."""

    listing: ClassVar[str]
    """The shell command that prints `NAME<tab>VERSION` for each installed package."""

    def simulation(self, todo: Sequence[Request], state: State | None) -> Sequence[Operation[object]]:
        """Return the simulation, and the list that its steps are compared to."""
        simulated = self.simulated(todo, state)
        if simulated is None:
            return ()
        listed = Run(("/bin/sh", "-c", f"{self.listing} | LC_ALL=C sort"), read_only=True)
        return [replace(simulated, read_only=True), listed]

    @abstractmethod
    def simulated(self, todo: Sequence[Request], state: State | None) -> Run | None:
        """Return the command that tells what would be done; None where there is nothing."""

    @abstractmethod
    def targets(self, ended: CommandResult) -> Mapping[str, str | None]:
        """Return the version that each package would have, or None. Raises TaskError where the manager refuses."""

    def foresee(self, replies: Sequence[object], state: State) -> Foreseen:
        """Return the steps of a simulation."""
        ended, listed = as_results(replies)
        now = {package.name: package.version for package in self.versions(listed).values()}
        steps = [Step(name, now.get(name), version) for name, version in self.targets(ended).items()]
        digest = hashlib.sha256(listed.stdout.encode(errors="surrogateescape")).hexdigest()
        return Foreseen(tuple(step for step in steps if step.before != step.after), digest)

    def guarded(self, run: Run, digest: str) -> Run:
        """Return the transaction behind a comparison of what is installed."""
        return replace(run, argv=("/bin/sh", "-c", _GUARD % self.listing, "guard", digest, *run.argv))

    def versions(self, reply: CommandResult) -> Mapping[str, Package]:
        """Return the installed packages; of one that is there several times, the newest."""
        found: dict[str, Package] = {}
        for line in reply.stdout.splitlines():
            name, tab, version = line.partition("\t")
            if tab and (name not in found or self.order.compare(version, found[name].version) > 0):
                found[name] = Package(name, version)
        return found
