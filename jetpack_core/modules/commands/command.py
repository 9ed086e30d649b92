# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `command`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from jetpack_core.modules.commands.execution import ExecutionWithInput
from jetpack_core.modules.commands.words import Words

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.records import Outcome, Plan


class Command(ExecutionWithInput):
    """Run a program without a shell.

    `cmd` is a list of words, or one text that is split as a shell would, before values are put in: a value
    never becomes two words, and no character of it has a meaning. Pipes, globs and `$NAME` need `shell`.

    Example::

        - !command
          name: make the database
          cmd: createdb --owner {{ owner }} {{ database }}
          env:
            PGPASSWORD: "{{ password }}"
          timeout: 60
        - !command
          name: the same, with the words one by one
          cmd: [createdb, --owner, "{{ owner }}", "{{ database }}"]
    """

    titled_by: ClassVar[str] = "cmd"

    cmd: Words
    """The program and its arguments."""

    def shown(self) -> tuple[str, ...]:
        """Return the words."""
        return tuple(self.cmd)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Run the program."""
        return self.judge(host, await self.request(host, self.shown(), self.input()))
