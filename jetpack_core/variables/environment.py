# SPDX-License-Identifier: GPL-3.0-or-later
"""The Jinja2 sandbox that templates and expressions run in; values are data and never become templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import missing

from jetpack_core.contracts.unknown import Unknown
from jetpack_core.errors import TemplateError
from jetpack_core.registry import Kind
from jetpack_core.secrets.values import LAZY, LazyMap, Sealed, opened, reveal
from jetpack_core.variables import shell
from jetpack_core.variables.functions import (
    Function,
    Functions,
    MissingValue,
    refuse_nested_unknown,
    refuse_placeholders,
)

if TYPE_CHECKING:
    from jetpack_core.registry import Registry
    from jetpack_core.secrets.vault import Vault


class VariablesContext(Context):
    """A template's names: those it sets itself, then the host's variables (never copied), then the globals."""

    def resolve_or_missing(self, key: str) -> object:
        """Look a name up."""
        if key in self.vars:
            return self.vars[key]
        try:
            found = self.parent[key]
        except KeyError:
            found = self.environment.globals.get(key, missing)
        vault: Vault | None = self.environment.vault  # type: ignore[attr-defined]
        if vault is None or not vault.in_use:
            return found
        if found is not missing:
            return reveal(found)
        unknown = vault.nothing_known()
        return missing if unknown is None else unknown


_DATA: Final = (str, int, float, list, tuple, bytes, type(None))
_LARGEST_TEXT: Final = 10_000_000
_LARGEST_NUMBER: Final = 100_000
"""In bits: what arithmetic in a template may make."""


class VariablesEnvironment(ImmutableSandboxedEnvironment):
    """Jinja2 where maps are read by key, undefined is an error, and nothing can be changed or blown up."""

    intercepted_binops = frozenset({"*", "**", "%"})
    context_class = VariablesContext

    def __init__(self, registry: Registry, *, finalize: Function | None, vault: Vault | None = None) -> None:
        self.vault = vault
        super().__init__(undefined=MissingValue, keep_trailing_newline=True, finalize=finalize, cache_size=0)
        self.globals.pop("lipsum")
        self.filter_functions = Functions(Kind.FILTER, cast("Mapping[str, Function]", FILTERS), registry)
        self.test_functions = Functions(Kind.TEST, cast("Mapping[str, Function]", TESTS), registry)
        self.filters = cast("Any", self.filter_functions)
        self.tests = cast("Any", self.test_functions)

    def getattr(self, obj: object, attribute: str) -> object:
        """Look up `obj.attribute`: a key of a map, or a property of anything else; never a method."""
        if isinstance(obj, dict):
            try:
                found: object = obj[attribute]
            except KeyError:
                return self.undefined(obj=_origin(obj), name=attribute)
            return self._revealed(found)
        if isinstance(obj, MissingValue | Unknown):
            return self._placeholder(obj)
        if isinstance(obj, Mapping):
            return self.getitem(obj, attribute)
        return self._no_method(super().getattr(obj, attribute), obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """Look up `obj[argument]`."""
        if isinstance(obj, MissingValue | Unknown):
            return self._placeholder(obj)
        if isinstance(obj, Mapping):
            try:
                return self._revealed(obj[argument])
            except (KeyError, TypeError):
                refuse_placeholders((argument,))
                return self.undefined(obj=_origin(obj), name=str(argument))
        refuse_placeholders((argument,))
        return self._no_method(super().getitem(obj, cast("str", argument)), obj, argument)

    def _revealed(self, value: object) -> object:
        """Return a value that was looked up as templates may look at it."""
        return value if self.vault is None or not self.vault.in_use else reveal(value)

    def method(self, obj: object, attribute: str) -> object:
        """Look up `obj.attribute` where it is called: a map's keys do not hide its methods there."""
        if isinstance(obj, MissingValue | Unknown):
            return self._placeholder(obj)
        return super().getattr(obj, attribute)

    def _placeholder(self, obj: MissingValue | Unknown) -> object:
        if isinstance(obj, Unknown):
            obj.refuse()
        return obj

    def _no_method(self, value: object, obj: object, name: object) -> object:
        if isinstance(obj, _DATA) and callable(value) and not isinstance(value, MissingValue | Unknown):
            return self.undefined(f"{name!r} is a function: call it, as {name}()", obj=obj, name=str(name))
        return value

    def call(self, context: Context, function: Function, /, *args: object, **kwargs: object) -> object:
        """Call what a template calls."""
        if getattr(function, "__self__", None) is self:
            # In a loop Jinja2 passes the loop's names along, for functions that ask for the context.
            return function(*args)
        refuse_placeholders((function, *args, *kwargs.values()))
        if self.vault is not None and self.vault.in_use:
            args = tuple(map(opened, args))
            kwargs = {name: opened(value) for name, value in kwargs.items()}
        try:
            return super().call(context, function, *args, **kwargs)
        except (TypeError, ValueError):
            refuse_nested_unknown(args, kwargs)
            raise

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Compute what could become too large, or take an unknown value for text."""
        refuse_placeholders((left, right))
        if operator == "%":
            refuse_nested_unknown((right,), {})
        elif _too_large(operator, left, right):
            raise OverflowError(f"the result of {operator} would be too large")
        return super().call_binop(context, operator, left, right)

    def shell_value(self, value: object, expression: str, number: int) -> str:
        """Return a value as it goes into a shell command."""
        refuse_placeholders((value,))
        return shell.interpolate(value, expression, number)


def _origin(value: object) -> object:
    """Return the variable itself of what stands for it in templates."""
    return value.origin if isinstance(value, LazyMap) else value


def _too_large(sign: str, left: object, right: object) -> bool:
    if sign == "*" and isinstance(left, str | list | tuple | bytes):
        left, right = right, left
    if sign == "*" and isinstance(right, str | list | tuple | bytes):
        return isinstance(left, int) and left * len(right) > _LARGEST_TEXT
    if not (isinstance(left, int) and isinstance(right, int)):
        return False
    size = left.bit_length()
    return (size * right if sign == "**" else size + right.bit_length()) > _LARGEST_NUMBER


def output(value: object) -> object:
    """Return a value as it is written into text."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind in LAZY:
        return opened(value)
    if isinstance(value, Iterator):
        return [opened(one) for one in value]
    if isinstance(value, list | tuple | dict):
        return opened(value)
    if callable(value) and not isinstance(value, MissingValue | Unknown):
        raise TemplateError("a function is no value: call it, with parentheses")
    return value


def finish(value: object) -> object:
    """Return an expression's result as plain data of its own; iterators, tuples and views become lists.

    Raises UnknownValueError when an unknown value is anywhere in it.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if isinstance(value, Sealed):
        return finish(value.open())
    refuse_placeholders((value,))
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {finish(key): finish(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range | Iterator) or kind in _VIEWS:
        return [finish(item) for item in cast("list[object]", value)]
    return output(value)


_ATOMS: Final = frozenset({str, int, float, bool, type(None)})
_VIEWS: Final = frozenset({type({}.keys()), type({}.values()), type({}.items())})
