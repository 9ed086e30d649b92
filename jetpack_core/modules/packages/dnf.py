# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `dnf`, also known as `yum`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.foresight import State, Work, as_results, last_words
from jetpack_core.modules.packages.names import Request
from jetpack_core.modules.packages.rpm import RpmTransaction, shown
from jetpack_core.records import CommandResult

_LOCKED: Final = 200
# What dnf keeps on hold is in a list of its plugin; dnf 5 has another.
_LOCKS_SCRIPT: Final = """
for program in dnf dnf5 yum microdnf none; do path=$(command -v "$program") && break; done
case $(readlink -f "$path") in *dnf5) program=dnf5 ;; esac
echo "#$program"
conf=/etc/dnf/plugins/versionlock.conf
list=$(sed -n 's/^ *locklist *= *//p' "$conf" 2>/dev/null)
cat "${list:-/etc/dnf/plugins/versionlock.list}" 2>/dev/null
[ -f "$conf" ] || echo '#missing'
grep -qi '^ *enabled *= *\\(0\\|no\\|false\\|off\\)' "$conf" 2>/dev/null && echo '#missing'
"""
# The plugin needs-restarting may be missing; it is a command of its own on some systems.
_RESTART_SCRIPT: Final = """
program=dnf; command -v dnf >/dev/null || program=dnf5
"$program" -q -C needs-restarting -r 2>/dev/null || needs-restarting -r 2>/dev/null
"""
_RESTART_WORDS: Final = {"Reboot is required": True, "Reboot should not be necessary": False}
_LOCK_ENTRY: Final = re.compile(r"(?:\d+:)?(.+)-(?:\d+:)?[^-]+-[^-]+")
_OTHERS: Final = {
    "#yum": ("the host has only yum 3, which this module does not know", "install dnf first, or use !command with yum"),
    "#microdnf": (
        "the host has only microdnf, which this module does not know",
        "install dnf first, by !command with `microdnf install -y dnf`",
    ),
    "#none": (
        "there is no dnf on the host",
        "choose the module of the host's own package manager, or `package`, which does that",
    ),
}
_HOLDER: Final = re.compile(r"(?:locked by|with PID|with pid) (\d+)(?:[^\n]* is: (\S+))?")
# What dnf 5 says, which leaves at once; it names the other process in some versions.
_TRANSACTION_LOCK: Final = re.compile(r"Failed to obtain rpm transaction lock(?:.*?\b[Pp][Ii][Dd]\W+(\d+))?", re.DOTALL)
_NAMED: Final = re.compile(r"with PID \d+ is: (\S+)")
_ADDING: Final = ("Installing", "Upgrading", "Downgrading", "Reinstalling")
# What a package takes the place of: of another name in dnf 4, and of its own former version as well in dnf 5.
_REPLACING: Final = re.compile(r"^ +replacing +(\S+)(?: +\S+)?.*$", re.MULTILINE)
# A row of the table may be broken anywhere, so rows are found by their shape.
_ROW: Final = re.compile(
    r"(\S+)\s+(noarch|src|[a-z][a-z0-9_]*)\s+((?:\d+:)?\S+-\S+)\s+(\S+)\s+[\d.]+\s*(?:[kKMGTi]*B?)\b"
)


class Dnf(RpmTransaction):
    """Install, update and remove packages of Fedora, Red Hat Enterprise Linux and their family.

    All packages of a task go into one transaction. The plan names every package that would change, dependencies
    included; what dnf weighs as optional may be left out by it. The module's other name is `yum`; hosts that have only
    yum 3 or microdnf are refused with what to do.

    Packages are put on hold by dnf's plugin versionlock, which must be there for that; the list of dnf 5 is not known.

    With `upgrade` the result tells whether a restart is needed, where dnf's plugin needs-restarting is there.

    dnf itself renews an index that its own settings call expired, and keeps a log, even when asked what it would do.

    Example::

        - !dnf
          package: [nginx, postgresql-server >= 15]
        - !dnf
          package: nginx
          version: 1.20.1-14.el9
          downgrade: true
        - !dnf
          name: install security updates
          upgrade: security
          refresh: true
        - !dnf
          name: this very version, and no other until we say so
          package: postgresql-server = 15.5
          hold: true
    """

    tool: ClassVar[str] = "dnf"
    index_path: ClassVar[str] = "/var/cache/dnf"
    source_paths: ClassVar[tuple[str, ...]] = ("/etc/yum.repos.d",)

    def simulated(self, todo: Sequence[Request], state: State | None) -> Run | None:
        """Return the transaction, answered with no."""
        words = self._words(todo, state)
        return None if words is None else self._dnf("--assumeno", *words)

    def transaction(self, work: Work) -> Run:
        """Return the transaction."""
        run = self._dnf("--assumeyes", "--setopt=exit_on_lock=True", *(self._words(work.todo, work.state) or ()))
        return self.as_allowed(run, work.todo, work.state)

    def across_holds(self, run: Run) -> Run:
        """Return a transaction without the plugin that knows of holds."""
        return replace(run, argv=(*run.argv, "--disableplugin=versionlock"))

    def lock_queries(self) -> Sequence[Operation[object]]:
        """Return what prints the plugin's list, and whether the plugin is there."""
        return [Run(("/bin/sh", "-c", _LOCKS_SCRIPT), read_only=True)]

    def locks(self, replies: Sequence[object]) -> tuple[str, ...]:
        """Return the names in the plugin's list. Raises TaskError where the plugin is needed, or dnf, and missing.

        An entry is a name with its version and architecture; one with `!` is not about a hold.
        """
        lines = [line.strip() for result in as_results(replies) for line in result.stdout.splitlines()]
        for other in _OTHERS.keys() & set(lines[:1]):
            message, hint = _OTHERS[other]
            raise TaskError(message, hint=hint)
        if self.hold is not None and "#dnf5" in lines[:1]:
            raise TaskError("`hold` knows the list of dnf 4 alone, and the host has dnf 5")
        if self.hold and "#missing" in lines:
            hint = "install python3-dnf-plugin-versionlock first (dnf-plugins-core where there is no such package)"
            raise TaskError("dnf puts no package on hold without its plugin versionlock", hint=hint)
        return tuple(_locked_name(line) for line in lines if line[:1] not in {"", "#", "!"})

    async def mark(self, host: Host, work: Work, names: Sequence[str], changed: Mapping[str, object]) -> None:
        """Put packages on hold or take them off. Raises TaskError."""
        every = {self.own_name(one, work.state): self.is_held(one, work.state) for one in self.requests()}
        # An entry is about one version, so that a package that has another one now needs another entry.
        moved = [name for name, held in every.items() if held and name in changed] if self.hold else []
        off = [*moved, *(() if self.hold else names)]
        on = [*moved, *(names if self.hold else ())]
        for verb, those in (("delete", off), ("add", on)):
            if those:
                await self.set_holds(host, self._dnf("--quiet", "versionlock", verb, *those), f"dnf versionlock {verb}")

    def aftermath(self) -> Sequence[Operation[object]]:
        """Return what tells, where the whole system is updated, whether packages wait for a restart."""
        return (Run(("/bin/sh", "-c", _RESTART_SCRIPT), read_only=True),) if self.upgrade is not None else ()

    def findings(self, replies: Sequence[object]) -> Mapping[str, object]:
        """Return whether packages wait for a restart, where dnf's plugin needs-restarting is there to tell."""
        said = "".join(result.stdout for result in as_results(replies))
        known = [needed for words, needed in _RESTART_WORDS.items() if words in said]
        return {"reboot_required": known[0]} if known else {}

    def offer_query(self, names: Sequence[str]) -> Run:
        """Return the question for the versions that repositories have."""
        return replace(self._dnf("--quiet", "repoquery", "--queryformat", r"%{name}\t%{evr}\n", *names), read_only=True)

    def offers(self, ended: CommandResult) -> Sequence[tuple[str, str]]:
        """Return names and versions."""
        rows = [line.partition("\t") for line in ended.stdout.splitlines()]
        return [(name, shown(version)) for name, tab, version in rows if tab]

    def _words(self, todo: Sequence[Request], state: State | None) -> tuple[str, ...] | None:
        if self.upgrade is not None:
            return ("upgrade", "--security") if self.upgrade == "security" else ("upgrade",)
        if not todo:
            return None
        names = [self._spec(one, state) for one in todo]
        if self.remove:
            clean = f"--setopt=clean_requirements_on_remove={self.autoremove}"
            return ("remove", clean, *names)
        # Without this a package that is installed is left at its version.
        best = ("--best",) if self.update else ()
        unsigned = ("--nogpgcheck",) if self.allow_unsigned else ()
        return ("install", *best, *unsigned, *names)

    def _spec(self, request: Request, state: State | None) -> str:
        one = self.asked_for(request, state)
        if one is None:
            return request.name
        return (
            f"{request.name}-{one.version}" if one.operator == "=" else f"{request.name} {one.operator} {one.version}"
        )

    def _dnf(self, *words: str) -> Run:
        script = 'program=dnf; command -v dnf >/dev/null || program=dnf5; exec "$program" "$@"'
        return Run(("/bin/sh", "-c", script, "dnf", *words))

    def targets(self, ended: CommandResult) -> Mapping[str, str | None]:
        """Return what dnf's table says. It leaves with 1 both when answered with no and when it fails."""
        added: dict[str, str | None] = {}
        gone: list[str] = []
        for heading, body in _sections(ended.stdout):
            section = heading.split()[0].rstrip(":")
            rows = list(_ROW.finditer(_REPLACING.sub("", body)))
            if section in _ADDING:
                added.update({row[1]: shown(row[3]) for row in rows})
                gone += [self.plain_name(match[1]) for match in _REPLACING.finditer(body)]
            elif section == "Removing":
                gone += [row[1] for row in rows]
        if not added and not gone and not ended.ok:
            raise TaskError(f"dnf would fail: {self.last_words(ended)}")
        # Of a package that may be there several times, such as a kernel, an old one may go as a new one comes.
        return {**dict.fromkeys(gone), **added}

    def lock_holder(self, ended: CommandResult) -> str | None:
        """Return who holds one of dnf's locks."""
        said = ended.stdout + ended.stderr
        match = _TRANSACTION_LOCK.search(said)
        if match is not None:
            return f"the lock of rpm is held by {f'process {match[1]}' if match[1] else 'another process'}"
        if ended.rc != _LOCKED:
            return None
        pid, name = _HOLDER.search(said), _NAMED.search(said)
        who = f"process {pid[1]}" if pid else "another process"
        return f"the lock of dnf is held by {who}" + (f" ({name[1]})" if name else "")

    def last_words(self, ended: CommandResult) -> str:
        """Return dnf's errors without its notes."""
        errors = ended.stderr.partition("Error")
        text = "".join(errors[1:]) or ended.stderr or ended.stdout
        return last_words(CommandResult(ended.argv, ended.rc, stderr=text))

    def refresh_words(self) -> tuple[str, ...]:
        """Return the command that refreshes the index."""
        return (*self._dnf("--setopt=skip_if_unavailable=False", "makecache").argv,)


def _locked_name(entry: str) -> str:
    match = _LOCK_ENTRY.fullmatch(entry)
    return match[1] if match else entry


def _sections(table: str) -> list[tuple[str, str]]:
    """Return the parts of dnf's table, each with its heading; lines of packages begin with a space."""
    found: list[tuple[str, str]] = []
    for line in table.splitlines():
        if line.startswith(" ") and found:
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{line}")
        elif line.rstrip().endswith(":"):
            found.append((line, ""))
        elif not line.startswith(" "):
            found.append(("-", ""))
    return found
