# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task says of packages, and what a package manager must be able to tell and do."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final, Self

from pydantic import model_validator

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.operations import Operation, Run, Stat
from jetpack_core.contracts.unknown import Unknown
from jetpack_core.modules.commands.execution import ResultName
from jetpack_core.modules.packages.foresight import (
    Foreseen,
    Package,
    State,
    Work,
    last_words,
)
from jetpack_core.modules.packages.names import (
    Duration,
    Order,
    PackageNames,
    Request,
    VersionText,
    parse_constraints,
    parse_request,
)
from jetpack_core.records import CommandResult, FileStat

RESTART_FACT: Final = "jet_reboot_required"


class ManagedPackages(Module):
    """Packages of one package manager, before anything is planned."""

    package: PackageNames | None = None
    """The package, or a list of them: `nginx`, `nginx=1.22.1-9`, `nginx >= 1.22`."""

    version: VersionText | None = None
    """The version of every package that does not name its own: exact, with `*`, or conditions like `>= 1.2, < 2`."""

    update: bool = False
    """Bring the packages to the newest version there is."""

    remove: bool = False
    """See that the packages are not installed."""

    downgrade: bool = False
    """Let a package go back to an older version where `version` asks for that; else the task fails."""

    lock_timeout: Duration = 60.0
    """How long to wait while another program holds the package manager's lock."""

    save: ResultName | None = None
    """The variable to keep the result in: `changed`, a map of package to its versions `before` and `after`."""

    titled_by: ClassVar[str] = "package"
    order: ClassVar[Order]
    name_pattern: ClassVar[re.Pattern[str] | None] = None
    """Which names the manager knows, where that is not the usual."""
    compatible_releases: ClassVar[bool] = False
    """Whether the manager knows the condition `~=`."""
    environment: ClassVar[Mapping[str, str]] = {}
    tool: ClassVar[str]
    """The program, for errors."""
    restart_note: ClassVar[str] = ""
    """The file that is there while packages wait for a restart, where the system keeps one."""
    renews_facts: ClassVar[tuple[str, ...]] = (RESTART_FACT,)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        try:
            self.requests()
        except ValueError as error:
            message = f"package: {error}"
            raise ValueError(message) from error
        if self.package is None and not self.has_other_work():
            message = self.nothing_to_do()
            raise ValueError(message)
        if self.remove and (self.version is not None or self.update):
            message = "`remove` goes without `version` and `update`"
            raise ValueError(message)
        if self.update and self.version is not None:
            message = "`update` takes the newest version, so it goes without `version`"
            raise ValueError(message)
        return self

    def has_other_work(self) -> bool:
        """Tell whether the task is about more than named packages."""
        return False

    def has_transaction(self) -> bool:
        """Tell whether the task changes packages even where it names none."""
        return False

    def nothing_to_do(self) -> str:
        """Say what is missing in a task without packages."""
        return "`package` is missing"

    def requests(self) -> tuple[Request, ...]:
        """Return the packages the task is about. Raises ValueError."""
        options = {} if self.name_pattern is None else {"pattern": self.name_pattern}
        general = parse_constraints(self.version) if self.version is not None else ()
        found = [parse_request(text, **options) for text in self.package or ()]
        if self.remove and any(one.constraints for one in found):
            message = "what is to be removed has no version"
            raise ValueError(message)
        found = [one if one.constraints or one.is_file else replace(one, constraints=general) for one in found]
        if not self.compatible_releases and any(part.operator == "~=" for one in found for part in one.constraints):
            message = "`~=` is known to pip alone"
            raise ValueError(message)
        return tuple(found)

    @property
    def keeper(self) -> str:
        """Return what keeps the packages, where several modules may act on the same."""
        return self.tool

    # What a package manager answers.

    @abstractmethod
    def queries(self) -> Sequence[Operation[object]]:
        """Return what tells the state of all requests, in one round trip."""

    @abstractmethod
    def state(self, replies: Sequence[object]) -> State:
        """Return the state from the replies to `queries`. Raises TaskError."""

    @abstractmethod
    def simulation(self, todo: Sequence[Request], state: State | None) -> Sequence[Operation[object]]:
        """Return what tells the steps of the transaction and changes nothing."""

    @abstractmethod
    def foresee(self, replies: Sequence[object], state: State) -> Foreseen:
        """Return the steps from the replies to `simulation`. Raises TaskError where the manager refuses."""

    @abstractmethod
    def transaction(self, work: Work) -> Run:
        """Return the one command that makes all changes."""

    @abstractmethod
    def versions_query(self, names: Sequence[str]) -> Run:
        """Return the question which versions of packages are installed."""

    @abstractmethod
    def versions(self, reply: CommandResult) -> Mapping[str, Package]:
        """Return the installed packages by name."""

    def guarded(self, run: Run, digest: str) -> Run:
        """Return a command that runs only while all that is installed still has a checksum."""
        return run

    def aftermath(self) -> Sequence[Operation[object]]:
        """Return what else is asked with the state, and again after the transaction."""
        return (Stat(self.restart_note),) if self.restart_note else ()

    def findings(self, replies: Sequence[object]) -> Mapping[str, object]:
        """Return what the replies to `aftermath` add to the result: whether packages wait for a restart."""
        notes = [reply for reply in replies if isinstance(reply, FileStat)]
        return {"reboot_required": notes[0].exists} if notes else {}

    def renewed(self, host: Host, result: Mapping[str, object]) -> Mapping[str, object]:
        """Return the fact about a restart where a result tells it anew."""
        required, known = result.get("reboot_required"), host.variables.get(RESTART_FACT)
        concerned = self.has_transaction() or RESTART_FACT in host.variables
        if required is None or not concerned or isinstance(known, Unknown) or known == required:
            return {}
        return {RESTART_FACT: required}

    def succeeded(self, ended: CommandResult) -> bool:
        """Tell by its exit code whether a transaction was made."""
        return ended.ok

    def remarks(self, ended: CommandResult) -> Sequence[str]:
        """Return what the user should know of a transaction that was made."""
        return ()

    def outcome_findings(self, ended: CommandResult) -> Mapping[str, object]:
        """Return what the exit code of a transaction tells beyond `findings`."""
        return {}

    def watched(self, run: Run) -> Run:
        """Return a command that also tells who holds the lock, where the manager does not tell that itself."""
        return run

    def lock_holder(self, ended: CommandResult) -> str | None:
        """Return who holds the lock, where the transaction failed for that alone and should be tried again."""
        return None

    def last_words(self, ended: CommandResult) -> str:
        """Return what the tool said in the end."""
        return last_words(ended)

    def refresh_command(self) -> Run | None:
        """Return what refreshes the index, where the manager has one and the task may refresh it."""
        return None

    def refresh_due(self, state: State) -> bool:
        """Tell whether the index is to be refreshed before anything is installed."""
        return False
