# SPDX-License-Identifier: GPL-3.0-or-later
"""The value that plan mode puts where only a task that did not run could tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from jetpack_core.errors import UnknownValueError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Unknown:
    """Stand among variables for a value that is not known; raise UnknownValueError on any use.

    It may be stored, passed on and merged. Text, truth, comparison, items, attributes, arithmetic, hashing
    and calls raise, so that nothing computed from it can be reported as known. Even `repr` does: a map that
    holds one would else be written into a file.

    :param reason: Why it is not known, as the user reads it.
    """

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def refuse(self) -> NoReturn:
        """Raise UnknownValueError with the reason."""
        raise UnknownValueError(self.reason)

    def __getattr__(self, name: str) -> NoReturn:
        # Python itself probes for special methods; to it they are simply not there.
        if name.startswith("__"):
            raise AttributeError(name)
        self.refuse()

    def _use(self, *_arguments: object) -> NoReturn:
        self.refuse()

    def __eq__(self, other: object) -> NoReturn:
        self.refuse()

    def __ne__(self, other: object) -> NoReturn:
        self.refuse()

    def __hash__(self) -> int:  # noqa: PLE0309 - it only raises
        self.refuse()

    def __str__(self) -> str:  # noqa: PLE0307 - it only raises
        self.refuse()

    def __repr__(self) -> str:
        self.refuse()

    def __format__(self, spec: str) -> NoReturn:
        self.refuse()

    def __iter__(self) -> Iterator[object]:
        self.refuse()

    __bool__ = __len__ = __contains__ = __getitem__ = __call__ = __index__ = __int__ = __float__ = _use
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __pos__ = __abs__ = __bytes__ = __reversed__ = _use
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _use
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _use


def find_unknown(value: object) -> Unknown | None:
    """Return an unknown value inside plain data, or None."""
    pending = [value]
    while pending:
        one = pending.pop()
        if type(one) is Unknown:
            return one
        if isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list | tuple):
            pending.extend(one)
    return None
