# SPDX-License-Identifier: GPL-3.0-or-later
"""What the suites share: hostile names, and errors that are expected."""

from __future__ import annotations

from typing import Any

import pytest

from jetpack_core.errors import OperationCode, OperationError

HOSTILE_NAMES = (
    "with space",
    "quote'single",
    'quote"double',
    "new\nline",
    "ends with newline\n",
    "tab\tand\rreturn",
    "-rf",
    "--help",
    "$(touch pwned)`id`;&|<>",
    "*?[a-z]{x,y}~",
    "back\\slash\\0041",
    "percent%s%n",
    "umlaut-äöü-日本-🚀",
    "not utf-8 \udcff\udc80\udc81\udc88",
    "controls \x01\x1b\x7f",
    "...",
)


def fails(code: OperationCode) -> Any:
    """Expect an OperationError with a code."""
    return _Fails(code)


class _Fails:
    def __init__(self, code: OperationCode) -> None:
        self._code = code

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> bool:
        if error is None:
            pytest.fail(f"nothing was raised, {self._code.name} was expected")
        if not isinstance(error, OperationError):
            return False
        if error.code is not self._code:
            pytest.fail(f"{error.code.name} was raised ({error}), {self._code.name} was expected")
        return True
