# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `zypper`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import unescape
from typing import ClassVar, Final

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.foresight import State, Work, as_results, last_words
from jetpack_core.modules.packages.names import Request
from jetpack_core.modules.packages.rpm import RpmTransaction, shown
from jetpack_core.records import CommandResult

_LOCKED: Final = 7
# libzypp then takes no lock: who only asks need not wait for others, nor make them wait.
_READING: Final = {"ZYPP_LOCK_TIMEOUT": "0", "ZYPP_READONLY_HACK": "1"}
# zypper(8): 100 to 103 only tell of patches and restarts; 106 that a repository was left out.
_REBOOT, _RESTART, _LEFT_OUT = 102, 103, 106
_NOTHING_FOUND: Final = 104
_FINE: Final = frozenset({0, 100, 101, _REBOOT, _RESTART, _LEFT_OUT})
_TAG: Final = re.compile(r"<(to-[a-z-]+|solvable)\b([^>]*)>")
_ATTRIBUTE: Final = re.compile(r'([a-z-]+)="([^"]*)"')
_MESSAGE: Final = re.compile(
    r'<message type="error">(.*?)</message>|<description>(Problem: .*?)</description>', re.DOTALL
)
# Locks do not hold where their file is not read.
_UNLOCKED_SCRIPT: Final = """
conf=$(mktemp) || exit
trap 'rm -f "$conf"' EXIT
trap 'exit 143' INT TERM HUP
for now in "$ZYPP_CONF" /etc/zypp/zypp.conf /usr/etc/zypp/zypp.conf; do
  [ -f "$now" ] && { cat "$now" >"$conf"; break; }
done
printf '\\n[main]\\nlocksfile.apply = no\\n' >>"$conf"
ZYPP_CONF=$conf "$@"
"""
_LOCK_KEYS: Final = frozenset({"type", "match_type", "case_sensitive", "solvable_name"})
_HOLDER: Final = re.compile(r"pid (\d+)(?: \(([^)]*)\))?")


class Zypper(RpmTransaction):
    """Install, update and remove packages of SUSE and its family.

    All packages of a task go into one transaction. The plan names every package that would change, dependencies
    included.

    Example::

        - !zypper
          package: [nginx, postgresql-server >= 15]
        - !zypper
          package: nginx=1.21.5
          downgrade: true
        - !zypper
          name: install security updates
          upgrade: security
          refresh: true
        - !zypper
          name: this very version, and no other until we say so
          package: postgresql15-server = 15.5
          hold: true
    """

    recommends: bool | None = None
    """Whether recommended packages are installed too; as the host's configuration has it unless said."""

    tool: ClassVar[str] = "zypper"
    # zypper(8), needs-rebooting.
    restart_note: ClassVar[str] = "/run/reboot-needed"
    environment: ClassVar[Mapping[str, str]] = {"ZYPP_LOCK_TIMEOUT": "0"}
    index_path: ClassVar[str] = "/var/cache/zypp/raw"
    source_paths: ClassVar[tuple[str, ...]] = ("/etc/zypp/repos.d",)

    def simulated(self, todo: Sequence[Request], state: State | None) -> Run | None:
        """Return the transaction as a simulation."""
        words = self._words(todo, state, simulated=True)
        return None if words is None else self._asking(words)

    def transaction(self, work: Work) -> Run:
        """Return the transaction."""
        run = self._zypper("--no-refresh", words=self._words(work.todo, work.state) or ())
        return self.as_allowed(run, work.todo, work.state)

    def across_holds(self, run: Run) -> Run:
        """Return a transaction with zypper's configuration, but without its locks."""
        return replace(run, argv=("/bin/sh", "-c", _UNLOCKED_SCRIPT, "unlocked", *run.argv))

    def lock_queries(self) -> Sequence[Operation[object]]:
        """Return what prints the list of locks; zypper itself would tell only while nobody else uses it."""
        return [Run(("/bin/sh", "-c", "cat /etc/zypp/locks 2>/dev/null"), read_only=True)]

    def locks(self, replies: Sequence[object]) -> tuple[str, ...]:
        """Return the names that locks are about; a lock on a version or a repository alone is none of them."""
        entries = [entry for result in as_results(replies) for entry in result.stdout.split("\n\n")]
        rows = [dict(line.partition(": ")[::2] for line in entry.strip().splitlines()) for entry in entries]
        return tuple(row["solvable_name"] for row in rows if "solvable_name" in row and _about_name(row))

    async def mark(self, host: Host, work: Work, names: Sequence[str], changed: Mapping[str, object]) -> None:
        """Put packages on hold or take them off. Raises TaskError."""
        if names:
            verb = "addlock" if self.hold else "removelock"
            await self.set_holds(host, self._zypper(words=(verb, *names)), f"zypper {verb}")

    def offer_query(self, names: Sequence[str]) -> Run:
        """Return the question for the versions that repositories have."""
        words = ("search", "--details", "--match-exact", "--type", "package", *names)
        return self._asking(words)

    def offers(self, ended: CommandResult) -> Sequence[tuple[str, str]]:
        """Return names and versions. Raises TaskError where zypper cannot even be asked."""
        if ended.rc not in _FINE | {_NOTHING_FOUND}:
            raise TaskError(f"zypper: {self.last_words(ended)}")
        found = [dict(_ATTRIBUTE.findall(tag[2])) for tag in _TAG.finditer(ended.stdout)]
        return [(one["name"], shown(one["edition"])) for one in found if {"name", "edition"} <= one.keys()]

    def _words(
        self, todo: Sequence[Request], state: State | None, *, simulated: bool = False
    ) -> tuple[str, ...] | None:
        dry = ("--dry-run",) if simulated else ()
        agree = ("--auto-agree-with-licenses",)
        if self.upgrade is not None:
            # Without that option a patch that asks for a restart is left out, and nothing fails.
            patch = ("patch", "--with-interactive", "--category", "security")
            return (*(patch if self.upgrade == "security" else ("update",)), *dry, *agree)
        if not todo:
            return None
        names = [self._spec(one, state) for one in todo]
        if self.remove:
            return ("remove", *dry, "--clean-deps" if self.autoremove else "--no-clean-deps", *names)
        back = ("--oldpackage",) if simulated or self.downgrade else ()
        more = () if self.recommends is None else ("--recommends" if self.recommends else "--no-recommends",)
        unsigned = ("--allow-unsigned-rpm",) if self.allow_unsigned else ()
        return ("install", *dry, *agree, *back, *more, *unsigned, *names)

    def _spec(self, request: Request, state: State | None) -> str:
        one = self.asked_for(request, state)
        return request.name if one is None else f"{request.name}{one.operator}{one.version}"

    def _asking(self, words: Sequence[str]) -> Run:
        return replace(self._zypper("--xmlout", "--no-refresh", words=words), env=_READING, read_only=True)

    def _zypper(self, *options: str, words: Sequence[str]) -> Run:
        return Run(("zypper", "--non-interactive", *options, *words), env=self.environment)

    def targets(self, ended: CommandResult) -> Mapping[str, str | None]:
        """Return what zypper's summary says."""
        if ended.rc not in _FINE:
            raise TaskError(f"zypper would fail: {self.last_words(ended)}")
        found: dict[str, str | None] = {}
        section = ""
        for tag in _TAG.finditer(ended.stdout):
            if tag[1] != "solvable":
                section = tag[1]
                continue
            told = {key: unescape(value) for key, value in _ATTRIBUTE.findall(tag[2])}
            if told.get("type") != "package":
                continue
            if section != "to-remove":
                found[told["name"]] = shown(told["edition"])
            else:
                # Of a package that may be there several times, such as a kernel, an old one may go as a new one comes.
                found.setdefault(told["name"], None)
        return found

    def succeeded(self, ended: CommandResult) -> bool:
        """Tell by its exit code whether a transaction was made."""
        return ended.rc in _FINE

    def remarks(self, ended: CommandResult) -> Sequence[str]:
        """Return what zypper's exit code tells beyond success, and scripts that failed."""
        found = [*super().remarks(ended)]
        if ended.rc == _RESTART:
            found.append("zypper itself was updated first; run the task again for the patches that are left")
        if ended.rc == _LEFT_OUT:
            found.append(f"zypper left a repository out: {self.last_words(ended)}")
        return found

    def outcome_findings(self, ended: CommandResult) -> Mapping[str, object]:
        """Return that a restart is needed, of which zypper keeps no note where a patch asked for it."""
        return {"reboot_required": True} if ended.rc == _REBOOT else {}

    def lock_holder(self, ended: CommandResult) -> str | None:
        """Return who holds zypper's lock."""
        if ended.rc != _LOCKED:
            return None
        match = _HOLDER.search(ended.stdout + ended.stderr)
        who = f"process {match[1]}" + (f" ({match[2]})" if match[2] else "") if match else "another process"
        return f"the lock of zypper is held by {who}"

    def last_words(self, ended: CommandResult) -> str:
        """Return zypper's errors, which are in its output where that is XML."""
        errors = [unescape(one or other) for one, other in _MESSAGE.findall(ended.stdout)]
        return last_words(CommandResult(ended.argv, ended.rc, ended.stdout, "\n".join(errors) or ended.stderr))

    def refresh_words(self) -> tuple[str, ...]:
        """Return the command that refreshes the index."""
        return ("zypper", "--non-interactive", "refresh")


def _about_name(lock: Mapping[str, str]) -> bool:
    return lock.keys() <= _LOCK_KEYS and lock.get("type", "package") == "package"
