# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories written as JSON: by an executable script, or in a `.json` file."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from jetpack_core.content import json_text
from jetpack_core.content.files import shown, top
from jetpack_core.content.yaml import read_data
from jetpack_core.errors import UsageError
from jetpack_core.inventory import settings
from jetpack_core.inventory.directory import whole
from jetpack_core.inventory.names import fault, nearest
from jetpack_core.records import Position
from jetpack_core.variables.data import SourceList, SourceMap
from jetpack_core.variables.layers import Layer
from jetpack_core.variables.merge import resolve_replace_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.inventory.draft import Draft

TIMEOUT: Final = 120.0
"""Seconds a script may take."""
OUTPUT_LIMIT: Final = 64 * 1024 * 1024
"""Bytes that a script may print."""
_PIECE: Final = 65536
_META: Final = "_meta"
_KEYS: Final = ("hosts", "children", "vars", "hostvars")
_SHOWN: Final = 2000
_FORMAT_HINT: Final = 'write {"GROUP": {"hosts": [...], "children": [...], "vars": {...}, "hostvars": {...}}}'


def read_script(path: Path, draft: Draft, timeout: float = TIMEOUT) -> None:
    """Run a script without arguments and take in the JSON it prints.

    :param timeout: Seconds.
    """
    problems = draft.problems
    try:
        output = _run(path, timeout)
    except UsageError as error:
        problems.add(whole(path, problems), error.message, error.hint, code="inventory-script")
        return
    if not output.strip():
        problems.add(
            whole(path, problems), "the inventory script printed nothing", _FORMAT_HINT, code="inventory-script"
        )
        return
    place = Position(f"{shown(path)} (output)", 1, 1)
    _read(json_text.parse(output, place.file, problems), place, draft)


def read_json(path: Path, draft: Draft) -> None:
    """Take in a file that holds what a script would print."""
    _read(read_data(path, draft.problems), top(path), draft)


def _run(path: Path, timeout: float) -> bytes:
    """Return what a script prints. Raises UsageError."""
    try:
        process = subprocess.Popen(
            [path.absolute()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        message = f"the inventory script cannot be run: {error.strerror}"
        hint = "its first line names its interpreter, such as: #!/usr/bin/env python3"
        raise UsageError(message, hint=hint) from None
    output, complaint = _outcome(process, timeout)
    if len(output) > OUTPUT_LIMIT:
        message = f"the inventory script printed more than {OUTPUT_LIMIT // 1_048_576} MiB"
        raise UsageError(message, hint="run it by hand to see what it prints")
    if process.returncode:
        hint = "run it by hand; it is called without arguments"
        raise UsageError(_failure(process.returncode, complaint), hint=hint)
    return output


def _outcome(process: subprocess.Popen[bytes], timeout: float) -> tuple[bytes, bytes]:
    """Return what a script prints, cut off above the limit, and the end of its complaint. Raises UsageError."""
    until = time.monotonic() + timeout
    output, complaint = bytearray(), bytearray()
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(_stream(process.stdout), selectors.EVENT_READ, output)
            selector.register(_stream(process.stderr), selectors.EVENT_READ, complaint)
            while selector.get_map() and len(output) <= OUTPUT_LIMIT:
                _take(selector, _left(until, timeout))
                del complaint[:-_PIECE]
        if len(output) <= OUTPUT_LIMIT:
            process.wait(_left(until, timeout))
    except subprocess.TimeoutExpired:
        message = f"the inventory script did not end within {timeout:g} seconds"
        raise UsageError(message, hint="run it by hand to see what it waits for") from None
    finally:
        _end(process)
    return bytes(output), bytes(complaint)


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        message = "the script was started without pipes"
        raise RuntimeError(message)
    return stream


def _left(until: float, timeout: float) -> float:
    """Return the seconds that are left. Raises TimeoutExpired for none."""
    left = until - time.monotonic()
    if left <= 0:
        raise subprocess.TimeoutExpired("", timeout)
    return left


def _take(selector: selectors.BaseSelector, patience: float) -> None:
    """Wait for output and keep it with its stream; a stream that has ended is waited for no more."""
    for key, _ in selector.select(patience):
        piece = os.read(key.fd, _PIECE)
        key.data.extend(piece)
        if not piece:
            selector.unregister(key.fileobj)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a script that still runs, and whatever it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _failure(code: int, complaint: bytes) -> str:
    how = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
    said = complaint.decode(errors="replace").strip()[-_SHOWN:]
    indented = "\n".join(f"    {_printable(line)}" for line in said.splitlines())
    return f"the inventory script {how}" + (f" and said\n{indented}" if said else " and said nothing")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\t" else "?" for char in text)


def _read(data: object, place: Position, draft: Draft) -> None:
    """Take in the groups of the JSON form."""
    reader = _Reader(draft)
    groups = reader.mapping(data, "the inventory", place)
    for name, body in groups.items():
        where = groups.positions[name]
        if name == _META:
            meta = reader.mapping(body, _META, where)
            reader.hostvars(meta, _META, where)
        elif not name.startswith("_") and draft.add_group(name, where):
            reader.group(name, body, where)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Takes in the parts of the JSON form; each fault names its part, such as `web.hosts`."""

    draft: Draft

    def group(self, name: str, body: object, place: Position) -> None:
        """Take in a group, or the list of its hosts alone."""
        if isinstance(body, SourceList):
            self.draft.add_hosts(name, self._names(body, name, place))
            return
        group = self.mapping(body, name, place)
        for key, where in group.positions.items():
            if key not in _KEYS:
                hint = nearest(key, _KEYS) or _FORMAT_HINT
                self.draft.problems.add(where, f"{name}: a group has no key {key!r}", hint, code="unknown-key")
        self.draft.add_hosts(name, self._part(group, name, "hosts", place))
        self._children(name, self._part(group, name, "children", place))
        where = group.positions.get("vars", place)
        if layer := self._layer("group", name, group.get("vars"), f"{name}.vars", where):
            self.draft.add_group_layer(name, layer, where)
        self.hostvars(group, name, place)

    def _part(self, group: SourceMap, name: str, key: str, place: Position) -> Iterator[tuple[str, Position]]:
        return self._names(group.get(key), f"{name}.{key}", group.positions.get(key, place))

    def _children(self, name: str, children: Iterator[tuple[str, Position]]) -> None:
        """Take in subgroups; each is a group even when nothing more is said of it, as with Ansible."""
        for child, position in children:
            if self.draft.add_group(child, position):
                self.draft.add_subgroups(name, [(child, position)])

    def hostvars(self, group: SourceMap, name: str, place: Position) -> None:
        """Take in the variables of hosts that stand in a group or in `_meta`."""
        hosts = self.mapping(group.get("hostvars"), f"{name}.hostvars", group.positions.get("hostvars", place))
        for host, values in hosts.items():
            position = hosts.positions[host]
            if wrong := fault(host):
                self.draft.problems.add(position, f"{name}.hostvars: the host name {host!r} {wrong}")
            elif layer := self._layer("host", host, values, f"{name}.hostvars.{host}", position):
                self.draft.add_host_layer(host, layer, position)

    def _layer(self, noun: str, name: str, value: object, where: str, place: Position) -> Layer | None:
        values = self.mapping(value, where, place)
        for key, message, hint in settings.faults(values):
            self.draft.problems.add(values.positions[key], f"{where}: {message}", hint, code="wrong-value")
        for text in settings.strangers(values):
            self.draft.warn(f"{place}: {where}: {text}")
        resolved = resolve_replace_keys(values)
        return Layer(f"{noun} {name}", resolved) if values and isinstance(resolved, dict) else None

    def _names(self, value: object, where: str, place: Position) -> Iterator[tuple[str, Position]]:
        if value is None:
            return
        if not isinstance(value, SourceList):
            message = f"{where} must be a list of names, not {_kind(value)}"
            self.draft.problems.add(place, message, _FORMAT_HINT)
            return
        for one, position in zip(value, value.positions, strict=True):
            if isinstance(one, str):
                yield one, position
            else:
                self.draft.problems.add(position, f"{where}: a name must be text, not {_kind(one)}")

    def mapping(self, value: object, where: str, place: Position) -> SourceMap:
        """Return a value that is a mapping, or none at all; anything else is a problem."""
        if isinstance(value, SourceMap):
            return value
        if value is not None:
            self.draft.problems.add(place, f"{where} must be a mapping, not {_kind(value)}", _FORMAT_HINT)
        return SourceMap()


def _kind(value: object) -> str:
    kinds = {bool: "a boolean", str: "text", SourceList: "a list", SourceMap: "a mapping", type(None): "null"}
    return kinds.get(type(value), "a number")
