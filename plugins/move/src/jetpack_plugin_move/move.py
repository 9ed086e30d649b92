# SPDX-License-Identifier: GPL-3.0-or-later
"""The `move` module."""

from __future__ import annotations

from typing import Annotated, Literal, Self, cast

from pydantic import AfterValidator, Field, model_validator

from jetpack_core.contracts.attributes import FileAttributes
from jetpack_core.contracts.fields import HostPath
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.paths import is_vital
from jetpack_core.records import Outcome, Plan
from jetpack_plugin_move.placing import carry_out
from jetpack_plugin_move.planning import plan_move
from jetpack_plugin_move.work import Work


def _plain(path: str) -> str:
    if ".." in path.split("/"):
        message = f"a path with '..' hides where it leads: {path!r}"
        raise ValueError(message)
    return path


PlainPath = Annotated[HostPath, AfterValidator(_plain)]
"""An absolute path on the host without `..`."""


class Move(FileAttributes):
    """Move a file, directory or link on the host. Once `src` is gone and `dest` is there, nothing is left to do.

    `dest` is the final name: nothing is ever moved *into* a directory that is there. On one file system the move is
    atomic. A directory is replaced by swapping the two names, so there is no moment without it; on a host without
    Python it is moved aside first, and back should the move fail. Across file systems a verified copy is made beside
    `dest`, put in place, and only then is `src` removed; until then an error leaves both as they were.

    Example::

        - !move
          src: /opt/app-2.4.1
          dest: /opt/app
          owner: app
        - !move
          src: /etc/nginx/nginx.conf.new
          dest: /etc/nginx/nginx.conf
          force: true
          backup: true
          backup_keep: 5
    """

    src: PlainPath
    """What is moved."""
    dest: PlainPath
    """Its new path, the last name included. Links in its directory's path are followed."""
    force: bool = False
    """Replace `dest` where it is there already; the same as `collision: replace`."""
    collision: Literal["keep", "fail", "replace", "exchange"] | None = None
    """What to do while both `src` and `dest` are there.

    `keep` (the default) leaves both, with a warning; `fail` fails; `replace` replaces `dest`, or where both hold the
    same bytes removes `src`; `exchange` swaps the two, in every run.
    """
    backup: bool = False
    """Keep what `dest` was, as `dest.backup.TIME` (UTC, such as 20250301T120000Z)."""
    backup_dir: PlainPath | None = None
    """The directory for backups; that of `dest` unless given."""
    backup_keep: Annotated[int, Field(ge=1)] | None = None
    """How many backups of `dest` to keep; older ones are removed. All of them unless given."""
    makedirs: bool = False
    """Make the directories that are missing above `dest` (0o755), and `backup_dir`."""
    missing_ok: bool = False
    """Let it be fine that neither `src` nor `dest` is there."""
    save: str | None = None
    """The variable that gets the result: `moved`, `backup`, `method`, `cross_device`."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        for problem, message in (
            (self.dest.startswith(f"{self.src}/"), f"{self.src} cannot be moved into itself"),
            (self.src.startswith(f"{self.dest}/"), f"{self.src} lies in {self.dest}, so it cannot take its place"),
            (is_vital(self.src), f"{self.src} is part of what every system consists of; it is never moved"),
            (self.force and self.collision not in {None, "replace"}, f"force contradicts collision: {self.collision}"),
            (not self.backup and self.backup_dir is not None, "backup_dir needs backup: true"),
            (not self.backup and self.backup_keep is not None, "backup_keep needs backup: true"),
        ):
            if problem:
                raise ValueError(message)
        return self

    @property
    def on_collision(self) -> str:
        """Return what to do while both paths are there."""
        return self.collision or ("replace" if self.force else "keep")

    async def plan(self, host: Host) -> Plan:
        """Look at both paths; and closer where both are there."""
        return await plan_move(host, self)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Move it."""
        return await carry_out(host, cast("Work", plan.data))
