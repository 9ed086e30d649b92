# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `shell`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from jetpack_core.contracts.fields import HostPath, Rendering
from jetpack_core.modules.commands.execution import ExecutionWithInput
from jetpack_core.modules.commands.words import CommandText

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.records import Outcome, Plan


class Shell(ExecutionWithInput):
    """Run a command line with a shell.

    Values that a template puts into `cmd` must be plain (letters, digits and `_@%+=:,./ -`) or go through
    `| quote`. Where no shell is needed, `command` is the safer module.

    Example::

        - !shell
          name: count the failed units
          cmd: systemctl --failed --plain --no-legend | wc -l
          save: failed_units
          changed_when: "false"
          failed_when: failed_units.out | int > 3
    """

    titled_by: ClassVar[str] = "cmd"

    cmd: Annotated[CommandText, Rendering("shell")]
    """The command line."""

    unsafe: bool = False
    """Put any value into `cmd` as it is; only for values that nobody else can choose."""

    shell: HostPath = "/bin/sh"
    """The shell, called with `-c`; say `/bin/bash` for what only bash knows, such as `set -o pipefail`."""

    def shown(self) -> tuple[str, ...]:
        """Return the shell's command."""
        return (self.shell, "-c", self.cmd)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Run the command line."""
        return self.judge(host, await self.request(host, self.shown(), self.input()))
