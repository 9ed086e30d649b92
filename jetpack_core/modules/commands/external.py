# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `external`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr

from jetpack_core.errors import TaskError
from jetpack_core.modules.commands.execution import Execution, result_of
from jetpack_core.modules.commands.sending import ProgramSource, run_file
from jetpack_core.records import CommandResult, Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Run


class External(Execution):
    """Run an executable of yours, in any language, as a module.

    It is sent to the host, gets `params` as one JSON object on standard input, prints one JSON object on
    standard output, and is removed. What it prints is the result. These keys are understood, and none is
    required: `changed` (true unless it says false), `failed`, `msg`, and `rc`, which is then the exit code.

    Example::

        - !external
          name: join the cluster
          use: join_cluster
          params:
            cluster: blue
            nodes: [n1, n2]
          save: joined
          failed_when: rc != 0 or joined.state == "degraded"
    """

    titled_by: ClassVar[str] = "use"

    use: ProgramSource
    """The executable, in `--modules`, in `modules/` beside the playbook, or in the role's `modules/`."""

    params: dict[str, object] = Field(default_factory=dict)
    """What the executable is given; secrets are welcome."""

    plans: bool = False
    """The executable can tell what it would do: it gets `{"mode": "plan" or "apply", "params": ...}`.

    It runs in plan mode too, and MUST change nothing when the mode is `plan`.
    """

    def shown(self) -> tuple[str, ...]:
        """Return the executable's name."""
        return (self.use.name,)

    async def plan(self, host: Host) -> Plan:
        """Say what would be run; one that can plan is run in plan mode, to be asked."""
        read_only = self.read_only or (self.plans and host.planning)
        return Plan(PlanKind.EXECUTE, outcome=Outcome(command=self.shown()), read_only=read_only)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Send, run and remove the executable, and read what it printed."""
        stdin = self._question("plan" if plan.read_only and host.planning else "apply")

        def run(words: tuple[str, ...]) -> Run:
            return self.request(host, words, stdin, read_only=plan.read_only)

        return self._outcome(host, await run_file(host, self.use, run))

    def _question(self, mode: str) -> str:
        asked: Mapping[str, object] = {"mode": mode, "params": self.params} if self.plans else self.params
        return f"{_to_json(asked)}\n"

    def _outcome(self, host: Host, ended: CommandResult) -> Outcome:
        answer = read_answer(ended)
        result = {**answer.values, "rc": answer.rc}
        # The conditions see its output as well as its answer, whose keys are whatever the executable chose.
        seen = {**answer.values, **result_of(ended), "rc": answer.rc}
        failed, changed, why = self.verdict(host, seen, failed=answer.failed, saved=result)
        if changed is None:
            changed = answer.changed
        return Outcome(
            result=result,
            msg=answer.explain(why, failed=failed),
            rc=answer.rc,
            stdout=ended.stdout,
            stderr=ended.stderr,
            changed=changed,
            failed=failed,
            command=ended.argv,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What an executable printed, as far as it is understood."""

    values: Mapping[str, object]
    rc: int
    failed: bool
    changed: bool | None
    msg: str

    def explain(self, why: str, *, failed: bool) -> str:
        """Return the executable's own message and why it failed otherwise; failing without a word, its exit code."""
        told = "; ".join(text for text in (self.msg, why) if text)
        return told or (f"exit code {self.rc}" if failed else "")


def read_answer(ended: CommandResult) -> Answer:
    """Read what an executable printed.

    Raises TaskError when it ended well and yet printed no JSON object.
    """
    values = _json_object(ended)
    told = values.get("rc")
    rc = told if isinstance(told, int) and not isinstance(told, bool) and ended.ok else ended.rc
    msg = values.get("msg")
    return Answer(
        values=values,
        rc=rc,
        failed=rc != 0 or values.get("failed") is True,
        changed=False if values.get("changed") is False else None,
        msg=msg if isinstance(msg, str) else "",
    )


def _json_object(ended: CommandResult) -> dict[str, object]:
    try:
        values = json.loads(ended.stdout)
    except (ValueError, RecursionError):
        values = None
    if isinstance(values, dict):
        return values
    if not ended.ok:
        # The exit code and what it printed tell more than "not JSON".
        return {}
    raise TaskError(
        f"the executable printed {_first_lines(ended.stdout)} where one JSON object is expected",
        hint="print everything else to standard error",
    )


_LINES, _WIDTH = 3, 200


def _first_lines(text: str) -> str:
    lines = text.strip().splitlines()
    if not lines:
        return "nothing"
    shown = " / ".join(line[:_WIDTH] for line in lines[:_LINES])
    return f"{shown!r}{' and more' if len(lines) > _LINES else ''}"


def _to_json(value: object) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)
