# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `hostname`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, cast

from pydantic import AfterValidator

from jetpack_core.contracts.attributes import seen
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.commands.chain import last_words
from jetpack_core.modules.files.content import holding
from jetpack_core.modules.files.document import Document, document_of
from jetpack_core.modules.files.payload import payload_of_bytes, text_diffs
from jetpack_core.records import Change, CommandResult, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Operation

# hostname(5) and hosts(5).
_NAME_FILE: Final = "/etc/hostname"
_HOSTS_FILE: Final = "/etc/hosts"
_OWN_ADDRESS: Final = "127.0.1.1"
_LOOPBACK: Final = "127.0.0.1"
_LIMIT: Final = 1024 * 1024
# gethostname(2): what Linux has room for.
_LONGEST: Final = 64
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

# The kernel's name is one for all programs; where there is no program to set it, the kernel takes it as a file.
_SET: Final = 'if command -v hostname >/dev/null; then exec hostname "$1"; fi; echo "$1" >/proc/sys/kernel/hostname'


def _host_name(value: str) -> str:
    if len(value) > _LONGEST or not re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", value):
        message = f"{value!r} is no host name: letters, digits and dashes between dots, at most {_LONGEST} in all"
        raise ValueError(message)
    if re.fullmatch(r"[0-9.]+", value):
        message = f"{value!r} is an address rather than a name"
        raise ValueError(message)
    return value


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done, and what the files looked like."""

    live: bool
    files: tuple[tuple[FileStat, bytes], ...]


class Hostname(Module):
    """Give a Linux host its name, at once and for every start to come.

    Example::

        - !hostname
          hostname: web1
        - !hostname
          hostname: web1.example.org
          hosts: true
    """

    hostname: Annotated[str, AfterValidator(_host_name)]
    """The name, with or without its domain."""
    hosts: bool = False
    """Let /etc/hosts know it as well, by the address 127.0.1.1: the whole name, then the name without its domain."""

    titled_by: ClassVar[str] = "hostname"

    async def plan(self, host: Host) -> Plan:
        """Compare the kernel's name and the files with it, in one round trip. Raises TaskError elsewhere than Linux."""
        paths = [_NAME_FILE, *([_HOSTS_FILE] if self.hosts else [])]
        looks = [host.stat(path, checksum=True, content=_LIMIT) for path in paths]
        with explained(_NAME_FILE):
            asked, *found = await host.gather([host.query(["uname", "-sn"]), *looks])
        system, _, live = cast("CommandResult", asked).stdout.strip().partition(" ")
        if system != "Linux":
            raise TaskError(f"the host runs {system or 'something unknown'}, and only the name of Linux can be set")
        stats = [cast("FileStat", one) for one in found]
        for now in stats:
            if now.exists and not now.is_file:
                raise TaskError(f"{now.path} is not a file, and one is to be there")
        return self._compared(live, stats)

    def _compared(self, live: str, stats: list[FileStat]) -> Plan:
        changes = [Change("name", live, self.hostname)] if live != self.hostname else []
        edits = [(now, content) for now in stats if (content := self._wanted(now)) is not None]
        for now, content in edits:
            changes.append(Change(now.path, *self._told(now, content)))
        if not changes:
            return Plan(PlanKind.NONE)
        payloads = [(now, payload_of_bytes(content)) for now, content in edits]
        diffs = tuple(diff for now, payload in payloads for diff in text_diffs(now, payload))
        effects = tuple(PathEffect(holding(_as_file(now), payload)) for now, payload in payloads)
        work = _Work(live != self.hostname, tuple((seen(now), content) for now, content in edits))
        return Plan(PlanKind.MODIFY, tuple(changes), diffs, effects, data=work)

    def _told(self, now: FileStat, content: bytes) -> tuple[str | None, str | None]:
        """Return the line that a file has about the name, before and after."""
        told = _first_line if now.path == _NAME_FILE else _own_line
        after = Document.parse(content)
        return (told(document_of(now, _LIMIT)) if now.exists else None), told(after)

    def _wanted(self, now: FileStat) -> bytes | None:
        """Return what a file is to hold, or None where it is right."""
        document = document_of(now, _LIMIT)
        if now.path == _NAME_FILE:
            right = _first_line(document) == self.hostname
            return None if right else f"{self.hostname}\n".encode()
        edited = self._with_own_line(document)
        return None if edited == document else edited.to_bytes()

    def _with_own_line(self, document: Document) -> Document:
        names = list(dict.fromkeys((self.hostname, self.hostname.partition(".")[0])))
        texts = document.texts
        own = [index for index, text in enumerate(texts) if text.split()[:1] == [_OWN_ADDRESS]]
        if own:
            # More names of this address are welcome behind those.
            told = [word for index in own for word in texts[index].partition("#")[0].split()[1:]]
            if told[: len(names)] == names and len(own) == 1:
                return document
            line = "\t".join((_OWN_ADDRESS, " ".join(names)))
            return document.with_text(own[0], line).without(own[1:])
        loopback = [index for index, text in enumerate(texts) if text.split()[:1] == [_LOOPBACK]]
        place = loopback[-1] + 1 if loopback else 0
        edited = document.inserted(place, ["\t".join((_OWN_ADDRESS, " ".join(names)))])
        return replace(edited, ends_open=False)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Give the kernel the name, and if it takes that, the files. Raises TaskError with the system's own words."""
        work = cast("_Work", plan.data)
        steps: list[Operation[object]] = [host.write(now.path, content, expect=now) for now, content in work.files]
        if work.live:
            steps.insert(0, host.run(["sh", "-c", _SET, "sh", self.hostname], good=(0,)))
        ended = (await self._done(host, work, steps))[0]
        if isinstance(ended, CommandResult) and not ended.ok:
            hint = "act as root; a container is given its name by what runs it"
            raise TaskError(f"the name cannot be set: {last_words(ended)}", hint=hint)
        return Outcome()

    async def _done(self, host: Host, work: _Work, steps: list[Operation[object]]) -> tuple[object, ...]:
        try:
            with explained(_NAME_FILE):
                return await host.gather(steps)
        except OperationError as error:
            if error.code is not OperationCode.OTHER or error.subject not in {now.path for now, _ in work.files}:
                raise
            done = "the name is set until the next start, and " if work.live else ""
            hint = "in a container, what runs it may have mounted the file there, and gives it its name"
            raise TaskError(f"{done}{error.subject} cannot be written: {error}", hint=hint) from error


def _first_line(document: Document) -> str | None:
    """Return the name that /etc/hostname holds: the first line that is neither empty nor a comment."""
    lines = (text.strip() for text in document.texts)
    return next((text for text in lines if text and not text.startswith("#")), None)


def _own_line(document: Document) -> str | None:
    return next((text for text in document.texts if text.split()[:1] == [_OWN_ADDRESS]), None)


def _as_file(now: FileStat) -> FileStat:
    """Return the state of a file that is written: as it was, or new."""
    return now if now.exists else FileStat(now.path, FileKind.FILE, 0o644)
