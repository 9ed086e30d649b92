# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that run something share: their parameters, and the judgement of how it ended."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from jetpack_core.contracts.fields import ExpressionText, HostPath
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.unknown import Unknown
from jetpack_core.errors import TaskError, TemplateError
from jetpack_core.modules.commands.words import InputText, VariableName, VariableValue, revealed
from jetpack_core.modules.conditions import holds
from jetpack_core.records import CommandResult, Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Run

ResultName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""A name that templates can use."""


_RESULT_NAMES: Final = ("rc", "out", "stdout", "stderr")


class Execution(Module):
    """Something that is run on the host; it counts as a change unless the task says otherwise."""

    env: dict[VariableName, VariableValue] = Field(default_factory=dict)
    """Environment variables to add; the place for secrets, with `stdin`."""

    cwd: HostPath | None = None
    """The directory to run in."""

    timeout: float | None = Field(default=None, gt=0)
    """Seconds after which it is killed, with all it started, and the task fails."""

    read_only: bool = False
    """The author's word that nothing is changed: it runs in plan mode too, and counts as no change."""

    save: ResultName | None = None
    """The variable to keep the result in: a map of `rc`, `out` (all output), `stdout` and `stderr`.

    Each is without its last newline.
    """

    failed_when: ExpressionText | None = None
    """The task fails when this is true, and only then, whatever the exit code.

    It sees `rc`, `out`, `stdout`, `stderr` and the name in `save`.
    """

    changed_when: ExpressionText | None = None
    """The task counts as a change only when this is true; it sees what `failed_when` sees."""

    @abstractmethod
    def shown(self) -> tuple[str, ...]:
        """Return the command as far as it is known before it runs, for the plan."""

    async def plan(self, host: Host) -> Plan:
        """Say what would be run, and in plan mode whether it would count as a change.

        Raises UnknownValueError in plan mode where only its result can tell.
        """
        changed = self._planned_change(host) if host.planning and not self.read_only else None
        return Plan(PlanKind.EXECUTE, outcome=Outcome(command=self.shown(), changed=changed), read_only=self.read_only)

    def _planned_change(self, host: Host) -> bool | None:
        """Return what `changed_when` says without looking at the result."""
        if self.changed_when is None:
            return None
        unknown = Unknown("whether it changes anything is known only once it has run")
        names = (*_RESULT_NAMES, self.save) if self.save else _RESULT_NAMES
        return holds(host, self.changed_when, dict.fromkeys(names, unknown))

    def request(self, host: Host, argv: tuple[str, ...], stdin: str = "", *, read_only: bool = False) -> Run:
        """Return the operation that runs `argv` the way the parameters say."""
        return host.run(
            argv,
            stdin=stdin.encode(errors="surrogateescape"),
            env={name: revealed(value) for name, value in self.env.items()},
            cwd=self.cwd,
            timeout=self.timeout,
            read_only=read_only or self.read_only,
        )

    def judge(self, host: Host, ended: CommandResult) -> Outcome:
        """Return the outcome of a command that ran."""
        result = result_of(ended)
        failed, changed, why = self.verdict(host, result, failed=not ended.ok)
        return Outcome(
            result=result,
            msg=why or (f"exit code {ended.rc}" if failed else ""),
            rc=ended.rc,
            stdout=ended.stdout,
            stderr=ended.stderr,
            changed=changed,
            failed=failed,
            command=ended.argv,
        )

    def verdict(
        self,
        host: Host,
        names: Mapping[str, object],
        *,
        failed: bool,
        saved: Mapping[str, object] | None = None,
    ) -> tuple[bool, bool | None, str]:
        """Ask `failed_when` and `changed_when`; returns failed, changed, and why they made it fail.

        :param names: What the conditions see besides the host's variables.
        :param failed: Whether it failed as far as the command itself tells.
        :param saved: The result as `save` keeps it, where that is not `names`.
        """
        seen = {**names, self.save: names if saved is None else saved} if self.save else names
        changed = False if self.read_only else None
        # The command has run by now, so a condition that cannot be evaluated must not hide its output.
        try:
            if self.failed_when is not None:
                failed = holds(host, self.failed_when, seen)
        except (TemplateError, TaskError) as error:
            return True, changed, f"failed_when: {error}"
        try:
            if self.changed_when is not None:
                changed = holds(host, self.changed_when, seen)
        except (TemplateError, TaskError) as error:
            return True, changed, f"changed_when: {error}"
        said = f"failed_when is true: {self.failed_when}" if failed and self.failed_when is not None else ""
        return failed, changed, said


class ExecutionWithInput(Execution):
    """Something that is run and may be given input."""

    stdin: InputText = ""
    """What it reads on standard input; a place for secrets."""

    def input(self) -> str:
        """Return the text for standard input."""
        return revealed(self.stdin)


def result_of(ended: CommandResult) -> dict[str, object]:
    """Return what `save` keeps of a command; `out` is standard output with the errors behind it."""
    return {
        "rc": ended.rc,
        "out": f"{ended.stdout}{ended.stderr}".removesuffix("\n"),
        "stdout": ended.stdout.removesuffix("\n"),
        "stderr": ended.stderr.removesuffix("\n"),
    }
