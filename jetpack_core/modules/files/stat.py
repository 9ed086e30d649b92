# SPDX-License-Identifier: GPL-3.0-or-later
"""The `stat` module."""

from __future__ import annotations

from dataclasses import replace

from jetpack_core.contracts.fields import HostPath, Mode
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained
from jetpack_core.records import FileKind, FileStat, Outcome, Plan, PlanKind


class Stat(Module):
    """Look at a path of the host and save what is there.

    The result has `exists`, `is_dir`, `is_file` and `is_link`; for a path that is there also `mode` (such as
    "0o644"), `owner`, `group`, `uid`, `gid`, `size` (bytes) and `mtime` (seconds since 1970), for a link `target`,
    and with `checksum` for a file `checksum` (SHA-256).

    Example::

        - !stat
          path: /etc/motd
          save: motd
        - !echo
          msg: "written by {{ motd.owner }}"
          with:
            condition: motd.exists
    """

    path: HostPath
    """What to look at."""
    save: str | None = None
    """The variable that gets the result."""
    follow: bool = False
    """Of a link, describe what it points to."""
    checksum: bool = False
    """Add the checksum of a file; the host reads all of it."""

    async def plan(self, host: Host) -> Plan:
        """Look at the path."""
        with explained(self.path):
            now = await host.stat(self.path, follow=self.follow, checksum=self.checksum)
        if not self.checksum:
            now = replace(now, checksum=None)
        return Plan(PlanKind.PASSIVE, outcome=Outcome(_result(now)))


def _result(now: FileStat) -> dict[str, object]:
    """Return what is known; in plan mode a path that an earlier task would make has no times or numbers yet."""
    result: dict[str, object] = {
        "exists": now.exists,
        "is_dir": now.is_directory,
        "is_file": now.is_file,
        "is_link": now.kind is FileKind.SYMLINK,
    }
    if not now.exists:
        return result
    result["mode"] = str(Mode(now.mode))
    known = {"owner": now.owner or None, "group": now.group or None, "target": now.target, "checksum": now.checksum}
    result |= {name: value for name, value in known.items() if value is not None}
    numbers = {"uid": now.uid, "gid": now.gid}
    result |= {name: value for name, value in numbers.items() if value >= 0}
    if now.uid >= 0 or now.size:
        result["size"] = now.size
    if now.mtime:
        result["mtime"] = now.mtime
    return result
