# SPDX-License-Identifier: GPL-3.0-or-later
"""How bad it is that a task fails: for sure, hidden, or only if it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.analysis.findings import Severity
from jetpack_core.modifiers.ignore_errors import IgnoreErrors

if TYPE_CHECKING:
    from jetpack_core.content.model import Task


def only_a_run_can_tell(doubtful: str) -> str:
    """Say that nobody knows whether a task is skipped; nothing where it is known."""
    return f"only a run can tell {doubtful}" if doubtful else ""


def judged(task: Task, message: str, reason: str = "") -> tuple[Severity, str]:
    """Return how bad it is that a task fails, and the message with the reason.

    :param reason: why it may not fail; empty where it does.
    """
    if reason:
        return Severity.MAYBE, f"{message}; {reason}"
    if any(isinstance(use.modifier, IgnoreErrors) and use.modifier.value for use in task.modifiers):
        return Severity.WARNING, f"{message}; the task always fails, and `ignore_errors` hides it"
    return Severity.ERROR, message
