# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `apt`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final, Literal, Self

from pydantic import model_validator

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation, Run, Stat
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.apt_output import (
    FORMAT,
    find_package,
    hint_for,
    package_in,
    package_in_file,
    query,
    steps_of,
    versions_on_offer,
)
from jetpack_core.modules.packages.foresight import Foreseen, Package, State, Work, as_results, last_words
from jetpack_core.modules.packages.holds import HoldingTransaction
from jetpack_core.modules.packages.names import REFRESH_HINT, Request
from jetpack_core.modules.packages.versions import DEBIAN
from jetpack_core.records import CommandResult, FileStat

_STATUS: Final = "/var/lib/dpkg/status"
_LOCK: Final = re.compile(r"Could not get lock (\S+?)\.? (?:.*held by process (\d+)(?: \(([^)]*)\))?|- open)")
_IN_THE_WAY: Final = re.compile(r"^ (\S+ : \S.*?)(?=E:|$)", re.MULTILINE)
_REASONS: Final = 4
# Which package a file holds is known only once it was read, and its state is wanted in the same round trip.
_FILES_SCRIPT: Final = """
format=$1; shift
for file; do
  told=$(dpkg-deb -W --showformat='${Package}\\t${Architecture}\\t${Version}' "$file" 2>&1) || told="!$told"
  printf 'file\\t%s\\t%s\\n' "$file" "$told"
  case $told in !*) ;; *) dpkg-query -W -f="$format" "${told%%\t*}" 2>/dev/null ;; esac
done
"""

# Only what security repositories have may replace what is installed; what must be added may come from anywhere.
_SECURITY_PINS: Final = """\
Package: *
Pin: release a=*-security
Pin-Priority: 990

Package: *
Pin: release l=Debian-Security
Pin-Priority: 990

Package: *
Pin: release a=*
Pin-Priority: 50

"""
_PINNED_SCRIPT: Final = """
pins=$(mktemp) || exit
trap 'rm -f "$pins"' EXIT
trap 'exit 143' INT TERM HUP
cat - /etc/apt/preferences >"$pins" 2>/dev/null
"$@" -o "Dir::Etc::Preferences=$pins"
"""


class Apt(HoldingTransaction):
    """Install, update and remove packages of Debian and its family, and patch the whole system.

    All packages of a task go into one transaction. The plan names every package that would change, dependencies
    included. Nothing is ever asked: where a package brings a new version of a configuration file that was changed
    on the host, `conffiles` decides. A package on hold is left alone by `update` and `upgrade`.

    `update` brings the named packages to their newest version and does not refresh the index: that is `refresh`.

    Example::

        - !apt
          name: a web server, as new as it gets
          package: [nginx, certbot]
          update: true
          refresh: true
          cache_valid: 1h
        - !apt
          name: this very version, and no other until we say so
          package: postgresql-15=15.5-0+deb12u1
          hold: true
          downgrade: true
        - !apt
          name: install security updates
          upgrade: security
          refresh: true
          save: patch
        - !apt
          package: [telnetd, rsh-server]
          remove: true
          purge: true
          autoremove: true
        - !apt
          package: /root/agent_2.1_amd64.deb
    """

    purge: bool = False
    """With `remove` or `autoremove`: remove configuration and data of the packages as well."""

    autoremove: bool = False
    """Remove what was installed as a dependency and is needed no more; with `remove`, in the same transaction."""

    upgrade: Literal["all", "security"] | None = None
    """Bring every installed package to its newest version (`all`), or to that of the security repositories.

    New dependencies are installed and nothing is removed: what would need a removal stays as it is.
    """

    recommends: bool | None = None
    """Whether recommended packages are installed too; as the host's configuration has it unless said."""

    conffiles: Literal["keep", "replace"] = "keep"
    """What happens to changed configuration files: the host's own stay, or the package's take their place."""

    order: ClassVar = DEBIAN
    tool: ClassVar[str] = "apt-get"
    restart_note: ClassVar[str] = "/var/run/reboot-required"
    environment: ClassVar[Mapping[str, str]] = {
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBIAN_PRIORITY": "critical",
        "APT_LISTCHANGES_FRONTEND": "none",
        "APT_LISTBUGS_FRONTEND": "none",
        "NEEDRESTART_MODE": "l",
    }
    name_pattern: ClassVar = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?")
    index_path: ClassVar[str] = "/var/lib/apt/lists"
    source_paths: ClassVar[tuple[str, ...]] = ("/etc/apt/sources.list", "/etc/apt/sources.list.d")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.upgrade is not None and (self.package is not None or self.remove or self.autoremove):
            message = "`upgrade` is about the whole system; name packages in a task of their own"
            raise ValueError(message)
        if self.purge and not (self.remove or self.autoremove):
            message = "`purge` says how to remove; give `remove` as well"
            raise ValueError(message)
        if self.autoremove and self.package is not None and not self.remove:
            message = "`autoremove` goes with `remove`, or into a task of its own"
            raise ValueError(message)
        return self

    def nothing_to_do(self) -> str:
        """Say what is missing, and what those who know other tools may have meant."""
        if self.update:
            return "`update` needs a `package`; `refresh: true` refreshes the index, `upgrade: all` updates everything"
        return "give a `package`, or `upgrade`, `autoremove` or `refresh`"

    def has_transaction(self) -> bool:
        """Tell whether the whole system is concerned."""
        return self.upgrade is not None or (self.autoremove and self.package is None)

    @property
    def foresees_at_once(self) -> bool:
        """Tell whether only apt can tell if there is anything to do."""
        return self.has_transaction() or super().foresees_at_once

    # The state

    def queries(self) -> list[Operation[object]]:
        """Return what tells the state of the packages, and of the index where it matters."""
        requests = self.requests()
        names = [one.name for one in requests if not one.is_file]
        files = [one.name for one in requests if one.is_file]
        found: list[Operation[object]] = [Stat(_STATUS, checksum=True), query("dpkg", "--print-architecture")]
        found += [self.versions_query(names)] if names else []
        if files:
            found.append(query("/bin/sh", "-c", _FILES_SCRIPT, "files", FORMAT, *files))
        if choices := [one.name for one in requests if one.ranged]:
            found.append(query("apt-cache", *_NO_CACHE, "madison", *choices))
        return [*found, *self.index_queries()]

    def state(self, replies: Sequence[object]) -> State:
        """Return the state of the packages."""
        index = self.index_queries()
        own = list(replies[: len(replies) - len(index)])
        status, architecture, *told = own
        results = as_results(told)
        available = versions_on_offer(results.pop().stdout) if any(one.ranged for one in self.requests()) else {}
        native = architecture.stdout.strip() if isinstance(architecture, CommandResult) else ""
        rows = [line.split("\t") for result in results for line in result.stdout.splitlines()]
        held_by_files = {row[1]: row[2:] for row in rows if row[0] == "file"}
        packages, versions, names = {}, {}, {}
        for request in self.requests():
            name = request.name
            if request.is_file:
                name, versions[request.name] = package_in_file(request.name, held_by_files[request.name])
                names[request.name] = name
            found = find_package(name, [row for row in rows if row[0] != "file"], native, remains=self.purge)
            if found is not None:
                packages[request.name] = found
        expect = status if isinstance(status, FileStat) and status.exists else None
        age = self.index_age(replies[len(own) :]) if index else None
        return State(packages, available, expect, age, versions, names)

    def versions_query(self, names: Sequence[str]) -> Run:
        """Return the question for the state of packages in dpkg's database."""
        return query("dpkg-query", "-W", f"-f={FORMAT}", "--", *names)

    def versions(self, reply: CommandResult) -> Mapping[str, Package]:
        """Return the packages by their names, and by those with the architecture."""
        found = {}
        for row in (line.split("\t") for line in reply.stdout.splitlines()):
            package = package_in(row, remains=self.purge)
            if package is not None:
                found[f"{package.name}:{row[1]}"] = package
                found.setdefault(package.name, package)
        return found

    # What is to be done

    def is_held(self, request: Request, state: State) -> bool:
        """Tell whether dpkg has a package on hold."""
        now = state.packages.get(request.name)
        return now is not None and now.held

    def simulation(self, todo: Sequence[Request], state: State | None) -> Sequence[Operation[object]]:
        """Return the transaction as a simulation, which takes no lock and writes no cache."""
        words = self._words(todo, state)
        if words is None:
            return ()
        extra = ("-s", "--allow-downgrades", "-o", "Dir::Log::Planner=/dev/null", *_NO_CACHE)
        return [self._run((*words[:1], *extra, *words[1:]), read_only=True)]

    def foresee(self, replies: Sequence[object], state: State) -> Foreseen:
        """Return the steps of a simulation; its lines have the same words in every language."""
        (ended,) = as_results(replies)
        if not ended.ok:
            raise TaskError(f"apt-get would fail: {self.last_words(ended)}", hint=hint_for(ended.stderr))
        return Foreseen(steps_of(ended.stdout))

    def transaction(self, work: Work) -> Run:
        """Return the transaction."""
        words = self._words(work.todo, work.state)
        if words is None:
            return Run(("true",))
        extra = ("--allow-downgrades",) if self.downgrade else ()
        return self._run((*words[:1], *extra, *words[1:]))

    def _words(self, todo: Sequence[Request], state: State | None) -> tuple[str, ...] | None:
        """Return the sub-command with its arguments; None where there is nothing for apt to do."""
        purge = ("--purge",) if self.purge else ()
        if self.upgrade is not None:
            return ("upgrade", "--with-new-pkgs")
        if self.package is None:
            return ("autoremove", *purge) if self.autoremove else None
        if not todo:
            return None
        if self.remove:
            clean = ("--auto-remove",) if self.autoremove else ()
            return ("purge" if self.purge else "remove", *clean, "--", *(one.name for one in todo))
        return ("install", *self._install_options(), "--", *(self._word(one, state) for one in todo))

    def _install_options(self) -> tuple[str, ...]:
        held = ("--allow-change-held-packages",) if self.hold is not None else ()
        if self.recommends is None:
            return held
        return (*held, "--install-recommends" if self.recommends else "--no-install-recommends")

    def _word(self, request: Request, state: State | None) -> str:
        """Return a package as apt wants it written, with its version. Raises TaskError where no version will do."""
        if request.exact is not None:
            return f"{request.name}={request.exact}"
        if not request.ranged:
            return request.name
        known = () if state is None else state.available.get(request.name.partition(":")[0], ())
        for version in known:
            if request.accepts(version, self.order):
                return f"{request.name}={version}"
        there = f"the repositories have {', '.join(known)}" if known else "the repositories have none"
        raise TaskError(f"no version of {request.name} is {request.wanted}: {there}", hint=REFRESH_HINT)

    def _run(self, words: tuple[str, ...], *, read_only: bool = False) -> Run:
        # dpkg's own default, where it has one, keeps a file that was changed.
        confs = ("--force-confnew",) if self.conffiles == "replace" else ("--force-confdef", "--force-confold")
        options = (
            "Dpkg::Use-Pty=0",
            *(f"Dpkg::Options::={option}" for option in confs),
            # Waiting is done from here: whoever holds the lock may change what the plan was made for.
            "DPkg::Lock::Timeout=0",
            # Else a name that no package has is taken for a regular expression.
            "APT::Cmd::Pattern-Only=true",
        )
        settings = [part for option in options for part in ("-o", option)]
        argv = ("apt-get", "-q", "-y", *settings, *words)
        if self.upgrade != "security":
            return Run(argv, env=self.environment, read_only=read_only)
        pinned = ("/bin/sh", "-c", _PINNED_SCRIPT, "pinned", *argv)
        return Run(pinned, stdin=_SECURITY_PINS.encode(), env=self.environment, read_only=read_only)

    def refresh_words(self) -> tuple[str, ...]:
        """Return the command that refreshes the index; one repository that fails is a failure."""
        return ("apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update")

    async def mark(self, host: Host, work: Work, names: Sequence[str], changed: Mapping[str, object]) -> None:
        """Put packages on hold or take them off. Raises TaskError."""
        # apt forgets the hold of a package that it changes.
        again = [self.own_name(one, work.state) for one in self.requests()] if self.hold and changed else names
        if again:
            verb = "hold" if self.hold else "unhold"
            await self.set_holds(host, Run(("apt-mark", verb, *again), env=self.environment), f"apt-mark {verb}")

    def lock_holder(self, ended: CommandResult) -> str | None:
        """Return who holds one of the locks of apt and dpkg."""
        match = _LOCK.search(ended.stderr)
        if match is None:
            return None
        who = f"process {match[2]}" + (f" ({match[3]})" if match[3] else "") if match[2] else "another process"
        return f"{match[1]} is held by {who}"

    def last_words(self, ended: CommandResult) -> str:
        """Return apt's errors, with what a package's own script said before."""
        errors = [line for line in ended.stderr.splitlines() if line.strip() and not line.startswith("W:")]
        # Why packages do not go together stands in the output, one line for each that is in the way.
        errors = [*_IN_THE_WAY.findall(ended.stdout)[:_REASONS], *errors]
        return last_words(replace(ended, stderr="\n".join(errors)))


_NO_CACHE: Final = ("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=")
"""Simulations build apt's caches in memory rather than write them."""
