# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `package`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Final, cast

from pydantic import ValidationError

from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError
from jetpack_core.modules.commands.execution import ResultName
from jetpack_core.modules.packages.names import Duration, PackageNames, VersionText

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.modules.packages.transaction import Transaction
    from jetpack_core.records import Outcome, Plan

_PROGRAMS: Final = {
    "apt-get": "apt",
    "dnf": "dnf",
    "dnf5": "dnf",
    "yum": "dnf",
    "zypper": "zypper",
    "pacman": "pacman",
    "apk": "apk",
    "brew": "homebrew",
}
_CLASSES: Final = {
    "apt": "Apt",
    "dnf": "Dnf",
    "zypper": "Zypper",
    "pacman": "Pacman",
    "apk": "Apk",
    "homebrew": "Homebrew",
}
# The manager that a system is made of says so by its database; others may be there as tools.
_DATABASES: Final = {
    "apt": "/var/lib/dpkg/status",
    "zypper": "/etc/zypp",
    "dnf": "/etc/yum.repos.d",
    "pacman": "/var/lib/pacman/local",
    "apk": "/lib/apk/db/installed",
}


@dataclass(frozen=True, slots=True)
class _Chosen:
    module: Transaction
    data: object


class Package(Module):
    """Install, update and remove packages with the package manager that the host has.

    The fact `jet_package_manager` decides where `facts` gathered it; otherwise the host is asked, which takes one
    more round trip. What only one package manager can do is in the module of its name.

    Example::

        - !package
          package: [git, rsync]
        - !package
          name: the web server of each family
          package: "{{ 'apache2' if jet_os_flavor == 'Debian' else 'httpd' }}"
          update: true
    """

    package: PackageNames
    """The package, or a list of them: `nginx`, `nginx >= 1.22`; the names are those of the host's family."""

    version: VersionText | None = None
    """The version of every package that does not name its own: exact, or conditions like `>= 1.2`."""

    update: bool = False
    """Bring the packages to the newest version there is."""

    remove: bool = False
    """See that the packages are not installed."""

    downgrade: bool = False
    """Let a package go back to an older version where `version` asks for that; else the task fails."""

    hold: bool | None = None
    """Whether the packages are on hold, so that no upgrade touches them; left as it is unless said."""

    refresh: bool = False
    """Refresh the package index first, where something is to be installed and the index is older than `cache_valid`."""

    cache_valid: Duration = 3600.0
    """How old the index may be (default `1h`)."""

    lock_timeout: Duration = 60.0
    """How long to wait while another program holds the package manager's lock."""

    save: ResultName | None = None
    """The variable to keep the result in: `changed`, a map of package to its versions `before` and `after`."""

    titled_by: ClassVar[str] = "package"
    renews_facts: ClassVar[tuple[str, ...]] = ("jet_reboot_required",)
    fact: ClassVar[str] = "jet_package_manager"

    async def plan(self, host: Host) -> Plan:
        """Choose the package manager, and let its module plan."""
        known = host.variables.get(self.fact)
        manager = known if isinstance(known, str) and known else await _detect(host)
        module = self._module(manager)
        plan = await module.plan(host)
        return replace(plan, data=_Chosen(module, plan.data))

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Let the chosen module act."""
        chosen = plan.data
        if not isinstance(chosen, _Chosen):
            message = "apply was given another module's plan"
            raise TypeError(message)
        return await chosen.module.apply(host, replace(plan, data=chosen.data))

    def _module(self, manager: str) -> Transaction:
        name = _PROGRAMS.get(manager, manager)
        module = _transaction(name)
        if self.hold is not None and "hold" not in module.model_fields:
            raise TaskError(f"{module.tool} keeps no package on hold", hint="leave `hold` out where the host has it")
        given = {name: getattr(self, name) for name in self.model_fields_set if name in module.model_fields}
        try:
            return module.model_validate(given)
        except ValidationError as error:
            said = "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())
            raise TaskError(f"!{name}, the module for this host, does not take that: {said}") from error


async def _detect(host: Host) -> str:
    """Return the package manager that the host's system is made of. Raises TaskError."""
    found = await host.gather([host.stat(path) for path in _DATABASES.values()])
    for manager, there in zip(_DATABASES, found, strict=True):
        if there.exists:
            return manager
    paths = ("/opt/homebrew/bin/brew", "/usr/local/bin/brew", "/home/linuxbrew/.linuxbrew/bin/brew")
    if any(there.exists for there in await host.gather([host.stat(path) for path in paths])):
        return "homebrew"
    raise TaskError("no package manager was found on the host", hint="give it by the variable jet_package_manager")


def _transaction(manager: str) -> type[Transaction]:
    """Return the module of a package manager. Raises TaskError."""
    if manager not in _CLASSES:
        raise TaskError(f"there is no module for the package manager {manager!r}")
    found = getattr(import_module(f"jetpack_core.modules.packages.{manager}"), _CLASSES[manager])
    return cast("type[Transaction]", found)
