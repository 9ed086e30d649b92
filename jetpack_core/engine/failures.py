# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns whatever went wrong in a task into words for its result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jetpack_core.errors import BecomeError, JetpackError, OperationError, ParameterError, PluginError, TaskError

if TYPE_CHECKING:
    from jetpack_core.content.model import Task
    from jetpack_core.contracts.modifier import Modifier


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed, and what to do about it."""

    msg: str
    hint: str = ""
    line: int = 0
    """Where in the task's file, when it is not where the task begins."""
    depends_on_host: bool = False
    """Whether another state of the host could have made it work."""


def failure_of(error: Exception, task: Task) -> Failure:
    """Describe an error that a task ended with."""
    if isinstance(error, ParameterError):
        return _of_parameters(error, task)
    if isinstance(error, JetpackError):
        depends = isinstance(error, TaskError | OperationError | BecomeError)
        return Failure(error.message, error.hint, depends_on_host=depends)
    return Failure(
        f"the module !{task.module} broke: {type(error).__name__}: {error}",
        "this is a bug of the module; run with --traceback and report it",
    )


@contextmanager
def blamed_on(modifier: Modifier) -> Iterator[None]:
    """Say of an error that no modifier may raise whose it is. Raises PluginError."""
    try:
        yield
    except JetpackError:
        raise
    except Exception as error:
        message = f"the modifier {type(modifier).__name__} broke: {type(error).__name__}: {error}"
        raise PluginError(message, hint="this is a bug of the plugin that has it; report it there") from error


def _of_parameters(error: ParameterError, task: Task) -> Failure:
    """Describe wrong parameters, at the line of the first of them."""
    first = task.parameters.get(re.split(r"[.\[]", error.problems[0][0], maxsplit=1)[0]) if error.problems else None
    message = "; ".join(f"{name}: {text}" for name, text in error.problems)
    return Failure(message, error.hint, line=first.position.line if first is not None else 0)
