# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and groups as the host's databases tell of them, and the tools that change them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from jetpack_core.errors import OperationCode, OperationError, StaleError, TaskError, UnknownValueError
from jetpack_core.modules.commands.chain import NO_SUCH_PROGRAM, before_that, chain, done, last_words
from jetpack_core.records import AccountEffect, CommandResult, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Run

# useradd(8): what every distribution takes, and 32 characters at most. A leading dash would be an option, and a
# name of digits a number.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}[A-Za-z0-9_.$-]?")

_TOOLS_HINT: Final = (
    "install the package with these tools: passwd on Debian, shadow on Alpine, Arch and SUSE, else shadow-utils"
)


def _account_name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        message = (
            f"{value!r} cannot be the name of an account: a letter or _, then at most 31 letters, digits and _ . -"
        )
        raise ValueError(message)
    return value


AccountName = Annotated[str, BeforeValidator(_account_name)]
"""The name of a user or group."""

AccountNumber = Annotated[int, Field(ge=0, lt=2**32 - 1)]
"""A uid or gid."""


def account_field(value: str) -> str:
    """Return text that fits into a field of /etc/passwd; pydantic reports the ValueError."""
    if any(char in value for char in ":\n\r\0"):
        message = "this cannot hold a colon or a line break: the databases of accounts are made of them"
        raise ValueError(message)
    return value


AccountField = Annotated[str, AfterValidator(account_field)]
"""Text that fits into one field of /etc/passwd."""


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """A line of the group database."""

    name: str
    gid: int
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserEntry:
    """A line of the user database."""

    name: str
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str


def parse_users(text: str) -> Mapping[str, UserEntry]:
    """Return the users in lines of passwd(5) by name; lines that are none are left out."""
    found: dict[str, UserEntry] = {}
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdecimal() and fields[3].isdecimal():  # noqa: PLR2004 - passwd(5)
            entry = UserEntry(fields[0], int(fields[2]), int(fields[3]), fields[4], fields[5], fields[6])
            found.setdefault(entry.name, entry)
    return found


def parse_groups(text: str) -> Mapping[str, GroupEntry]:
    """Return the groups in lines of group(5) by name; lines that are none are left out."""
    found: dict[str, GroupEntry] = {}
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) == 4 and fields[2].isdecimal():  # noqa: PLR2004 - group(5)
            members = tuple(dict.fromkeys(name for name in fields[3].split(",") if name))
            found.setdefault(fields[0], GroupEntry(fields[0], int(fields[2]), members))
    return found


def planned_groups(
    groups: Mapping[str, GroupEntry], planned: Mapping[str, AccountEffect], needed: Iterable[str]
) -> Mapping[str, GroupEntry]:
    """Plan mode: return the groups as earlier tasks would leave them; a new one has a number that nobody has.

    Raises UnknownValueError where a group that is needed may be there or not.
    """
    found = dict(groups)
    for place, (name, effect) in enumerate(planned.items()):
        if effect.present is None and name in needed:
            raise UnknownValueError(f"only an earlier task can tell whether there will be a group {name}")
        if effect.present:
            found.setdefault(name, GroupEntry(name, -2 - place))
        else:
            found.pop(name, None)
    return found


def getent(host: Host, database: str, *keys: str) -> Run:
    """Return the query for entries of a database of the host, wherever they are kept."""
    return host.query(["getent", database, *keys])


def explain_getent(error: OperationError) -> Exception:
    """Return what to raise where `getent` could not be asked."""
    if error.code is OperationCode.NOT_FOUND:
        return TaskError(
            "the host has no getent, which tells of its users and groups", hint="install libc-bin or glibc"
        )
    return error


# What each tool has done, where a later one fails.
_TOLD: Final = {
    "useradd": "the user was made",
    "usermod": "the user was changed",
    "chpasswd": "the password was set",
    "groupadd": "the group was made",
    "groupmod": "the gid was changed",
}
_OF_SHADOW: Final = frozenset(f"{kind}{verb}" for kind in ("user", "group") for verb in ("add", "mod", "del"))


def refused_if_others_were_faster(plan: Plan) -> bool:
    """Tell whether the first tool of a plan sees by itself that somebody else has done it: to make or remove."""
    return plan.kind in {PlanKind.CREATE, PlanKind.REMOVE}


@dataclass(frozen=True, slots=True)
class Tools:
    """What a chain of account tools is about, so that its failure can be told."""

    subject: str
    """Such as `user alice`."""
    stale: frozenset[int] = frozenset()
    """Exit codes that say the plan no longer holds, for the first tool."""
    hints: Mapping[int, str] | None = None
    """What to do, by exit code of the tools of shadow."""
    tolerated: frozenset[int] = frozenset()
    """Exit codes that are no failure."""


async def use_tools(host: Host, commands: Sequence[Sequence[str]], tools: Tools, stdin: bytes = b"") -> CommandResult:
    """Run account tools in order, in one round trip.

    Raises TaskError with the tool's own words and what was done before, and StaleError where somebody was faster.
    """
    try:
        ended = await host.run(chain(commands), stdin=stdin, good=(0, *sorted(tools.tolerated)))
    except OperationError as error:
        if error.code is not OperationCode.NOT_FOUND:
            raise
        raise TaskError(f"{tools.subject}: the host has no {commands[0][0]}", hint=_TOOLS_HINT) from error
    if ended.ok or ended.rc in tools.tolerated:
        return ended
    failed = done(ended)
    if ended.rc in tools.stale and not failed:
        raise StaleError(tools.subject, last_words(ended))
    program = _program(commands[failed])
    hint = (tools.hints or {}).get(ended.rc, "") if program in _OF_SHADOW else ""
    if ended.rc == NO_SUCH_PROGRAM and program in {*_OF_SHADOW, *_TOLD, "gpasswd"}:
        hint = _TOOLS_HINT
    told = before_that(ended, [_TOLD.get(command[0], "") for command in commands])
    raise TaskError(f"{tools.subject}: {last_words(ended)}{told}", hint=hint)


def _program(command: Sequence[str]) -> str:
    """Return the program of a command; a script bears the name of the one it ends with."""
    return command[3] if command[:2] == ("sh", "-c") else command[0]
