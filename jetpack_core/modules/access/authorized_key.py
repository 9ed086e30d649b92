# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `authorized_key`."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Final, Self, cast

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator

from jetpack_core.contracts.attributes import prefixed, seen
from jetpack_core.contracts.fields import HostPath, Mode
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained, refuse_in_the_way
from jetpack_core.errors import OperationCode, OperationError, StaleError, TaskError, UnknownValueError
from jetpack_core.modules.access.accounts import AccountName, UserEntry, explain_getent, getent, parse_users
from jetpack_core.modules.access.keys import Key, parse_key, parse_options, with_keys, without_keys
from jetpack_core.modules.files.document import Document
from jetpack_core.modules.files.payload import content_changes, payload_of_bytes, text_diffs
from jetpack_core.records import (
    Change,
    CommandResult,
    FileKind,
    FileStat,
    Outcome,
    PathEffect,
    Plan,
    PlanKind,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Operation

_LIMIT: Final = 1024 * 1024
_DIRECTORY_MODE: Final = Mode(0o700)
_FILE_MODE: Final = Mode(0o600)


def _texts(value: object) -> object:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        return value[0]
    return value


def _keys(texts: list[str]) -> list[str]:
    lines = [line.strip() for text in texts for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        message = "there is no key; leave the task out where none is wanted"
        raise ValueError(message)
    for line in lines:
        if "PRIVATE KEY" in line:
            message = "this is a private key; give the public one, from the file that ends in .pub"
            raise ValueError(message)
        if parse_key(line) is None:
            message = f"{line[:60]!r} is not a public key such as 'ssh-ed25519 AAAA... comment'"
            raise ValueError(message)
    return lines


def _options(values: list[str]) -> list[str]:
    found: list[str] = []
    for value in values:
        parsed = parse_options(f"{value} ")
        if parsed is None or parsed[1] or any(char in value for char in "\n\r\0"):
            message = f'{value!r} is not an option such as no-pty or from="192.0.2.0/24"'
            raise ValueError(message)
        found += parsed[0]
    return found


_SCHEMA: Final = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})

PublicKeys = Annotated[list[str], BeforeValidator(_texts), AfterValidator(_keys), _SCHEMA]
"""One public key or several, in a list or one a line."""

KeyOptions = Annotated[list[str], BeforeValidator(_texts), AfterValidator(_options), _SCHEMA]
"""One option of authorized_keys or several."""


class AuthorizedKey(Module):
    """See that public keys may log in as a user, or may not.

    Keys are the same if their key itself is, whatever the comment. Other lines, and comments, stay as they are.
    ~/.ssh is then 0700, the file 0600, and both belong to the user.

    Example::

        - !authorized_key
          user: alice
          key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKFNxnk4PlPBIQ4Q5xWJN4aOONwsgIcqgDWXGF4+vkSU alice@example.org
        - !authorized_key
          user: backup
          key: "{{ backup_keys }}"
          options: [restrict, 'command="/usr/local/bin/receive"']
          exclusive: true
    """

    user: AccountName
    """The user to log in as."""
    key: PublicKeys
    """A public key or several, in a list or one a line, each with its own options if wanted."""
    options: KeyOptions | None = None
    """What the keys may do; the order does not matter. An empty list takes options away; not given, they stay."""
    exclusive: bool = False
    """Let no other key in."""
    remove: bool = False
    """See that the keys are not there."""
    path: HostPath | None = None
    """The file, instead of ~/.ssh/authorized_keys. Its directory must exist and is left as it is."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.remove and (self.exclusive or self.options is not None):
            message = "beside 'remove' there is no 'exclusive' and no 'options'"
            raise ValueError(message)
        return self

    def wanted_keys(self) -> list[Key]:
        """Return the keys with their options."""
        keys = [key for line in self.key if (key := parse_key(line)) is not None]
        return keys if self.options is None else [replace(key, options=tuple(self.options)) for key in keys]

    async def plan(self, host: Host) -> Plan:
        """Read the file and edit it in memory; a user with a home elsewhere than in /home is asked for twice."""
        entry, directory, file = await self._read(host)
        refuse_in_the_way(file)
        if file.kind is FileKind.SYMLINK:
            raise TaskError(f"{file.path} is a link", hint="name the file that it points to in `path`")
        if self.path is None and directory.exists and not directory.is_directory:
            raise TaskError(f"{directory.path} is no directory of {self.user}'s own", hint="take it away first")
        document = Document.parse(_content(file))
        keys = self.wanted_keys()
        new = without_keys(document, keys) if self.remove else with_keys(document, keys, exclusive=self.exclusive)
        if self.remove and new == document:
            return Plan(PlanKind.NONE)
        return self._compare(host, entry, directory, file, new.to_bytes())

    async def _read(self, host: Host) -> tuple[UserEntry, FileStat, FileStat]:
        guess = "/root" if self.user == "root" else f"/home/{self.user}"
        with explained(self._file(guess)):
            try:
                replies = await host.gather([getent(host, "passwd", self.user), *self._looks(host, guess)])
            except OperationError as error:
                raise explain_getent(error) from error
            entry = _planned(host, parse_users(cast("CommandResult", replies[0]).stdout).get(self.user), self.user)
            if entry is None:
                raise TaskError(f"there is no user {self.user}", hint="make the user first, with !user")
            states = replies[1:]
            if self.path is None and entry.home != guess:
                states = await host.gather(self._looks(host, entry.home))
        directory, file, *above = (cast("FileStat", state) for state in states)
        _refuse_led_astray(above)
        return entry, directory, file

    def _file(self, home: str) -> str:
        return self.path or posixpath.join(home, ".ssh/authorized_keys")

    def _looks(self, host: Host, home: str) -> list[Operation[object]]:
        path = self._file(home)
        directory = posixpath.dirname(path)
        ways = [] if self.path is not None else [one for one in _ancestors(directory) if one != "/"]
        found = [host.stat(directory), host.stat(path, checksum=True, content=_LIMIT)]
        return [*found, *(host.stat(way) for way in ways)]

    def _compare(self, host: Host, entry: UserEntry, directory: FileStat, file: FileStat, content: bytes) -> Plan:
        owned = _directory_part(host, entry, directory) if self.path is None else Part()
        fixed = self.path is not None and file.exists
        written = _file_part(host, entry, file, content, attributes=not fixed)
        changes = (*owned.changes, *written.changes)
        if not changes:
            return Plan(PlanKind.NONE)
        kind = PlanKind.MODIFY if file.exists else PlanKind.CREATE
        diffs = text_diffs(file, payload_of_bytes(content)) if content != file.content else ()
        effects = (*owned.effects, *written.effects)
        return Plan(kind, changes, diffs, effects, data=(*owned.steps, *written.steps))

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Put the file in place, in one round trip."""
        steps = cast("tuple[Operation[object], ...]", plan.data)
        with explained(self._file("~")):
            try:
                await host.gather(steps)
            except OperationError as error:
                if error.code is OperationCode.EXISTS:
                    raise StaleError(error.subject, "somebody made it meanwhile") from error
                raise
        return Outcome()


def _ancestors(path: str) -> list[str]:
    """Return the directories that a path is in, from below."""
    found = [posixpath.dirname(path)]
    while found[-1] not in {"/", ""}:
        found.append(posixpath.dirname(found[-1]))
    return found


def _refuse_led_astray(above: Sequence[FileStat]) -> None:
    """Raise TaskError for a link on the way to the home that others than root could point anywhere."""
    for way in above:
        if way.kind is FileKind.SYMLINK and way.uid > 0:
            hint = "make it a directory, or let root own the link"
            raise TaskError(f"{way.path} is a link that belongs to {way.owner or way.uid}, not to root", hint=hint)


def _planned(host: Host, entry: UserEntry | None, name: str) -> UserEntry | None:
    """Plan mode: return the user as earlier tasks would leave it. Raises UnknownValueError where that is not known."""
    planned = host.planned_accounts("user").get(name)
    if planned is None:
        return entry
    if planned.present is False:
        return None
    home = planned.home or ("" if entry is None else entry.home)
    if planned.present is None or not home:
        raise UnknownValueError(f"an earlier task would change the user {name} first")
    return replace(entry or UserEntry(name, -1, -1, "", "", ""), home=home)


@dataclass(frozen=True, slots=True)
class Part:
    """What is to become of one path: the directory, or the file."""

    changes: tuple[Change, ...] = ()
    effects: tuple[PathEffect, ...] = ()
    steps: tuple[Operation[object], ...] = ()


def _content(file: FileStat) -> bytes:
    if file.is_file and file.content is None:
        if file.size > _LIMIT:
            raise TaskError(f"{file.path} is too large: {file.size} bytes, and the limit is {_LIMIT}")
        message = f"the content of {file.path} is known only once an earlier task has made it"
        raise UnknownValueError(message)
    return file.content or b""


def _differences(now: FileStat, entry: UserEntry, mode: Mode) -> tuple[Change, ...]:
    """Return how owner and mode differ; the group matters to nobody where only the owner may do anything."""
    changes = []
    if now.exists and now.owner != entry.name and now.uid != entry.uid:
        changes.append(Change("owner", now.owner, entry.name))
    if not now.exists or now.mode != mode:
        changes.append(Change("mode", Mode(now.mode) if now.exists else None, mode))
    return tuple(changes)


def _belonging(now: FileStat, entry: UserEntry, kind: FileKind, mode: Mode) -> FileStat:
    return replace(now, kind=kind, mode=int(mode), owner=entry.name, uid=entry.uid, gid=entry.gid, group="")


def _directory_part(host: Host, entry: UserEntry, now: FileStat) -> Part:
    differences = _differences(now, entry, _DIRECTORY_MODE)
    if not differences:
        return Part()
    group = str(entry.gid)
    step: Operation[object] = (
        host.set_attributes(now.path, mode=_DIRECTORY_MODE, owner=entry.name, group=group, expect=now)
        if now.exists
        else host.make_directory(now.path, mode=_DIRECTORY_MODE, owner=entry.name, group=group)
    )
    effect = PathEffect(_belonging(now, entry, FileKind.DIRECTORY, _DIRECTORY_MODE))
    return Part(prefixed(now.path, differences), (effect,), (step,))


def _file_part(host: Host, entry: UserEntry, now: FileStat, content: bytes, *, attributes: bool) -> Part:
    payload = payload_of_bytes(content)
    rewrite = content_changes(now, payload)
    differences = _differences(now, entry, _FILE_MODE) if attributes else ()
    if not rewrite and not differences:
        return Part()
    mode, owner, group = (_FILE_MODE, entry.name, str(entry.gid)) if differences else (None, None, None)
    expect = seen(now)
    step: Operation[object] = (
        host.write(now.path, content, mode=mode, owner=owner, group=group, expect=expect)
        if rewrite
        else host.set_attributes(now.path, mode=mode, owner=owner, group=group, expect=expect)
    )
    state = _belonging(now, entry, FileKind.FILE, _FILE_MODE) if differences else now
    made = replace(state, size=payload.size, checksum=payload.checksum, content=content, mtime=0)
    return Part((*rewrite, *differences), (PathEffect(made),), (step,))
