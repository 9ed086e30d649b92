# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `script`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from jetpack_core.modules.commands.execution import ExecutionWithInput
from jetpack_core.modules.commands.sending import ScriptSource, run_file
from jetpack_core.modules.commands.words import CommandText, Word

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Run
    from jetpack_core.records import Outcome, Plan


class Script(ExecutionWithInput):
    """Run a script of the control machine on the host.

    It is sent to a private directory, run with what its `#!` line names (without one: `/bin/sh`), and
    removed, also when it fails.

    Example::

        - !script
          name: register the machine
          src: register.py
          args: [--site, "{{ site }}"]
          executable: python3
          stdin: "{{ token }}"
    """

    titled_by: ClassVar[str] = "src"

    src: ScriptSource
    """The script, in `files` of the role or playbook."""

    args: list[Word] = Field(default_factory=list)
    """Its arguments, each passed as it is."""

    executable: CommandText | None = None
    """The program to run it with, such as `python3` or `/bin/bash`."""

    def shown(self) -> tuple[str, ...]:
        """Return the script's name and its arguments."""
        first = (self.executable,) if self.executable else ()
        return (*first, self.src.name, *self.args)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Send, run and remove the script."""

        def run(words: tuple[str, ...]) -> Run:
            return self.request(host, (*words, *self.args), self.input())

        return self.judge(host, await run_file(host, self.src, run, executable=self.executable))
