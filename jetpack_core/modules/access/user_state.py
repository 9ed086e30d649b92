# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of one user, and of the homes it gives to new ones."""

from __future__ import annotations

import datetime as dt
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from jetpack_core.errors import OperationError
from jetpack_core.modules.access.accounts import (
    GroupEntry,
    UserEntry,
    explain_getent,
    getent,
    parse_groups,
    parse_users,
)
from jetpack_core.records import CommandResult, FileStat

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Operation

_SMALL_FILE: Final = 65536
# useradd(8): what a new home is filled with, unless its settings say otherwise.
_SKELETON: Final = "/etc/skel"
_EPOCH: Final = dt.date(1970, 1, 1)

# $1: the user. Prints "present" where the key is there, then its public half; or that there is nothing to make one.
_FIND_KEY: Final = """
home=$(getent passwd "$1" | cut -d: -f6)
if [ -n "$home" ] && [ -e "$home/.ssh/id_ed25519" ]; then
  echo present
  cat "$home/.ssh/id_ed25519.pub" 2>/dev/null
elif ! command -v ssh-keygen >/dev/null; then
  echo impossible
fi
"""


@dataclass(frozen=True, slots=True)
class ShadowEntry:
    """What of a line of shadow(5) is managed here."""

    password: str
    expires: dt.date | None

    @property
    def locked(self) -> bool:
        """Tell whether no password is accepted because of a lock (passwd(1), -l)."""
        return self.password.startswith("!")

    @property
    def hash(self) -> str:
        """Return the hash behind a lock, or what stands in its place."""
        return self.password.lstrip("!")


@dataclass(frozen=True, slots=True)
class UserState:
    """One user as the host has it, and what making one depends on."""

    entry: UserEntry | None
    shadow: ShadowEntry | None
    """None where the user is missing, or where the acting user may not read it."""
    groups: Mapping[str, GroupEntry]
    home: FileStat
    """The home of a new user."""
    home_mode: int
    key: str | None
    """The public half of the user's ssh key; None where there is no key."""
    can_make_keys: bool = True
    """Whether there is a program for it, where that was asked."""
    skeleton_has_keys: bool = False
    """Whether a new home comes with a directory .ssh, or may."""

    def memberships(self, name: str) -> frozenset[str]:
        """Return the groups a user is a member of, the own group left out."""
        return frozenset(group.name for group in self.groups.values() if name in group.members)

    def group_named(self, gid: int) -> str:
        """Return a group's name, or its number where it has none."""
        return next((group.name for group in self.groups.values() if group.gid == gid), str(gid))


async def read_user(host: Host, name: str, home: str | None, *, with_key: bool) -> UserState:
    """Ask for everything at once; a host with homes elsewhere than in /home is asked twice about a new user."""
    guess = home or f"/home/{name}"
    asked: list[Operation[object]] = [
        getent(host, "passwd", name),
        getent(host, "group"),
        getent(host, "shadow", name),
        host.stat("/etc/default/useradd", follow=True, content=_SMALL_FILE),
        host.stat("/etc/login.defs", follow=True, content=_SMALL_FILE),
        host.stat(guess),
        host.stat(f"{_SKELETON}/.ssh"),
    ]
    if with_key:
        asked.append(host.query(["sh", "-c", _FIND_KEY, "sh", name]))
    try:
        replies = await host.gather(asked)
    except OperationError as error:
        raise explain_getent(error) from error
    texts = [reply.stdout for reply in replies if isinstance(reply, CommandResult)]
    defaults, login, there, keys = (cast("FileStat", reply) for reply in replies[3:7])
    entry = parse_users(texts[0]).get(name)
    base = _setting(defaults, r"^\s*HOME=(/\S*)", "/home")
    if entry is None and home is None and base != "/home":
        there = await host.stat(posixpath.join(base, name))
    skeleton = _setting(defaults, r"^\s*SKEL=(/\S*)", _SKELETON)
    return UserState(
        entry,
        _shadow(texts[2], name),
        parse_groups(texts[1]),
        there,
        _home_mode(login),
        _key(texts[3:]),
        texts[3:] != ["impossible\n"],
        keys.exists or skeleton != _SKELETON,
    )


def _setting(file: FileStat, pattern: str, default: str) -> str:
    text = (file.content or b"").decode("utf-8", "replace")
    found = re.findall(pattern, text, re.MULTILINE)
    return str(found[-1]) if found else default


def _home_mode(login: FileStat) -> int:
    """Return the mode that useradd gives to a home: login.defs(5), HOME_MODE and UMASK."""
    mode = _setting(login, r"^\s*HOME_MODE\s+([0-7]+)", "")
    return int(mode, 8) if mode else 0o777 & ~int(_setting(login, r"^\s*UMASK\s+([0-7]+)", "022"), 8)


def _shadow(text: str, name: str) -> ShadowEntry | None:
    for line in text.splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) >= 8:  # noqa: PLR2004 - shadow(5)
            days = fields[7]
            expires = _EPOCH + dt.timedelta(int(days)) if days.isdecimal() else None
            return ShadowEntry(fields[1], expires)
    return None


def _key(texts: Sequence[str]) -> str | None:
    if not texts or not texts[0].startswith("present\n"):
        return None
    return texts[0].removeprefix("present\n").strip()
