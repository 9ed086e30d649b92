# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `sysctl`."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self, cast

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator

from jetpack_core.contracts.attributes import Attributes
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained, refuse_in_the_way, require_parent
from jetpack_core.errors import TaskError
from jetpack_core.modules.commands.chain import last_words
from jetpack_core.modules.files.content import FileWork, compare, operation, plan_new
from jetpack_core.modules.files.document import Document, document_of
from jetpack_core.modules.files.payload import decoded, payload_of_bytes
from jetpack_core.modules.files.removal import plan_removal
from jetpack_core.records import Change, CommandResult, FileStat, Outcome, Plan, PlanKind, TextDiff

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Stat

# sysctl.d(5): read in the order of their names at each start; the last that names a key wins.
_DIRECTORY: Final = "/etc/sysctl.d"
_KERNEL: Final = "/proc/sys"
_LIMIT: Final = 1024 * 1024


def key_path(key: str) -> str:
    """Return the path of a key below /proc/sys: the first separator says which of the two it is (sysctl.d(5))."""
    first = re.search(r"[./]", key)
    if first is None or first.group() == "/":
        return key
    return key.translate(str.maketrans("./", "/."))


def _key(value: str) -> str:
    parts = key_path(value).split("/")
    if any(part in {"", ".", ".."} for part in parts) or re.search(r"[\s=#;*?\[\]\0\\]", value) or value[0] == "-":
        message = f"{value!r} is not the key of a kernel parameter such as net.ipv4.ip_forward"
        raise ValueError(message)
    return value


def _text(value: object) -> object:
    """Take a number for its text, as a template may render one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _value(value: str) -> str:
    if not value.strip() or any(char in value for char in "\0\r\n"):
        message = "a value is one line, and not an empty one"
        raise ValueError(message)
    return " ".join(value.split())


def _file_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value):
        message = f"{value!r} is not the name of a file in {_DIRECTORY}"
        raise ValueError(message)
    return value if value.endswith(".conf") else f"{value}.conf"


def parse_setting(text: str) -> tuple[str, str] | None:
    """Return the path below /proc/sys and the value in a line of sysctl.d(5); None for all other lines."""
    line = text.strip()
    if line[:1] in {"", "#", ";"}:
        return None
    key, equals, value = line.partition("=")
    name = key.strip().removeprefix("-").strip()
    return (key_path(name), " ".join(value.split())) if equals and name else None


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done: to the kernel, and to the file."""

    live: bool
    file: FileWork | FileStat | None
    """What is written, what is removed, or nothing."""


class Sysctl(Module):
    """Set a parameter of the Linux kernel, at once and for every start to come.

    Both are compared: what the kernel has now, and what a file in /etc/sysctl.d gives it when the host starts.
    All other lines of the file stay as they are. The kernel is spoken to directly, so no program is needed.

    Example::

        - !sysctl
          key: net.ipv4.ip_forward
          value: "1"
        - !sysctl
          key: net.ipv4.ip_local_port_range
          value: 20000 60999
          file: 60-ports
        - !sysctl
          key: vm.swappiness
          remove: true
    """

    key: Annotated[str, AfterValidator(_key)]
    """The parameter: net.ipv4.ip_forward, or net/ipv4/conf/eth0.100/forwarding where a part has a dot itself."""
    value: Annotated[str, BeforeValidator(_text), AfterValidator(_value), WithJsonSchema({"type": "string"})] | None = (
        None
    )
    """Its value; several are separated by blanks."""
    file: Annotated[str, AfterValidator(_file_name)] = "99-zz-jetpack.conf"
    """The file in /etc/sysctl.d. The last file by name wins; this one comes behind 99-sysctl.conf."""
    live: bool = True
    """Whether the running kernel is given the value as well, and not only at the next start."""
    ignore_unknown: bool = False
    """Only write the file where the kernel does not know the parameter (yet), such as that of a module."""
    remove: bool = False
    """Take the parameter out of the file. The running kernel keeps its value until the next start."""

    titled_by: ClassVar[str] = "key"

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.remove == (self.value is not None):
            message = "give either 'value' or 'remove: true'"
            raise ValueError(message)
        return self

    @property
    def _path(self) -> str:
        return posixpath.join(_KERNEL, key_path(self.key))

    async def plan(self, host: Host) -> Plan:
        """Ask the kernel and read the file, in one round trip. Raises TaskError with the kernel's own words."""
        path = posixpath.join(_DIRECTORY, self.file)
        look = host.stat(path, checksum=True, content=_LIMIT)
        changes: tuple[Change, ...] = ()
        with explained(path):
            if self.remove or not self.live:
                now = await look
            else:
                now, changes = await self._look_at_both(host, look)
        refuse_in_the_way(now)
        file = await self._plan_file(host, now)
        if not changes and not file.needed:
            return Plan(PlanKind.NONE)
        work = _Work(bool(changes), cast("FileWork | FileStat | None", file.data))
        kind = file.kind if file.needed else PlanKind.MODIFY
        return Plan(kind, (*changes, *file.changes), file.diffs, file.effects, data=work)

    async def _look_at_both(self, host: Host, look: Stat) -> tuple[FileStat, tuple[Change, ...]]:
        """Return the file, and how the kernel differs."""
        kernel = [host.query(["cat", "--", self._path]), host.stat(self._path), host.stat(_KERNEL)]
        now, told, there, all_of_them = cast(
            "tuple[FileStat, CommandResult, FileStat, FileStat]", await host.gather([look, *kernel])
        )
        if not all_of_them.is_directory:
            raise TaskError(f"the host has no {_KERNEL}: only the parameters of Linux can be set")
        if told.ok:
            value = " ".join(told.stdout.split())
            return now, () if value == self.value else (Change("kernel", value, self.value),)
        if self.ignore_unknown and not there.exists:
            return now, ()
        hint = "see the spelling; `ignore_unknown: true` writes the file even so" if not there.exists else ""
        raise TaskError(f"the kernel does not tell {self.key}: {last_words(told)}", hint=hint)

    async def _plan_file(self, host: Host, now: FileStat) -> Plan:
        before = document_of(now, _LIMIT)
        after = self._edited(before)
        if after == before:
            return Plan(PlanKind.NONE)
        if self.remove and not any(text.strip() for text in after.texts):
            text = None if now.content is None else decoded(now.content)
            plan = plan_removal(now, () if text is None else (TextDiff(now.path, text, None),))
        elif now.is_file:
            plan = compare(now, payload_of_bytes(after.to_bytes()), Attributes())
        else:
            await require_parent(host, now.path)
            plan = plan_new(host, now, payload_of_bytes(after.to_bytes()), Attributes())
        told = self._told(before)
        kind = PlanKind.CREATE if told is None else PlanKind.REMOVE if self.remove else PlanKind.MODIFY
        return replace(plan, kind=kind, changes=(Change(now.path, told, self.value),))

    def _lines(self, document: Document) -> list[int]:
        wanted = key_path(self.key)
        parsed = [parse_setting(text) for text in document.texts]
        return [index for index, found in enumerate(parsed) if found is not None and found[0] == wanted]

    def _told(self, document: Document) -> str | None:
        """Return the value that the file gives the parameter: the last it names."""
        found = [parse_setting(document.texts[index]) for index in self._lines(document)]
        return found[-1][1] if found and found[-1] is not None else None

    def _edited(self, document: Document) -> Document:
        lines = self._lines(document)
        if self.remove:
            return document.without(lines)
        if self._told(document) == self.value and len(lines) == 1:
            return document
        line = f"{self.key} = {self.value}"
        if not lines:
            return replace(document.inserted(len(document.lines), [line]), ends_open=False)
        return document.with_text(lines[0], line).without(lines[1:])

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Set the kernel's value, and once it took that, the file's. Raises TaskError with the kernel's own words."""
        work = cast("_Work", plan.data)
        if work.live:
            await self._set(host)
        if work.file is None:
            return Outcome()
        path = posixpath.join(_DIRECTORY, self.file)
        with explained(path):
            if isinstance(work.file, FileWork):
                await operation(host, work.file)
            else:
                await host.remove(path, expect=work.file)
        return Outcome()

    async def _set(self, host: Host) -> None:
        value = (self.value or "").encode()
        # Every dd writes at once what it is given and hands on the kernel's own words; a shell or tee may not.
        tell = ["dd", f"of={self._path}", "bs=65536", "status=none"]
        ended, now = await host.gather([host.run(tell, stdin=value + b"\n"), host.query(["cat", "--", self._path])])
        if not ended.ok:
            raise TaskError(f"the kernel does not take {self.key} = {self.value}: {last_words(ended)}")
        told = " ".join(now.stdout.split())
        if told != self.value:
            hint = "write what the kernel makes of it"
            raise TaskError(f"{self.key} was set to {self.value!r}, and the kernel made {told!r} of it", hint=hint)
