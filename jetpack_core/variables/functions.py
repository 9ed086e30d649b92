# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters and tests as templates call them: loaded on first use, and failing in the user's words."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NoReturn, cast

from jinja2 import StrictUndefined, UndefinedError

from jetpack_core.contracts.unknown import Unknown, find_unknown
from jetpack_core.errors import PluginError, SecretError, TemplateError, UnknownValueError
from jetpack_core.secrets.values import LAZY, opened
from jetpack_core.variables.wording import bad_arguments, in_plain_words

if TYPE_CHECKING:
    from jetpack_core.registry import Kind, Registry

Function = Callable[..., object]


class MissingValueError(UndefinedError):
    """An undefined name, key or attribute was used.

    :param owner: the value that lacks it; jinja2's `missing` for a variable.
    """

    def __init__(self, name: object, owner: object, reason: str) -> None:
        super().__init__(reason)
        self.name = name
        self.owner = owner
        self.reason = reason


class MissingValue(StrictUndefined):
    """An undefined value; what is looked up in it is undefined as well, so `a.b.c is defined` needs no `a`."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        # Every use of an undefined value asks for this message, through functions that cannot be overridden.
        raise MissingValueError(self._undefined_name, self._undefined_obj, self._undefined_hint or "")

    def __repr__(self) -> str:
        self.fail()

    def fail(self) -> NoReturn:
        """Raise MissingValueError."""
        self._fail_with_undefined_error()


def refuse_placeholders(arguments: tuple[object, ...]) -> None:
    """Raise UnknownValueError or MissingValueError when an argument is an unknown or undefined value."""
    for argument in arguments:
        kind = type(argument)
        if kind is Unknown:
            cast("Unknown", argument).refuse()
        if kind is MissingValue:
            cast("MissingValue", argument).fail()


class Functions(dict[str, Function]):
    """Filters or tests: Jinja2's own, and those of the registry, imported when they are first used."""

    def __init__(self, kind: Kind, own: Mapping[str, Function], registry: Registry) -> None:
        super().__init__()
        self._kind = kind
        self._own = own
        self._registry = registry
        self.hints: dict[str, str] = {}
        """What to do about functions that were looked for and not found."""

    def names(self) -> set[str]:
        """Return every name there is."""
        return {*self._own, *self._registry.entries(self._kind)}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def get(self, name: str, default: object = None) -> Function | None:  # type: ignore[override]  # noqa: ARG002
        """Return a function, or None."""
        found = super().get(name)
        if found is None and name not in self.hints:
            found = self._load(name)
        return found

    def __missing__(self, name: str) -> Function:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def _load(self, name: str) -> Function | None:
        function = self._own.get(name)
        if function is None:
            try:
                function = self._registry.function(self._kind, name)
            except PluginError as error:
                self.hints[name] = error.hint if error.message.startswith("there is no") else str(error)
                return None
        self[name] = guarded(self._kind, name, function)
        return self[name]


_TAKES_UNDEFINED: Final = frozenset({"default", "d", "defined", "undefined"})


def guarded(kind: Kind, name: str, function: Function) -> Function:
    """Make a filter or test refuse placeholders, and say what is wrong in the user's words."""
    takes_undefined = name in _TAKES_UNDEFINED

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        lazy = False
        for argument in args:
            what = type(argument)
            lazy = lazy or what in LAZY
            if what is Unknown or (what is MissingValue and not takes_undefined):
                refuse_placeholders((argument,))
        if lazy:
            args = tuple(map(opened, args))
            refuse_placeholders(tuple(one for one in args if type(one) is Unknown or not takes_undefined))
        try:
            return function(*args, **kwargs)
        except (UnknownValueError, TemplateError, UndefinedError, SecretError):
            raise
        except Exception as error:
            refuse_nested_unknown(args, kwargs)
            reason = bad_arguments(function, args, kwargs) or in_plain_words(error)
            raise TemplateError(f"{kind.noun} {name!r}: {reason}") from error

    return call


def refuse_nested_unknown(args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
    """Raise UnknownValueError when what failed was given an unknown value deep inside an argument."""
    unknown = find_unknown([*args, *kwargs.values()])
    if unknown is not None:
        unknown.refuse()
