# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions among a module's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Scope


def holds(scope: Scope, expression: str, names: Mapping[str, object] | None = None) -> bool:
    """Tell whether an expression is true.

    :param names: What it sees besides the host's variables.
    Raises TaskError when it is neither true nor false, TemplateError when it cannot be evaluated.
    """
    value = scope.evaluate(expression, names)
    if not isinstance(value, bool):
        message = f"{expression} is neither true nor false but {_kind(value)}"
        raise TaskError(message, hint="compare it, such as: x == 1, x is defined, x | length > 0")
    return value


def _kind(value: object) -> str:
    # The value itself may be a secret.
    return "nothing" if value is None else f"of type {type(value).__name__}"
