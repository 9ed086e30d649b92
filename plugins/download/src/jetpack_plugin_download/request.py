# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client is asked, as a map that can travel, and how it gets to a host."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import Any, Final, TypeVar

from jetpack_core.contracts.host import Host
from jetpack_core.errors import TaskError
from jetpack_plugin_download.onhost.trouble import Impossible, Refused, Trouble

T = TypeVar("T")
Request = dict[str, Any]
Reply = dict[str, Any]

SUMS_LIMIT: Final = 4 * 1024 * 1024
"""Bytes; a file of checksums is not larger."""
BOOT: Final = "import sys;b=sys.stdin.buffer;exec(b.read(int(b.readline())))"
"""What Python is started with on a host: the client follows on standard input, and then the request."""
_PACKAGE: Final = "jetpack_plugin_download"
_PARTS: Final = (
    "",
    ".trouble",
    ".local",
    ".pinning",
    ".session",
    ".turns",
    ".body",
    ".asking",
    ".part",
    ".fetching",
    ".serve",
)
"""The client's modules, each after those that it imports."""
_LOADER: Final = """
import types
for name, text in FILES:
    made = sys.modules[name] = types.ModuleType(name)
    made.__path__ = []
    exec(compile(text, name, "exec"), made.__dict__)
sys.modules[FILES[-1][0]].main()
"""


def basic(username: str, password: str) -> str:
    """Return the header that logs in by name and password."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def bundle(requests: Sequence[Mapping[str, Any]]) -> bytes:
    """Return what Python on a host reads: the client, and what it is asked. Secrets are in here and nowhere else."""
    folder = files(_PACKAGE).joinpath("onhost")
    texts = [(f"{_PACKAGE}.onhost{name}", folder.joinpath(f"{name[1:] or '__init__'}.py")) for name in _PARTS]
    sources = [(_PACKAGE, ""), *((name, file.read_text(encoding="utf-8")) for name, file in texts)]
    program = f"FILES = {sources!r}{_LOADER}".encode()
    return b"%d\n%s%s" % (len(program), program, json.dumps(list(requests)).encode("ascii"))


def replies_in(text: str) -> list[Reply] | None:
    """Return what the client answered on a host; None where it is not the client that speaks."""
    try:
        found = json.loads(text.strip().rpartition("\n")[2])
    except ValueError:
        return None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return None
    return found


def succeeded(reply: Reply, what: str) -> Reply:
    """Return a reply that is no failure. Raises TaskError."""
    failed = reply.get("failed")
    if failed is not None:
        raise TaskError(f"{what}: {failed}")
    return reply


async def on_control(host: Host, function: Callable[[], T], what: str) -> T:
    """Ask from the control machine, in a thread. Raises TaskError."""
    return await host.in_thread(partial(_explained, function, what))


def _explained(function: Callable[[], T], what: str) -> T:
    try:
        return function()
    except (Refused, Trouble, Impossible) as error:
        raise TaskError(f"{what}: {error}") from error
    except OSError as error:
        raise TaskError(f"{what}: on the control machine, {error}") from error
