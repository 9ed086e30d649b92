# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd's units: their names, their state, and the words that a failure leaves behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BeforeValidator

from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.commands.chain import last_words

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host

# systemd.unit(5): at most 255 of these characters and a type; a leading dash would be an option.
_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9:_.\\@-]{1,255}")
_TYPES: Final = frozenset(
    {"service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"}
)
_PROPERTIES: Final = (
    "Id,LoadState,LoadError,ActiveState,SubState,Result,NRestarts,Type,UnitFileState,CanReload,CanStart,"
    "NeedDaemonReload"
)
_RUNNING: Final = frozenset({"active", "activating", "reloading", "refreshing"})
# Between two attempts of a unit that fails and has `Restart=`; the second since systemd 254.
_BETWEEN_ATTEMPTS: Final = frozenset({"auto-restart", "auto-restart-queued"})
# systemctl(1), is-enabled.
_ENABLED: Final = frozenset({"enabled", "alias", "indirect"})
_MASKED: Final = frozenset({"masked", "masked-runtime"})

# A user's own manager is found by this variable, which a login sets and sudo does not.
_AS_USER: Final = 'XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)} && export XDG_RUNTIME_DIR && exec "$@"'


def _file_name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        message = f"{value!r} is not the name of a unit: letters, digits and : - _ . \\ @"
        raise ValueError(message)
    return value if value.rpartition(".")[2] in _TYPES and "." in value else f"{value}.service"


def is_template(name: str) -> bool:
    """Tell whether a unit only stands for its instances."""
    return name.rpartition(".")[0].endswith("@")


def _unit_name(value: object) -> str:
    name = _file_name(value)
    if is_template(name):
        message = f"{value!r} is a template; name an instance of it, such as {name.partition('@')[0]}@one"
        raise ValueError(message)
    return name


UnitName = Annotated[str, BeforeValidator(_unit_name)]
"""The name of a unit; `.service` is added where no type is given."""

UnitFileName = Annotated[str, BeforeValidator(_file_name)]
"""The name of a unit's file, which may be a template such as `worker@`; `.service` is added where no type is given."""


@dataclass(frozen=True, slots=True)
class UnitState:
    """What systemd says of one unit."""

    name: str
    load: str
    active: str
    sub: str
    file: str
    """As `systemctl is-enabled` has it."""
    can_reload: bool
    stale: bool
    """The files on disk are newer than what systemd has read."""
    error: str = ""
    result: str = ""
    attempts: int = 0
    """How often systemd started it anew by itself since somebody did."""

    @property
    def exists(self) -> bool:
        """Tell whether there is such a unit, masked or not."""
        return self.load != "not-found"

    @property
    def masked(self) -> bool:
        """Tell whether it is switched off for good."""
        return self.load == "masked" or self.file in _MASKED

    @property
    def running(self) -> bool:
        """Tell whether it runs, or is about to; one that fails again and again does not."""
        return self.active in _RUNNING and not self.looping

    @property
    def looping(self) -> bool:
        """Tell whether it failed, and systemd waits before it tries once more; one that ended well is only resting."""
        return self.sub in _BETWEEN_ATTEMPTS and self.result != "success"

    @property
    def shown(self) -> str:
        """Return the state in a word or two."""
        return f"{self.active} ({self.sub})" if self.looping else self.active

    @property
    def enabled(self) -> bool:
        """Tell whether it is started with the system, and not only until the next restart."""
        return self.file in _ENABLED


def parse_unit(name: str, text: str, enabled: str = "") -> UnitState:
    """Return the state in what `systemctl show` printed; `enabled` is what `is-enabled` did, for init scripts."""
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    file = said.get("UnitFileState", "")
    if file in {"", "generated", "bad"}:
        file = enabled.strip() or file
    return UnitState(
        name,
        said.get("LoadState", "not-found"),
        said.get("ActiveState", "inactive"),
        said.get("SubState", "dead"),
        file,
        said.get("CanReload") == "yes",
        said.get("NeedDaemonReload") == "yes",
        said.get("LoadError", "").strip(),
        said.get("Result", ""),
        int(restarts) if (restarts := said.get("NRestarts", "")).isdecimal() else 0,
    )


def systemctl(scope: str, *words: str) -> tuple[str, ...]:
    """Return the command that speaks to the system's manager, or to that of the acting user."""
    if scope == "system":
        return ("systemctl", "--no-ask-password", *words)
    return ("sh", "-c", _AS_USER, "sh", "systemctl", "--user", *words)


def show(scope: str, name: str) -> tuple[str, ...]:
    """Return the command that tells the state of a unit."""
    return systemctl(scope, "show", f"--property={_PROPERTIES}", "--", name)


# $@: the command that tells the state. A program that ends at once is told from one that runs only a moment later,
# where systemd takes any that was started for one that runs.
_SETTLED: Final = """
case $("$@" | grep ^Type=) in
  Type=simple|Type=exec|Type=idle) sleep 0.3 2>/dev/null || sleep 1 ;;
esac
exec "$@"
"""


def show_settled(scope: str, name: str) -> tuple[str, ...]:
    """Return the command that tells the state of a unit that was started just now."""
    return ("sh", "-c", _SETTLED, "sh", *show(scope, name))


async def read_unit(host: Host, scope: str, name: str) -> UnitState:
    """Ask systemd about a unit, in one round trip. Raises TaskError where there is no systemd."""
    try:
        said, enabled = await host.gather(
            [host.query(show(scope, name)), host.query(systemctl(scope, "is-enabled", "--", name))]
        )
    except OperationError as error:
        if error.code is not OperationCode.NOT_FOUND:
            raise
        raise TaskError("the host has no systemctl: systemd does not manage it") from error
    if not said.ok:
        hint = "log the user in, or `loginctl enable-linger`" if scope == "user" else ""
        raise TaskError(f"{name}: {last_words(said)}", hint=hint)
    return parse_unit(name, said.stdout, enabled.stdout)


async def explain_failure(host: Host, scope: str, name: str, words: str, *, failed: bool) -> TaskError:
    """Return the error for a unit that did not do as asked, with its last words from the journal.

    :param failed: It ran and failed, maybe several times: what it said counts, even before its last start.
    """
    status = systemctl(scope, "status", "--no-pager", "--full", f"--lines={0 if failed else 10}", "--", name)
    unit = "--unit" if scope == "system" else "--user-unit"
    journal = ("journalctl", "--no-pager", "--quiet", "--lines=10", f"{unit}={name}")
    asked = [host.query(status), *([host.query(journal)] if failed else [])]
    told = "\n\n".join(said.stdout.strip() for said in await host.gather(asked) if said.stdout.strip())
    return TaskError(f"{name}: {words}" + (f"\n{told}" if told else ""))
