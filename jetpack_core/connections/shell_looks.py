# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at many paths by a few processes of a host without Python, which starts one for every question otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from jetpack_core.connections.codec import failure, text
from jetpack_core.connections.shell_answers import checksum, fields
from jetpack_core.connections.shell_script import quote, script
from jetpack_core.contracts import operations as ops
from jetpack_core.contracts.operations import Reply, Request
from jetpack_core.records import FileStat

MOST: Final = 64
"""Paths that one call looks at."""
LONGEST: Final = 512
"""Characters of a path that may be one of many: together they must fit into the arguments of a program."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one call in the shell answers: one request, or several that look at paths."""

    indexes: tuple[int, ...]
    """The places of the requests in their batch."""
    together: bool = False


def calls(batch: Sequence[Request]) -> Iterator[Call]:
    """Yield the calls for a batch. Looks that follow each other change nothing, so their order is free."""
    looks: dict[bool, list[int]] = {False: [], True: []}
    for index, request in enumerate(batch):
        operation = request.operation
        if isinstance(operation, ops.Stat) and _is_plain(operation.path):
            looks[operation.follow].append(index)
            continue
        yield from _together(batch, looks)
        yield Call((index,))
    yield from _together(batch, looks)


def _together(batch: Sequence[Request], looks: dict[bool, list[int]]) -> Iterator[Call]:
    for indexes in looks.values():
        for start in range(0, len(indexes), MOST):
            part = tuple(indexes[start : start + MOST])
            yield Call(part, together=len(part) > 1 or _needs_more(batch[part[0]]))
        indexes.clear()


def _needs_more(request: Request) -> bool:
    return isinstance(request.operation, ops.Stat) and request.operation.content > 0


def _is_plain(path: str) -> bool:
    # Programs that print names put a line for each; one with a line break would be two.
    return path.startswith("/") and "\n" not in path and "\0" not in path and len(path) <= LONGEST


def scripts(batch: Sequence[Request], wanted: Sequence[Call]) -> bytes:
    """Return the script that makes the calls."""
    lines = [
        _looks([batch[index].operation for index in call.indexes]) if call.together else script(batch[call.indexes[0]])
        for call in wanted
    ]
    return b"; ".join(lines)


def _looks(operations: Sequence[ops.Operation[object]]) -> bytes:
    stats = _stats(operations)
    words = [b"1" if stats[0].follow else b"0"]
    for stat in stats:
        words += [b"%d %d" % (stat.checksum, stat.content + 1 if stat.content else 0), quote(stat.path)]
    return b"jlook " + b" ".join(words)


def _stats(operations: Sequence[ops.Operation[object]]) -> list[ops.Stat]:
    return [one for one in operations if isinstance(one, ops.Stat)]


def replies(operations: Sequence[ops.Operation[object]], parts: Sequence[bytes], kinds: bytes) -> list[Reply]:
    """Return the answers of `jstats`: parts are lines, checksums, contents and targets; kinds say what each path has.

    Raises ValueError, IndexError, KeyError and StopIteration on nonsense.
    """
    stats = _stats(operations)
    words = [((int(word[:-1]) - 1) // 3 - 1, word[-1:]) for word in kinds.split()]
    contents = sum(kind == b"+" for _, kind in words)
    printed = {
        b".": iter(parts[0].split(b"\n")),
        b"#": iter(parts[1].split(b"\n")),
        b"+": iter(parts[2 : 2 + contents]),
        b"@": iter(parts[2 + contents :]),
    }
    found = {index: _reply(stats[index], kind, printed) for index, kind in words}
    return [found[index] for index in range(len(stats))]


def _reply(stat: ops.Stat, kind: bytes, printed: dict[bytes, Iterator[bytes]]) -> Reply:
    if kind == b"-":
        return Reply(FileStat(stat.path))
    if kind == b"!":
        return Reply(error=failure("PERMISSION", stat.path, ""))
    state = fields(stat.path, next(printed[b"."]))
    if kind == b"?":
        return Reply(error=failure("PERMISSION", stat.path, ""))
    if kind == b"#":
        state = replace(state, checksum=checksum(next(printed[b"#"])))
    elif kind == b"+":
        state = _with_content(stat, state, next(printed[b"+"]))
    elif kind == b"@":
        state = replace(state, target=text(next(printed[b"@"])))
    elif kind != b".":
        raise ValueError("no such kind of look")
    return Reply(state)


def _with_content(stat: ops.Stat, state: FileStat, content: bytes) -> FileStat:
    if stat.checksum:
        state = replace(state, checksum=hashlib.sha256(content).hexdigest())
    return replace(state, content=content, size=len(content)) if len(content) <= stat.content else state
