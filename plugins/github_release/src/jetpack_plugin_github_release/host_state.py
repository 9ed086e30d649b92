# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a host: the program, what is recorded of it, and what kind of machine it is."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, cast

from jetpack_plugin_download.looking import STATE_FOLDER, key_of

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation
from jetpack_core.records import CommandResult, FileStat

_LINES: Final = 6
_LOOK: Final = (
    STATE_FOLDER
    + r"""
d=$d/github_release f=$d/$1.json l=
case $(ldd --version 2>&1) in *musl*) l=musl ;; *GLIBC* | *GNU* | *"Free Software"*) l=gnu ;; esac
if [ -z "$l" ]; then for m in /lib/ld-musl-*; do [ -e "$m" ] && l=musl; done; fi
if [ -z "$l" ]; then for m in /lib*/ld-linux* /lib/*/ld-linux*; do [ -e "$m" ] && l=gnu; done; fi
there=-
[ -d "$d" ] && there=yes
r=
[ -f "$f" ] && r=$(tr -d '\n' <"$f" 2>/dev/null)
printf '%s\n' "$(uname -s)" "$(uname -m)" "$l" "$d" "$there" "$r"
"""
)


@dataclass(frozen=True, slots=True)
class Record:
    """What is recorded of an installed program; it comes from the host, so it is believed to cost work only."""

    repo: str
    tag: str
    asset: str
    digest: str
    sha256: str
    """Of the installed file."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look told."""

    now: FileStat | None
    system: str = ""
    processor: str = ""
    library: str | None = None
    folder: str | None = None
    folder_there: bool = False
    key: str = ""
    record: Record | None = None


async def look(host: Host, dest: str | None, state_id: str | None) -> Seen:
    """Look at the host, and at the destination where there is one, in one round trip."""
    key = key_of(state_id or dest or "")
    steps: list[Operation[object]] = [cast("Operation[object]", host.query(("sh", "-c", _LOOK, "sh", key)))]
    if dest is not None:
        steps.append(host.stat(dest, checksum=True))
    said, *rest = await host.gather(steps)
    return _seen(cast("CommandResult", said), cast("FileStat", rest[0]) if rest else None, key)


def _seen(said: CommandResult, now: FileStat | None, key: str) -> Seen:
    lines = said.stdout.split("\n")
    if len(lines) < _LINES:
        return Seen(now, key=key)
    system, processor, library, folder, there, record = lines[:_LINES]
    known = folder if posixpath.isabs(folder) and folder != "/github_release" else None
    return Seen(now, system, processor, library or None, known, there == "yes", key, _record(record))


def _record(text: str) -> Record | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    names = ("repo", "tag", "asset", "digest", "sha256")
    if not isinstance(found, Mapping) or not all(isinstance(found.get(name), str) for name in names):
        return None
    return Record(*(found[name] for name in names))


def record_steps(host: Host, seen: Seen, record: Record) -> list[Operation[object]]:
    """Return what writes the record."""
    if seen.folder is None or seen.record == record:
        return []
    content = json.dumps({"version": 1, **asdict(record)}).encode() + b"\n"
    steps: list[Operation[object]] = []
    if not seen.folder_there:
        steps.append(host.make_directory(seen.folder, mode=0o700, parents=True))
    return [*steps, host.write(f"{seen.folder}/{seen.key}.json", content, mode=0o600)]
