# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations as calls of the functions in `remote/shell.sh`, every value quoted."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jetpack_core.connections.codec import LETTERS
from jetpack_core.connections.codec import expected as on_wire
from jetpack_core.connections.remote.helper.commands import OUTPUT_LIMIT
from jetpack_core.contracts import operations as ops
from jetpack_core.contracts.operations import Operation, Request
from jetpack_core.records import FileStat

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SPECIAL: Final = re.compile(rb"[^\t -~]|['\\]")
_LOCALE_NAMES: Final = (
    "LC_CTYPE LC_NUMERIC LC_TIME LC_COLLATE LC_MONETARY LC_MESSAGES LC_PAPER LC_NAME LC_ADDRESS LC_TELEPHONE "
    "LC_MEASUREMENT LC_IDENTIFICATION LC_ALL LANGUAGE"
)

_SHORT: Final = 2048
"""Bytes of script that the shell reads itself; longer ones pay for a process that reads faster."""


@cache
def program(name: str) -> bytes:
    """Return a shell program of `remote/` without its comments; made once, when a host first needs it."""
    text = (files("jetpack_core.connections.remote") / name).read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#")).encode()


def is_line(script: bytes) -> bool:
    """Tell whether a script is sent as a line, and not as so many bytes."""
    return len(script) < _SHORT and b"\n" not in script


def quote(text: str | bytes) -> bytes:
    """Quote one word for any POSIX shell; raises ValueError on a zero byte, which no word can hold."""
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    if b"\0" in data:
        raise ValueError("a path cannot contain a zero byte")
    return b"'" + data.replace(b"'", b"'\\''") + b"'"


def printed(data: bytes) -> bytes:
    """Return a command that prints any bytes, by the shell's own printf."""
    if not data:
        return b":"
    return b"printf %b '" + _SPECIAL.sub(_escape, data) + b"'"


def _escape(found: re.Match[bytes]) -> bytes:
    return b"\\n" if found[0] == b"\n" else b"\\0%03o" % found[0][0]


def _words(*words: str | bytes | int) -> bytes:
    return b" ".join(quote(str(word) if isinstance(word, int) else word) for word in words)


def _mode(mode: int | None, width: int = 1) -> str:
    # Five digits make chmod set exactly this mode; with fewer it keeps the group bit of directories.
    return "" if mode is None else f"{mode:0{width}o}"


def temporary_name() -> str:
    """Return a name that nobody can guess, for a file beside its destination."""
    return f".jetpack-{secrets.token_hex(12)}"


def expected(state: FileStat | None) -> list[str]:
    """Return the words by which `jexpect` compares."""
    if state is None:
        return [""]
    checksum = (on_wire(state) or [None])[-1] or ""
    words = [LETTERS[state.kind], _mode(state.mode), str(state.uid), str(state.gid), str(state.size), str(state.mtime)]
    return [*words, checksum, state.target or ""]


GIVE_UP: Final = b'exec 4>&-; [ -z "$W" ] || rm -f -- "$W"; W=; jdo 0 true'
"""Remove the file that is being written."""
AWAY: Final = b"jaway"
"""Remove a program that is not to be run any more."""


def opening(op: Operation[object]) -> bytes:
    """Return the script that opens a file to be streamed, or refuses one whose path cannot be a word."""
    try:
        if isinstance(op, ops.RunFile):
            return b"jdo 1 jinside " + _words(op.source.name, temporary_name())
        if isinstance(op, ops.Write | ops.Put):
            return b"jdo 1 jopen " + _place(op)
    except ValueError as error:
        return b"jdo 1 jrefuse " + quote(str(error))
    raise TypeError("only files are streamed")


def _place(op: ops.Write | ops.Put) -> bytes:
    return _words(
        op.path, int(op.follow), temporary_name(), _mode(op.mode), op.owner or "", op.group or "", *expected(op.expect)
    )


def _run(op: ops.Run, show: bool) -> bytes:
    lines = [f"jenv() {{ unset {_LOCALE_NAMES}; export LANG=C.UTF-8".encode()]
    if not any(name == "LANG" or name.startswith("LC_") for name in op.env):
        lines.append(b"export LC_ALL=C.UTF-8")
    odd = []
    for name, value in op.env.items():
        if _NAME.match(name):
            lines.append(b"export %s=%s" % (name.encode(), quote(value)))
        else:
            odd.append(f"{name}={value}")
    lines.append(b"}")
    if op.stdin:
        lines.append(printed(op.stdin) + b' >"$T/i"')
    first = ("env", *odd, "--") if odd else ()
    timeout = "" if op.timeout is None else f"{op.timeout:g}"
    lines.append(b"JOK=" + quote("" if op.good is None else " ".join(["", *map(str, op.good), ""])))
    how = _words(timeout, int(show), OUTPUT_LIMIT + 1, op.cwd or "", *first)
    lines.append(b"jdo 1 jrun %s %s" % (how, _argv(op)))
    if isinstance(op, ops.RunFile):
        lines.append(AWAY)
    return b"; ".join(lines)


def _argv(op: ops.Run) -> bytes:
    if not isinstance(op, ops.RunFile):
        return _words(*op.argv)
    path = b'"$JD"/' + quote(op.source.name)
    return b" ".join([*map(quote, op.argv[: op.place]), path, *map(quote, op.argv[op.place + 1 :])])


def _write(op: ops.Write) -> bytes:
    return b"jcontent() { " + printed(op.content) + b"; }; jdo 1 jwrite " + _place(op)


def _attributes(op: ops.SetAttributes) -> bytes:
    words = (_mode(op.mode, 5), op.owner or "", op.group or "", int(op.follow), len(op.paths))
    return b"jdo 1 jattributes " + _words(*words, *op.paths, *expected(op.expect))


def _mkdir(op: ops.MakeDirectory) -> bytes:
    mode = _mode(0o755 if op.mode is None else op.mode, 5)
    return b"jdo 1 jmkdir " + _words(mode, op.owner or "", op.group or "", int(op.parents), op.path.rstrip("/"))


def _stat(op: ops.Stat) -> bytes:
    return b"jdo 0 jstat " + _words(int(op.follow), int(op.checksum), op.content + 1 if op.content else 0, op.path)


_FIND_ONE: Final = "-maxdepth 1"
_SCRIPTS: Final[dict[type, Callable[[Any], bytes]]] = {
    ops.Stat: _stat,
    ops.List: lambda op: b"jdo 0 jlist " + _words(op.path, _FIND_ONE, 0),
    ops.Walk: lambda op: b"jdo 0 jlist " + _words(op.path, "", int(op.checksum)),
    ops.Read: lambda op: b"jdo 0 jread " + _words(op.limit + 1, op.path),
    ops.Get: lambda op: b"jdo 0 jget " + _words(op.path),
    ops.Write: _write,
    ops.SetAttributes: _attributes,
    ops.MakeDirectory: _mkdir,
    ops.Remove: lambda op: b"jdo 1 jremove " + _words(int(op.recursive), op.path, *expected(op.expect)),
    ops.Rename: lambda op: b"jdo 1 jrename " + _words(int(op.replace), op.source, op.destination, *expected(op.expect)),
    ops.Copy: lambda op: b"jdo 1 jcopy " + _words(int(op.replace), op.source, op.destination, temporary_name()),
    ops.Link: lambda op: (
        b"jdo 1 jlink "
        + _words(int(op.hard), int(op.replace), op.path, op.target, temporary_name(), *expected(op.expect))
    ),
    ops.TempDirectory: lambda op: b"jdo 1 jtemporary " + _words(op.prefix.replace("/", "_")),
    ops.Hold: lambda op: program("hold.sh") + b"\njdo 1 jhold " + _words(op.run, op.owner, secrets.token_hex(8)),
}


def script(request: Request) -> bytes:
    """Return the script that carries out a request, or has it refused when a value cannot be a word."""
    operation = request.operation
    try:
        if isinstance(operation, ops.Run):
            return _run(operation, request.on_output is not None)
        return _SCRIPTS[type(operation)](operation)
    except ValueError as error:
        return b"jdo %d jrefuse %s" % (operation.changing, quote(str(error)))


def subject(operation: Operation[object], number: str) -> str:
    """Return the path or command that a failure is about; `number` counts an operation's subjects."""
    match operation:
        case ops.Run():
            return operation.argv[0] if operation.argv else "command"
        case ops.Rename() | ops.Copy():
            return operation.destination if number == "1" else operation.source
        case ops.SetAttributes():
            return operation.paths[int(number)] if number.isdigit() and int(number) < len(operation.paths) else ""
        case ops.TempDirectory():
            return operation.prefix
    return str(getattr(operation, "path", ""))
