# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd's units: their names, their state, and the words that a failure leaves behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BeforeValidator

from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.commands.chain import last_words
from jetpack_core.records import CommandResult

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host

# systemd.unit(5): at most 255 of these characters and a type; a leading dash would be an option.
_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9:_.\\@-]{1,255}")
_TYPES: Final = frozenset(
    {"service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"}
)
_PROPERTIES: Final = (
    "Id,LoadState,LoadError,ActiveState,SubState,Result,Type,UnitFileState,CanReload,CanStart,NeedDaemonReload"
)
_RUNNING: Final = frozenset({"active", "activating", "reloading", "refreshing"})
# systemctl(1), is-enabled.
_ENABLED: Final = frozenset({"enabled", "alias", "indirect"})
_MASKED: Final = frozenset({"masked", "masked-runtime"})

# A user's own manager is found by this variable, which a login sets and sudo does not.
_AS_USER: Final = 'XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)} && export XDG_RUNTIME_DIR && exec "$@"'


def _unit_name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        message = f"{value!r} is not the name of a unit: letters, digits and : - _ . \\ @"
        raise ValueError(message)
    name = value if value.rpartition(".")[2] in _TYPES and "." in value else f"{value}.service"
    if name.partition(".")[0].endswith("@"):
        message = f"{value!r} is a template; name an instance of it, such as {value.partition('@')[0]}@one"
        raise ValueError(message)
    return name


UnitName = Annotated[str, BeforeValidator(_unit_name)]
"""The name of a unit; `.service` is added where no type is given."""


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
        """Tell whether it runs, or is about to."""
        return self.active in _RUNNING

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
    )


def systemctl(scope: str, *words: str) -> tuple[str, ...]:
    """Return the command that speaks to the system's manager, or to that of the acting user."""
    if scope == "system":
        return ("systemctl", "--no-ask-password", *words)
    return ("sh", "-c", _AS_USER, "sh", "systemctl", "--user", *words)


def show(scope: str, name: str) -> tuple[str, ...]:
    """Return the command that tells the state of a unit."""
    return systemctl(scope, "show", f"--property={_PROPERTIES}", "--", name)


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


async def explain_failure(host: Host, scope: str, name: str, ended: CommandResult | None) -> TaskError:
    """Return the error for a unit that did not do as asked, with its last words from the journal."""
    status = systemctl(scope, "status", "--no-pager", "--full", "--lines=10", "--", name)
    told = (await host.query(status)).stdout.strip()
    words = last_words(ended) if ended is not None else "it failed right after it was started"
    return TaskError(f"{name}: {words}" + (f"\n{told}" if told else ""))
