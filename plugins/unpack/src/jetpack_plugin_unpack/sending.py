# SPDX-License-Identifier: GPL-3.0-or-later
"""The extractor on a host: sent over standard input, run by the host's Python, nothing left behind."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, cast

from jetpack_core.contracts.host import Host
from jetpack_core.errors import StaleError, TaskError
from jetpack_core.records import CommandResult

_PACKAGE: Final = "jetpack_plugin_unpack.onhost"
_MODULES: Final = ("trouble", "streams", "archives", "vetting", "manifest", "comparing", "writing", "whole", "program")
"""In the order in which each needs only those before it."""
_BOOT: Final = """\
import os,sys
if sys.version_info < (3, 6):
    print(os.getuid(),os.environ.get("HOME",""),os.environ.get("XDG_STATE_HOME",""),sep=chr(10))
    sys.exit(96)
import base64,json,types,zlib
given=json.load(sys.stdin)
for name,text in json.loads(zlib.decompress(base64.b64decode(given["program"])).decode()):
    made=sys.modules[name]=types.ModuleType(name)
    if "." in name:
        setattr(sys.modules[name.rpartition(".")[0]],name.rpartition(".")[2],made)
    exec(compile(text,"<jetpack>/"+name,"exec"),made.__dict__)
json.dump(made.run(given["request"]),sys.stdout)
"""
_PICK: Final = """\
for p in python3 /usr/bin/python3 /usr/local/bin/python3 /usr/libexec/platform-python; do
    command -v "$p" >/dev/null 2>&1 && exec "$p" -ISBc "$1"
done
printf '%s\\n%s\\n%s\\n' "$(id -u)" "$HOME" "$XDG_STATE_HOME"
exit 96
"""
_NO_PYTHON: Final = 96


@dataclass(frozen=True, slots=True)
class NoPython:
    """What a host without Python says of the acting user."""

    uid: int
    home: str
    state_home: str


Answer = Mapping[str, object]


@cache
def _program() -> str:
    """Return the extractor's modules, packed."""
    package = files(_PACKAGE)
    sources = [["jetpack_plugin_unpack", ""], [_PACKAGE, ""]]
    sources += [[f"{_PACKAGE}.{name}", (package / f"{name}.py").read_text("utf-8")] for name in _MODULES]
    return base64.b64encode(zlib.compress(json.dumps(sources).encode(), 9)).decode()


async def ask(host: Host, request: Mapping[str, object]) -> Answer | NoPython:
    """Let the extractor carry out a request. Raises TaskError, and StaleError when the host changed since the plan."""
    stdin = json.dumps({"program": _program(), "request": request}).encode()
    argv = ["sh", "-c", _PICK, "jetpack-unpack", _BOOT]
    if request["verb"] == "apply":
        result = await host.run(argv, stdin=stdin)
    else:
        result = await host.query(argv, stdin=stdin)
    if result.rc == _NO_PYTHON:
        uid, home, state_home = (*result.stdout.split("\n"), "", "")[:3]
        return NoPython(int(uid), home, state_home)
    return _answer(result, str(request["dest"]))


def _answer(result: CommandResult, dest: str) -> Answer:
    try:
        answer = cast("Answer", json.loads(result.stdout))
    except ValueError:
        said = (result.stderr or result.stdout).strip().splitlines()
        detail = said[-1] if said else f"it ended with {result.rc}"
        raise TaskError(f"the extractor failed on the host: {detail}") from None
    raise_trouble(answer, dest)
    return answer


def raise_trouble(answer: Answer, dest: str) -> None:
    """Raise what the extractor says has gone wrong, if anything has."""
    if "trouble" not in answer:
        return
    if answer["trouble"] == "stale":
        raise StaleError(dest, "the archive or what is in the destination changed since it was read")
    raise TaskError(str(answer["message"]), hint=str(answer["hint"]))
