# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions in Jetporch's notation, `(and (eq a 1) (not b))`, translated into expressions."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from jetpack_core.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class ConditionSyntaxError(TemplateError):
    """A helper call is malformed.

    :param offset: where, as a character offset into the text.
    """

    def __init__(self, message: str, offset: int, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.offset = offset


def translate(text: str) -> str:
    """Return the expression that a helper call stands for; other text is returned unchanged.

    Raises ConditionSyntaxError for text that starts as a helper call and is none.
    """
    opening = _OPENING.match(text)
    if opening is None or opening["name"] not in _HELPERS or _INFIX.match(text, opening.end()):
        return text
    try:
        return _Parser(text).parse()
    except ConditionSyntaxError:
        # `(not a)` is an expression in its own right, so whatever follows may be one as well.
        if opening["name"] == "not":
            return text
        raise


_OPENING: Final = re.compile(r"\s*\(\s*(?P<name>[a-z_]+)(?=[\s()])\s*")
_INFIX: Final = re.compile(r"(?:in|is|if|and|or|not)\b|[^\w\s'\"(@.\-]|\)|-\s|\Z|\.(?!\.?/)")
"""What follows a variable's name in an expression, but never the name of a helper."""


@dataclass(frozen=True, slots=True)
class _Helper:
    form: Callable[[Sequence[str]], str]
    least: int
    most: int | None


def _infix(operator: str) -> Callable[[Sequence[str]], str]:
    return lambda arguments: "(" + f" {operator} ".join(arguments) + ")"


def _shape(shape: str) -> Callable[[Sequence[str]], str]:
    return lambda arguments: shape.format(*arguments)


_HELPERS: Final = {
    "eq": _Helper(_shape("({0} is json_equal({1}))"), 2, 2),
    "ne": _Helper(_shape("({0} is not json_equal({1}))"), 2, 2),
    "gt": _Helper(_infix(">"), 2, 2),
    "gte": _Helper(_infix(">="), 2, 2),
    "lt": _Helper(_infix("<"), 2, 2),
    "lte": _Helper(_infix("<="), 2, 2),
    "and": _Helper(_infix("and"), 2, None),
    "or": _Helper(_infix("or"), 2, None),
    "not": _Helper(_shape("(not {0})"), 1, 1),
    "contains": _Helper(_shape("({0} is contains({1}))"), 2, 2),
    "starts_with": _Helper(_shape("({0} is starts_with({1}))"), 2, 2),
    "ends_with": _Helper(_shape("({0} is ends_with({1}))"), 2, 2),
    "isdefined": _Helper(_shape("({0} is defined)"), 1, 1),
    "len": _Helper(_shape("({0} | length)"), 1, 1),
    "to_lower_case": _Helper(_shape("({0} | lower)"), 1, 1),
    "to_upper_case": _Helper(_shape("({0} | upper)"), 1, 1),
    "trim": _Helper(_shape("({0} | trim)"), 1, 1),
    "trim_start": _Helper(_shape("({0} | string).lstrip()"), 1, 1),
    "trim_end": _Helper(_shape("({0} | string).rstrip()"), 1, 1),
}

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<open>\() | (?P<close>\))
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?=[\s()]|\Z)
      | (?P<word>[^\s()'"]+)
      | (?P<bad>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_CONSTANTS: Final = {"true": "true", "false": "false", "null": "none"}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_RESERVED: Final = frozenset({"and", "or", "not", "in", "is", "if", "else", "true", "false", "none"})
_STEP: Final = re.compile(r"\[([^\]]+)\]|([^.\[\]]+)")
_DEEPEST: Final = 50
_BACKSLASH: Final = "\\"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


def _tokens(text: str) -> Iterator[_Token]:
    end = 0
    while match := _TOKEN.match(text, end):
        kind = str(match.lastgroup)
        yield _Token(kind, match[kind], match.start(kind))
        end = match.end()
    yield _Token("end", "", len(text.rstrip()))


class _Parser:
    """A recursive descent over the tokens of one condition."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._depth = 0

    def parse(self) -> str:
        """Return the expression of the whole text."""
        result = self._value(next(self._tokens))
        rest = next(self._tokens)
        if rest.kind != "end":
            self._fail(rest, f"{rest.text!r} follows after the end of the condition")
        return result

    def _value(self, token: _Token) -> str:
        match token.kind:
            case "open":
                return self._call()
            case "text":
                return _literal(token.text)
            case "number":
                return _number(token.text)
            case "word":
                return _CONSTANTS.get(token.text) or _path(token)
            case "end":
                self._fail(token, "the condition ends too early", hint="a closing parenthesis may be missing")
        return self._fail(token, f"unexpected {token.text!r}", hint="a quotation mark may be missing")

    def _call(self) -> str:
        self._depth += 1
        name = next(self._tokens)
        if self._depth > _DEEPEST:
            self._fail(name, "the condition is nested too deeply")
        helper = _HELPERS.get(name.text) if name.kind == "word" else None
        if helper is None:
            self._fail(name, f"there is no helper {name.text!r}", hint=_near(name.text))
        arguments = list(self._arguments())
        if len(arguments) < helper.least or (helper.most is not None and len(arguments) > helper.most):
            wanted = str(helper.least) + (" or more" if helper.most is None else "")
            self._fail(name, f"{name.text!r} takes {wanted} values, not {len(arguments)}")
        self._depth -= 1
        return helper.form(arguments)

    def _arguments(self) -> Iterator[str]:
        while (token := next(self._tokens)).kind != "close":
            yield self._value(token)

    def _fail(self, token: _Token, message: str, *, hint: str = "") -> NoReturn:
        raise ConditionSyntaxError(message, token.offset, hint=hint)


def _near(name: str) -> str:
    close = difflib.get_close_matches(name, _HELPERS, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(_HELPERS)}"


def _literal(text: str) -> str:
    """Write a string literal as an expression has it; quotation marks and backslashes can be escaped."""
    value = re.sub(r"\\(['\"\\])", r"\1", text[1:-1])
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def _number(text: str) -> str:
    """Write a number; one with leading zeros is no decimal to everybody, so those are dropped."""
    sign = "-" if text.startswith("-") else ""
    digits = text.removeprefix("-").lstrip("0")
    digits = digits if digits[:1].isdigit() else "0" + digits
    return f"({sign}{digits})" if sign else digits


def _path(token: _Token) -> str:
    """Write a dotted name, such as `nginx.ports.[0]`."""
    text = token.text
    if text.startswith(("../", "./", "this.", "@")) or text in {"this", ".."} or "/" in text:
        message = f"{text!r} looks relative, but conditions know variables by their full names"
        raise ConditionSyntaxError(message, token.offset, hint="write the name alone, such as: nginx.port")
    if not re.fullmatch(r"[^.\[\]]+(?:\.(?:\[[^\]]+\]|[^.\[\]]+)|\[[^\]]+\])*", text):
        raise ConditionSyntaxError(f"{text!r} is no name of a variable", token.offset)
    name, *steps = [match[1] or match[2] for match in _STEP.finditer(text)]
    if not _NAME.match(name) or name in _RESERVED:
        hint = "names have letters, digits and underscores only; text needs quotation marks"
        raise ConditionSyntaxError(f"{name!r} is no name of a variable", token.offset, hint=hint)
    return name + "".join(_step(step) for step in steps)


def _step(step: str) -> str:
    if step.isdecimal() and step.isascii():
        return f"[{int(step)}]"
    if _NAME.match(step) and step not in _RESERVED:
        return f".{step}"
    return f"['{step.replace(_BACKSLASH, _BACKSLASH * 2)}']"
