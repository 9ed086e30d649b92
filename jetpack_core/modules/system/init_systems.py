# SPDX-License-Identifier: GPL-3.0-or-later
"""Init systems other than systemd: how each tells of a service, and how it is told."""

from __future__ import annotations

import posixpath
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, cast

from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.commands.chain import last_words
from jetpack_core.records import CommandResult, FileStat

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host

_SCRIPTS: Final = "/etc/init.d"
_SCRIPT_LIMIT: Final = 256 * 1024

# What a started daemon leaves open must not keep the connection waiting, so its output goes by a file.
_QUIETLY: Final = """\
said=$(mktemp) || exit 1
"$@" >"$said" 2>&1 </dev/null
ended=$?
cat "$said" >&2
rm -f "$said"
exit "$ended"
"""

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What an init system says of one service."""

    exists: bool
    running: bool
    levels: tuple[str, ...]
    """The runlevels that start it."""
    named: bool = True
    """Whether any runlevel names it, be it to stop it."""
    doubt: str = ""
    """Why it cannot be told whether it runs, or nothing."""

    @property
    def enabled(self) -> bool:
        """Tell whether it is started with the system."""
        return bool(self.levels)


class InitSystem(ABC):
    """How one init system is asked and told."""

    name: ClassVar[str]
    remedy: ClassVar[str] = ""
    """What may help where a service is not as the init system says."""

    @abstractmethod
    def levels_query(self, service: str) -> Command:
        """Return the command that prints the runlevels of a service."""

    @abstractmethod
    def status_query(self, service: str) -> Command:
        """Return the command whose exit code tells whether a service runs."""

    @abstractmethod
    def parse(self, status: CommandResult, levels: CommandResult, script: FileStat) -> ServiceState:
        """Return the state in the answers."""

    @abstractmethod
    def act(self, service: str, verb: str) -> Command:
        """Return the command that starts, stops, restarts or reloads a service."""

    @abstractmethod
    def enable(self, service: str, state: ServiceState) -> Sequence[Command]:
        """Return the commands that let a service start with the system."""

    @abstractmethod
    def disable(self, service: str, state: ServiceState) -> Sequence[Command]:
        """Return the commands that let it no longer start with the system."""

    async def read(self, host: Host, service: str) -> ServiceState:
        """Ask for the state of a service, in one round trip. Raises TaskError where the tools are missing."""
        queries = [host.query(self.status_query(service)), host.query(self.levels_query(service))]
        script = host.stat(posixpath.join(_SCRIPTS, service), follow=True, content=_SCRIPT_LIMIT)
        try:
            found = await host.gather([script, *queries])
        except OperationError as error:
            if error.code is not OperationCode.NOT_FOUND:
                raise
            hint = "act as root, who finds it, or install it"
            raise TaskError(f"{service}: there is no {error.subject}, a tool of {self.name}", hint=hint) from error
        now, status, levels = cast("tuple[FileStat, CommandResult, CommandResult]", found)
        return self.parse(status, levels, now)


def quietly(command: Command) -> Command:
    """Return the command so that what it starts in the background holds nothing of it open."""
    return ("sh", "-c", _QUIETLY, "sh", *command)


class OpenRc(InitSystem):
    """OpenRC: rc-service and rc-update."""

    name = "OpenRC"
    remedy = "`rc-service NAME zap` lets OpenRC forget that it started it"
    _LEVEL: Final = "default"
    _NOT_RUNNING: Final = frozenset({3, 4, 16, 32})
    """openrc-run(8): stopped, stopping, inactive, crashed."""
    _RUNNING: Final = frozenset({0, 8})
    """Started, starting."""
    # rc-update has no output for programs; what it makes are links, by which OpenRC itself is led.
    _LEVELS: Final = 'cd /etc/runlevels && for one in */"$1"; do if [ -L "$one" ]; then echo "${one%%/*}"; fi; done'

    def levels_query(self, service: str) -> Command:
        """Return a command that prints a runlevel a line."""
        return ("sh", "-c", self._LEVELS, "sh", service)

    def status_query(self, service: str) -> Command:
        """Return the command with OpenRC's exit codes."""
        return ("rc-service", "--nocolor", service, "status")

    def parse(self, status: CommandResult, levels: CommandResult, script: FileStat) -> ServiceState:
        """Return the state in the answers."""
        known = status.rc in self._RUNNING | self._NOT_RUNNING
        doubt = "" if known or not script.is_file else last_words(status)
        return ServiceState(script.is_file, status.rc in self._RUNNING, tuple(levels.stdout.split()), doubt=doubt)

    def act(self, service: str, verb: str) -> Command:
        """Return the command; one that crashed is cleaned up by OpenRC itself."""
        return quietly(("rc-service", "--nocolor", service, verb))

    def enable(self, service: str, state: ServiceState) -> Sequence[Command]:
        """Add it to the runlevel `default`."""
        return [("rc-update", "--nocolor", "add", service, self._LEVEL)]

    def disable(self, service: str, state: ServiceState) -> Sequence[Command]:
        """Take it out of every runlevel that has it."""
        return [("rc-update", "--nocolor", "del", service, level) for level in state.levels]


class SysVinit(InitSystem):
    """The init scripts of System V, as the Linux Standard Base describes them, with Debian's tools or Red Hat's."""

    name = "SysVinit"
    _NOT_RUNNING: Final = frozenset({1, 2, 3})
    """LSB Core, init script actions: dead with a pid file, dead with a lock file, not running."""
    _LEVELS: Final = 'for one in /etc/rc[S2345].d/[SK][0-9][0-9]"$1"; do if [ -L "$one" ]; then echo "$one"; fi; done'
    _LINK: Final = re.compile(r"/etc/rc(\w)\.d/([SK])\d\d")
    # Debian's family has the one tool, Red Hat's the other.
    _SWITCH: Final = """\
if command -v update-rc.d >/dev/null; then
    [ "$2" = off ] && exec update-rc.d "$1" disable
    [ "$3" = new ] && { update-rc.d "$1" defaults || exit; }
    exec update-rc.d "$1" enable
fi
[ "$3" = new ] && { chkconfig --add "$1" || exit; }
exec chkconfig "$1" "$2"
"""

    def levels_query(self, service: str) -> Command:
        """Return a command that prints a link of a runlevel a line."""
        return ("sh", "-c", self._LEVELS, "sh", service)

    def status_query(self, service: str) -> Command:
        """Return the command with the exit codes of the Linux Standard Base."""
        return ("service", service, "status")

    def parse(self, status: CommandResult, levels: CommandResult, script: FileStat) -> ServiceState:
        """Return the state in the answers; a script that does not know `status` leaves it open."""
        links = [found.groups() for line in levels.stdout.splitlines() if (found := self._LINK.match(line))]
        starting = tuple(level for level, kind in links if kind == "S")
        doubt = ""
        if script.is_file and script.content is not None and not re.search(rb"\bstatus\b", script.content):
            doubt = "its init script has no `status`"
        elif script.is_file and status.rc not in self._NOT_RUNNING | {0}:
            doubt = last_words(status)
        return ServiceState(script.is_file, status.ok, starting, named=bool(links), doubt=doubt)

    def act(self, service: str, verb: str) -> Command:
        """Return the command; `service` gives the script the environment it has at a start of the system."""
        return quietly(("service", service, verb))

    def enable(self, service: str, state: ServiceState) -> Sequence[Command]:
        """Let the runlevels that the script itself names start it."""
        return [("sh", "-c", self._SWITCH, "sh", service, "on", "known" if state.named else "new")]

    def disable(self, service: str, state: ServiceState) -> Sequence[Command]:
        """Let no runlevel start it."""
        return [("sh", "-c", self._SWITCH, "sh", service, "off", "known")]
