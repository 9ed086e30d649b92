"""The module `{{ cookiecutter.__name }}`."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from jetpack_core.contracts.fields import HostPath
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError
from jetpack_core.records import Change, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind, TextDiff

LIMIT = 65536
"""Bytes of the file that are read to compare it."""


class {{ cookiecutter.__class }}(Module):
    """Keep one line of text in a file.

    The class docstring, its example and those of the fields are what `jetpack doc {{ cookiecutter.__name }}` shows.

    Example::

        - !{{ cookiecutter.__name }}
          path: /tmp/greeting.txt
          text: hello
    """

    path: HostPath
    """The file; its directory must be there."""
    text: str
    """The text, without the newline at its end."""

    async def plan(self, host: Host) -> Plan:
        """Compare the file with the text. Only reads: it runs in plan mode as well."""
        content = f"{self.text}\n".encode()
        now = await host.stat(self.path, checksum=True, content=LIMIT)
        if now.exists and not now.is_file:
            raise TaskError(f"{self.path} is no regular file", hint="remove it, or choose another path")
        if now.content == content:
            return Plan(PlanKind.NONE)
        before = None if now.content is None else now.content.decode(errors="replace")
        wanted = now if now.exists else FileStat(self.path, FileKind.FILE, 0o644)
        return Plan(
            PlanKind.MODIFY if now.exists else PlanKind.CREATE,
            (Change("text", before, self.text),),
            diffs=(TextDiff(self.path, before, f"{self.text}\n"),),
            # What the file will be, for the tasks that are planned after this one.
            effects=(PathEffect(replace(wanted, size=len(content), content=content, checksum=None)),),
            data=now,
        )

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Write the file, unless somebody changed it since it was planned."""
        now = cast("FileStat", plan.data)
        await host.write(self.path, f"{self.text}\n".encode(), mode=now.mode if now.exists else 0o644, expect=now)
        return Outcome({"path": self.path})
