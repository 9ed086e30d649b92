# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `timezone`."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Annotated, Final, cast

from pydantic import AfterValidator

from jetpack_core.contracts.attributes import seen
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained
from jetpack_core.errors import TaskError
from jetpack_core.modules.files.payload import payload_of_bytes
from jetpack_core.records import Change, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Operation

# localtime(5); Debian and its family name the zone in a second file as well.
_LINK: Final = "/etc/localtime"
_NAME_FILE: Final = "/etc/timezone"
_ZONES: Final = "/usr/share/zoneinfo"
_LINK_MODE: Final = 0o777
_SMALL_FILE: Final = 4096


def _zone(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,3}", value):
        message = f"{value!r} is not the name of a time zone such as Europe/Berlin or UTC"
        raise ValueError(message)
    return value


class Timezone(Module):
    """Set the time zone of the host.

    Programs that run keep the zone they started with; restart those that matter, such as cron.

    Example::

        - !timezone
          zone: Europe/Berlin
    """

    zone: Annotated[str, AfterValidator(_zone)]
    """The zone's name in the tz database."""

    async def plan(self, host: Host) -> Plan:
        """Look at where /etc/localtime points. Raises TaskError for a zone that the host does not know."""
        source = posixpath.join(_ZONES, self.zone)
        with explained(_LINK):
            link, name, zone = await host.gather(
                [
                    host.stat(_LINK),
                    host.stat(_NAME_FILE, checksum=True, content=_SMALL_FILE),
                    host.stat(source, follow=True),
                ]
            )
        if not zone.is_file:
            raise TaskError(f"the host knows no time zone {self.zone}", hint="see the spelling, or install tzdata")
        if link.is_directory:
            raise TaskError(f"{_LINK} is a directory, and a link is to be there")
        before = _zone_of(link)
        changes: list[Change] = []
        effects: list[PathEffect] = []
        if before != self.zone:
            changes.append(Change("zone", before, self.zone))
            effects.append(PathEffect(_link_to(link, source)))
        if name.is_file and name.content is not None and name.content.decode("utf-8", "replace").strip() != self.zone:
            changes.append(Change(_NAME_FILE, name.content.decode("utf-8", "replace").strip(), self.zone))
            effects.append(PathEffect(_file_with(name, self._line)))
        if not changes:
            return Plan(PlanKind.NONE)
        kind = PlanKind.MODIFY if link.exists else PlanKind.CREATE
        return Plan(kind, tuple(changes), effects=tuple(effects), data=(link, name))

    @property
    def _line(self) -> bytes:
        return f"{self.zone}\n".encode()

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Point the link there, in one round trip."""
        link, name = cast("tuple[FileStat, FileStat]", plan.data)
        changed = {change.field for change in plan.changes}
        steps: list[Operation[object]] = []
        if "zone" in changed:
            target = posixpath.join(_ZONES, self.zone)
            steps.append(host.link(_LINK, target, replace=link.exists, expect=seen(link)))
        if _NAME_FILE in changed:
            steps.append(host.write(_NAME_FILE, self._line, expect=seen(name)))
        with explained(_LINK):
            await host.gather(steps)
        return Outcome()


def _zone_of(link: FileStat) -> str | None:
    """Return the zone that the link names; None for a copy of a zone's file, whose name nobody knows."""
    if link.kind is not FileKind.SYMLINK or link.target is None:
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(_LINK), link.target))
    return target.removeprefix(f"{_ZONES}/") if target.startswith(f"{_ZONES}/") else None


def _link_to(link: FileStat, source: str) -> FileStat:
    return FileStat(link.path, FileKind.SYMLINK, _LINK_MODE, target=source)


def _file_with(now: FileStat, content: bytes) -> FileStat:
    payload = payload_of_bytes(content)
    return FileStat(
        now.path,
        FileKind.FILE,
        now.mode,
        now.uid,
        now.gid,
        now.owner,
        now.group,
        payload.size,
        checksum=payload.checksum,
        content=content,
    )
