# SPDX-License-Identifier: GPL-3.0-or-later
"""The docstrings below the fields of a class, which are the documentation of its parameters.

They are read from the source when somebody asks, not when the class is made: that would cost every run.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache


def field_documentation(model: type) -> dict[str, str]:
    """Return the docstring of each field by name, those of base classes included; a field without one is left out."""
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        # The base class of all models has no parameters, and a long source.
        if "__annotations__" in cls.__dict__ and cls.__module__ != "pydantic.main":
            found.update(_own(cls))
    return found


@cache
def _own(cls: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):
        # A class without a source file, such as one made in an interactive session, has no documentation.
        return {}
    (node,) = ast.parse(source).body
    if not isinstance(node, ast.ClassDef):
        return {}
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in zip(node.body, node.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
