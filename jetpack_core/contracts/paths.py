# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths on hosts: what may be in the way, what every system needs, and what to do about the usual failures."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from jetpack_core.contracts.host import Host
from jetpack_core.errors import OperationCode, OperationError, TaskError, UnknownValueError
from jetpack_core.records import FileKind, FileStat, Plan

_ACCOUNT_HINT = "make the account first, with !user or !group, or give its number"
_DATABASES = {"owner": "user", "group": "group"}
# getent(1).
_NO_SUCH_KEY: Final = 2
_PERMISSION_HINT = "act as a user who may, such as `with: {sudo: root}`"
_PARENT_HINT = "make the directory first, with !directory"
_NOUNS = {
    FileKind.FILE: "a file",
    FileKind.DIRECTORY: "a directory",
    FileKind.SYMLINK: "a link",
    FileKind.OTHER: "a device, socket or pipe",
}
_VITAL: Final = re.compile(
    r"(Applications|Library|System|Users|Volumes|bin|boot|dev|etc|home|lib|lib32|lib64|libx32|media|mnt|nix|opt|private"
    r"|proc|root|run|sbin|srv|sys|tmp|usr|var"
    r"|usr/(bin|include|lib|lib32|lib64|libexec|local|sbin|share|src)"
    r"|var/(cache|lib|local|log|mail|opt|run|spool|tmp))?"
)
"""What a system is made of: the Filesystem Hierarchy Standard 3.0, and the top of macOS."""


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn the failures of an operation on a path that have a usual remedy into TaskError with that remedy."""
    try:
        yield
    except OperationError as error:
        explanation = _explain(path, error)
        if explanation is None:
            raise
        raise explanation from error


def _explain(path: str, error: OperationError) -> TaskError | None:
    match error.code:
        case OperationCode.NO_SUCH_ACCOUNT:
            return TaskError(f"there is no user or group {error.subject!r}", hint=_ACCOUNT_HINT)
        case OperationCode.PERMISSION:
            return TaskError(error.message, hint=_PERMISSION_HINT)
        case OperationCode.NOT_FOUND if error.subject == path:
            parent = posixpath.dirname(path)
            return TaskError(f"{path} cannot be made: there is no directory {parent}", hint=_PARENT_HINT)
        case OperationCode.NOT_A_DIRECTORY if error.subject == path:
            return TaskError(f"{path} cannot be made: a part of {posixpath.dirname(path)} is not a directory")
        case _:
            return None


def noun(now: FileStat) -> str:
    """Return what is at a path, with its article."""
    return _NOUNS.get(now.kind, "nothing")


async def require_accounts(host: Host, plan: Plan) -> Plan:
    """In plan mode, see that the owner and group are there that a plan gives; raises TaskError, else returns the plan.

    A real run asks nothing: setting them tells the same. Numbers need no account.
    """
    if not host.planning:
        return plan
    given = {(_DATABASES[change.field], str(change.after)) for change in plan.changes if change.field in _DATABASES}
    for kind, name in sorted(given):
        planned = host.planned_accounts(kind).get(name)
        if name.isdecimal() or (planned is not None and planned.present):
            continue
        if planned is not None and planned.present is None:
            message = f"only an earlier task can tell whether there will be a {kind} {name}"
            raise UnknownValueError(message)
        if planned is not None or not await _has_account(host, kind, name):
            raise TaskError(f"there is no user or group {name!r}", hint=_ACCOUNT_HINT)
    return plan


async def _has_account(host: Host, kind: str, name: str) -> bool:
    """Tell whether an account is there; one whose database cannot be asked counts as there."""
    try:
        ended = await host.query(["getent", "passwd" if kind == "user" else "group", name])
    except OperationError:
        return True
    return ended.rc != _NO_SUCH_KEY


async def require_parent(host: Host, path: str, *, follow: bool = False) -> None:
    """In plan mode, see that the directory is there in which `path` is to be made; raises TaskError.

    With `follow`, a link that leads nowhere yet means that its target is made. A real run asks nothing: making
    the path tells the same.
    """
    if not host.planning:
        return
    if follow:
        path = await _end_of_links(host, path)
    parent = posixpath.dirname(path)
    now = await host.stat(parent, follow=True)
    if not now.exists:
        raise TaskError(f"{path} cannot be made: there is no directory {parent}", hint=_PARENT_HINT)
    if not now.is_directory:
        raise TaskError(f"{path} cannot be made: {parent} is {noun(now)}, not a directory")


async def _end_of_links(host: Host, path: str) -> str:
    """Return what a link leads to; a circle of links has been an error before."""
    while (now := await host.stat(path)).kind is FileKind.SYMLINK:
        path = posixpath.join(posixpath.dirname(path), now.target or "")
    return path


def refuse_in_the_way(now: FileStat, *, hint: str = "") -> None:
    """Raise TaskError where something is at the path that a file must not replace."""
    if now.kind in {FileKind.DIRECTORY, FileKind.OTHER}:
        raise TaskError(f"{now.path} is {noun(now)}, and a file is to be there", hint=hint)


def refuse_dangling(now: FileStat) -> None:
    """Raise TaskError where a directory is to be made, and a link that leads nowhere has its name."""
    if now.kind is FileKind.SYMLINK:
        message = f"{now.path} is a link to {now.target}, which does not exist"
        raise TaskError(message, hint="make that directory, or remove the link with !link")


def is_vital(path: str) -> bool:
    """Tell whether a path is the root, part of what any system consists of, or hides where it leads."""
    if ".." in path.split("/"):
        return True
    return _VITAL.fullmatch(posixpath.normpath(path).strip("/")) is not None
