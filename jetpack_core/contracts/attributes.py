# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner, group and mode: the parameters that file modules share, and how a path is compared with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, model_validator

from jetpack_core.contracts.fields import Account, FileMode, Mode
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.errors import UnknownValueError
from jetpack_core.records import Change, FileKind, FileStat

NEW_FILE_MODE: Final = 0o644
"""The permissions of a new file, unless others are given."""
NEW_DIRECTORY_MODE: Final = 0o755
"""The permissions of a new directory, unless others are given."""
SECRET_FILE_MODE: Final = 0o600
"""The permissions of a file with a secret, unless others are given."""
_OTHERS: Final = 0o007
_SPECIAL_BITS: Final = 0o6000
_UNKNOWN: Final = -1


class Attributes(BaseModel):
    """Who owns a path and who may do what with it; what is not given is left as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: Account | None = None
    """The user's name or number."""
    group: Account | None = None
    """The group's name or number."""
    mode: FileMode | None = None
    """The permissions, such as 0o644."""


class FileAttributes(Module):
    """A module with `owner`, `group` and `mode`, each at top level or all under `attributes`."""

    owner: Account | None = None
    """The user's name or number."""
    group: Account | None = None
    """The group's name or number."""
    mode: FileMode | None = None
    """The permissions, such as 0o644."""
    attributes: Attributes | None = None
    """`owner`, `group` and `mode` as one mapping, instead of each at top level."""

    @model_validator(mode="after")
    def _given_in_one_place(self) -> Self:
        above = [name for name in ("owner", "group", "mode") if getattr(self, name) is not None]
        if self.attributes is not None and above:
            message = f"{' and '.join(above)} cannot stand beside 'attributes'; write all of them in one place"
            raise ValueError(message)
        return self

    @property
    def wanted(self) -> Attributes:
        """Return the attributes, wherever they were given."""
        return self.attributes or Attributes(owner=self.owner, group=self.group, mode=self.mode)


def for_secrets(host: Host, now: FileStat, wanted: Attributes) -> Attributes:
    """Return the attributes of a file to write: one with a secret is for its owner only, where no mode is given.

    A file that is there, and that only its owner and group can read, stays as it is.
    """
    if wanted.mode is not None or not host.secretive or (now.is_file and not now.mode & _OTHERS):
        return wanted
    return wanted.model_copy(update={"mode": Mode(SECRET_FILE_MODE)})


def _is_account(now: FileStat, field: str, wanted: str) -> bool:
    """Compare an owner or group. Raises UnknownValueError where only a task that did not run could tell."""
    name, number = (now.owner, now.uid) if field == "owner" else (now.group, now.gid)
    if wanted == name or (wanted.isdecimal() and int(wanted) == number):
        return True
    if not name or (wanted.isdecimal() and number == _UNKNOWN):
        message = f"the {field} of {now.path} is known only once an earlier task has made it"
        raise UnknownValueError(message)
    return False


def differences(now: FileStat, wanted: Attributes) -> tuple[Change, ...]:
    """Return what differs on a path that is there. The mode of a link is nothing to change.

    Raises UnknownValueError in plan mode where an earlier task leaves it open.
    """
    changes = []
    if wanted.owner is not None and not _is_account(now, "owner", wanted.owner):
        changes.append(Change("owner", now.owner, wanted.owner))
    if wanted.group is not None and not _is_account(now, "group", wanted.group):
        changes.append(Change("group", now.group, wanted.group))
    if wanted.mode not in {None, now.mode} and now.kind is not FileKind.SYMLINK:
        changes.append(Change("mode", Mode(now.mode), wanted.mode))
    return tuple(changes)


def needed(now: FileStat, wanted: Attributes) -> Attributes:
    """Return only those attributes that differ, ready to be set.

    A new owner or group makes the system drop setuid and setgid, so the mode is then set again.
    """
    fields = {change.field for change in differences(now, wanted)}
    mode = wanted.mode if "mode" in fields else None
    if fields & {"owner", "group"} and now.is_file and now.mode & _SPECIAL_BITS:
        mode = wanted.mode if wanted.mode is not None else Mode(now.mode)
    return Attributes(
        owner=wanted.owner if "owner" in fields else None,
        group=wanted.group if "group" in fields else None,
        mode=mode,
    )


def additions(wanted: Attributes, default_mode: int) -> tuple[Change, ...]:
    """Return the attributes of something new as changes."""
    given = (("owner", wanted.owner), ("group", wanted.group))
    mode = default_mode if wanted.mode is None else wanted.mode
    return (
        *(Change(name, None, value) for name, value in given if value is not None),
        Change("mode", None, Mode(mode)),
    )


def with_attributes(now: FileStat, wanted: Attributes) -> FileStat:
    """Return what a path that is there will be, once it has the attributes."""
    changed = {change.field for change in differences(now, wanted)}
    state = now
    if "owner" in changed and wanted.owner is not None:
        state = replace(state, owner=wanted.owner, uid=_number(wanted.owner))
    if "group" in changed and wanted.group is not None:
        state = replace(state, group=wanted.group, gid=_number(wanted.group))
    if "mode" in changed and wanted.mode is not None:
        state = replace(state, mode=int(wanted.mode))
    return state


def new_state(host: Host, path: str, kind: FileKind, wanted: Attributes, default_mode: int) -> FileStat:
    """Return what a path will be that is made by the acting user.

    The user's own name is known only when the task becomes somebody; a group not given is left open.
    """
    owner = wanted.owner or host.user or ""
    return FileStat(
        path,
        kind,
        mode=default_mode if wanted.mode is None else int(wanted.mode),
        uid=_number(owner),
        gid=_number(wanted.group or ""),
        owner=owner,
        group=wanted.group or "",
    )


def _number(account: str) -> int:
    return int(account) if account.isdecimal() else _UNKNOWN


def seen(now: FileStat) -> FileStat:
    """Return what is to be handed back as `expect`: all but the content, which the checksum stands for."""
    return now if now.content is None else replace(now, content=None)


def prefixed(place: str, changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes of one of several paths, told apart by its name."""
    return tuple(Change(f"{place} {change.field}", change.before, change.after) for change in changes)
