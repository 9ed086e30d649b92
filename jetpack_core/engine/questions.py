# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the operator whether a change may be made, or a task may run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from jetpack_core.engine.failures import blamed_on
from jetpack_core.errors import TaskError
from jetpack_core.events import OperatorAnswered, OperatorAsked

if TYPE_CHECKING:
    from jetpack_core.content.model import Task
    from jetpack_core.contracts.host import Scope
    from jetpack_core.contracts.modifier import Modifier
    from jetpack_core.engine.event_stream import EventStream


class Answer(StrEnum):
    """What the operator says."""

    YES = "yes"
    NO = "no"
    ALL = "all"
    """Yes, and to every further step."""
    QUIT = "quit"
    """No, and end the run."""


Ask = Callable[[str, Sequence[Answer]], Awaitable[Answer]]
"""Shows a question with the answers it may have, and waits for one of them."""


class Questions:
    """The questions of one run; one at a time, and each once for the hosts that go together.

    :param ask: None where there is nobody to ask.
    :param yes: Whether every confirmation is given beforehand.
    :param step: Whether every task is asked about.
    """

    def __init__(self, events: EventStream, ask: Ask | None, *, yes: bool, step: bool) -> None:
        self._events = events
        self._ask = ask
        self._yes = yes
        self._stepping = step
        self.refused = 0
        """How many were answered with no."""
        self._confirmed: dict[tuple[Task, str], bool] = {}
        self._turn = asyncio.Lock()

    def begin(self) -> None:
        """Begin another batch of hosts, for which everything is asked anew."""
        self._confirmed.clear()

    async def allow(self, task: Task, modifiers: Sequence[Modifier], scope: Scope) -> bool:
        """Ask what modifiers want asked before a change. Raises TaskError where there is nobody to ask."""
        for modifier in modifiers:
            with blamed_on(modifier):
                question = modifier.question(scope)
            if question is not None and not self._yes and not await self._confirm(task, question):
                return False
        return True

    async def _confirm(self, task: Task, question: str) -> bool:
        async with self._turn:
            key = (task, question)
            if key not in self._confirmed:
                self._confirmed[key] = await self._put(question, (Answer.YES, Answer.NO)) is Answer.YES
            return self._confirmed[key]

    async def step(self, task: Task, hosts: Sequence[str]) -> Answer:
        """Ask whether a task may run on hosts: YES, NO, or QUIT. Raises TaskError where there is nobody to ask."""
        if not self._stepping:
            return Answer.YES
        where = hosts[0] if len(hosts) == 1 else f"{len(hosts)} hosts"
        async with self._turn:
            answer = await self._put(f"Run {task.name!r} on {where}?", tuple(Answer))
        if answer is Answer.ALL:
            self._stepping = False
            return Answer.YES
        return answer

    async def _put(self, question: str, choices: Sequence[Answer]) -> Answer:
        if self._ask is None:
            message = f"it waits for a yes, and there is no terminal to ask on: {question}"
            raise TaskError(message, hint="run it in a terminal, or say yes to everything with --yes")
        self._events.send(OperatorAsked(question=question))
        answer = await self._ask(question, choices)
        self._events.send(OperatorAnswered(question=question, answer=answer.value))
        self.refused += answer is Answer.NO
        return answer
