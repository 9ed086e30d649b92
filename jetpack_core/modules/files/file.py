# SPDX-License-Identifier: GPL-3.0-or-later
"""The `file` module."""

from __future__ import annotations

from typing import cast

from jetpack_core.contracts.attributes import FileAttributes
from jetpack_core.contracts.fields import FileName
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.paths import explained, noun, require_accounts, require_parent
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.files.content import FileWork, operation, plan_attributes, plan_new
from jetpack_core.modules.files.payload import DIFF_LIMIT, decoded, payload_of_bytes
from jetpack_core.modules.files.removal import plan_removal
from jetpack_core.records import FileStat, Outcome, Plan, PlanKind, TextDiff


class File(FileAttributes):
    """See that a file exists, with these attributes; its content is left alone. Or see that there is none.

    A new file is empty. The directory it goes into must exist. Attributes of a link are those of the file it
    points to; `remove` removes the link itself.

    Example::

        - !file
          path: /var/log/app.log
          owner: app
          mode: 0o640
        - !file
          path: /etc/cron.d/old-job
          remove: true
    """

    path: FileName
    """The file."""
    remove: bool = False
    """Remove the file instead."""

    async def plan(self, host: Host) -> Plan:
        """Look at the file."""
        with explained(self.path):
            if self.remove:
                return await self._plan_removal(host)
            # In plan mode later tasks may need what stays in the file.
            now = await self._look(host, follow=True, checksum=host.planning)
        self._refuse_directory(now)
        if now.exists:
            return await require_accounts(host, plan_attributes(now, self.wanted))
        await require_parent(host, self.path, follow=True)
        return await require_accounts(host, plan_new(host, now, payload_of_bytes(b""), self.wanted))

    async def _plan_removal(self, host: Host) -> Plan:
        now = await self._look(host, follow=False, checksum=True)
        self._refuse_directory(now)
        text = decoded(now.content) if now.content is not None else None
        return plan_removal(now, () if text is None else (TextDiff(self.path, text, None),))

    async def _look(self, host: Host, *, follow: bool, checksum: bool) -> FileStat:
        """Look at the file, and into it unless it may not be read: its attributes may change all the same."""
        content = DIFF_LIMIT if host.planning else 0
        try:
            return await host.stat(self.path, follow=follow, checksum=checksum, content=content)
        except OperationError as error:
            if error.code is not OperationCode.PERMISSION or not checksum:
                raise
            return await host.stat(self.path, follow=follow)

    def _refuse_directory(self, now: FileStat) -> None:
        if now.is_directory:
            raise TaskError(f"{self.path} is {noun(now)}, not a file", hint="use !directory for it")

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that a file is one operation."""
        return True

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Make the file, set its attributes, or remove it."""
        with explained(self.path):
            if plan.kind is PlanKind.REMOVE:
                await host.remove(self.path, expect=cast("FileStat", plan.data))
            else:
                await operation(host, cast("FileWork", plan.data), follow=True)
        return Outcome()
