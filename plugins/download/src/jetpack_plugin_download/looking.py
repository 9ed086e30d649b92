# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a host: the file, what is recorded of it, what can download, and where asked, what the server says."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation
from jetpack_core.records import CommandResult, FileStat
from jetpack_plugin_download.request import BOOT, Reply, bundle, replies_in

_NONE: Final = "-"
_LINES: Final = 5
STATE_FOLDER: Final = r"""
x=$XDG_STATE_HOME
case $x in /*) ;; *) x= ;; esac
# A folder of somebody else is no place for what root believes.
[ -n "$x" ] && [ -e "$x" ] && [ ! -O "$x" ] && x=
if [ -n "$x" ]; then d=$x/jetpack
elif [ "$(id -u)" = 0 ]; then d=/var/lib/jetpack
elif [ -n "$HOME" ]; then d=$HOME/.local/state/jetpack
else d=; fi
"""
"""Shell text that sets `d` to where a user's records are kept on a host; empty where there is no place."""
_LOOK: Final = (
    STATE_FOLDER
    + r"""
d=$d/download f=$d/$1.json t=
command -v python3 >/dev/null 2>&1 && t="$t python3"
command -v curl >/dev/null 2>&1 && t="$t curl"
if [ -z "$t" ] && command -v wget >/dev/null 2>&1; then
    case $(wget --version 2>/dev/null) in *"GNU Wget"*) t=gnu-wget ;; *) t=wget ;; esac
fi
s=-
[ "$2" != - ] && [ -f "$3" ] && s=$("$2sum" <"$3" 2>/dev/null)
r=
[ -f "$f" ] && r=$(tr -d '\n' <"$f" 2>/dev/null)
there=-
[ -d "$d" ] && there=yes
printf '%s\n' "$t" "$d" "$there" "${s%% *}" "$r"
case "$4$t" in ask*python3*) exec python3 -I -c "$5" "$f" ;; esac
:
"""
)


@dataclass(frozen=True, slots=True)
class Record:
    """What is recorded of the last download to a path; it comes from the host, so it is believed to cost work only."""

    url: str
    """A digest of the address."""
    sha256: str
    size: int
    etag: str | None = None
    last_modified: str | None = None

    def map(self) -> dict[str, Any]:
        """Return it as the client takes it."""
        return {"url": self.url, "etag": self.etag, "last_modified": self.last_modified}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look told."""

    now: FileStat
    tools: frozenset[str] = frozenset()
    folder: str | None = None
    """Where records are kept; None where the user has no place for them."""
    folder_there: bool = False
    key: str = ""
    digest: str | None = None
    """The file's digest of the kind that was asked for, where that is not SHA-256."""
    record: Record | None = None
    replies: Sequence[Reply] | None = None
    """What the server said, where the client on the host could ask."""

    @property
    def state(self) -> str | None:
        """Return the path of the record."""
        return None if self.folder is None else f"{self.folder}/{self.key}.json"


def key_of(path: str) -> str:
    """Return the name under which a path's records are kept."""
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:32]


async def look(host: Host, dest: str, kind: str | None, requests: Sequence[Mapping[str, Any]]) -> Seen:
    """Look at the destination in one round trip.

    :param kind: The digest wanted besides SHA-256, such as `sha512`.
    :param requests: What Python on the host is to ask meanwhile, where it is there.
    """
    key = key_of(dest)
    argv = ("sh", "-c", _LOOK, "sh", key, kind or _NONE, dest, "ask" if requests else _NONE, BOOT)
    asked = host.query(argv, stdin=bundle(requests) if requests else b"")
    steps = [cast("Operation[object]", host.stat(dest, checksum=True)), cast("Operation[object]", asked)]
    now, said = await host.gather(steps)
    return _seen(cast("FileStat", now), cast("CommandResult", said), key)


def _seen(now: FileStat, said: CommandResult, key: str) -> Seen:
    lines = said.stdout.split("\n", _LINES)
    if len(lines) <= _LINES:
        return Seen(now, key=key)
    tools, folder, there, digest, record, rest = lines
    replies = replies_in(rest) if rest.strip() else None
    return Seen(
        now,
        frozenset(tools.split()),
        folder if posixpath.isabs(folder) and folder != "/download" else None,
        there == "yes",
        key,
        digest.strip().removeprefix("\\") if digest.strip() not in {"", _NONE} else None,
        _record(record),
        replies,
    )


def _record(text: str) -> Record | None:
    try:
        found = json.loads(text)
        sha256, size, url = str(found["sha256"]), int(found["size"]), str(found["url"])
    except (ValueError, KeyError, TypeError):
        return None
    return Record(url, sha256, size, _header(found.get("etag")), _header(found.get("last_modified")))


def _header(value: object) -> str | None:
    """Return a text that can stand in a header, or None."""
    return value if isinstance(value, str) and value.isprintable() and value.isascii() else None
