# SPDX-License-Identifier: GPL-3.0-or-later
"""Values inside shell text: quoting them, and refusing those that could end up as code."""

from __future__ import annotations

import re
import shlex
from typing import Final

from jetpack_core.errors import TemplateError

SAFE: Final = re.compile(r"[A-Za-z0-9_@%+=:,./ -]*")
"""A value of these characters alone is harmless anywhere in a shell command."""

MARK: Final = "\0"
"""Stands around the number of a quoted value while a command is put together; no command can hold a NUL."""


class Quoted(str):
    """Text quoted for a POSIX shell; whatever is made of it (joined, cut, replaced) is plain text again."""

    __slots__ = ()


def quote(value: object) -> Quoted:
    """Quote text or a number as one shell word, or a list as words separated by blanks."""
    if isinstance(value, Quoted):
        return value
    if isinstance(value, list | tuple):
        return Quoted(" ".join(quote(item) for item in value))
    if not isinstance(value, str | int | float):
        raise TypeError("only text, numbers and lists of them can be quoted")
    text = str(value)
    if MARK in text:
        raise ValueError("the value holds a NUL character, which no command can")
    return Quoted(shlex.quote(text))


def interpolate(value: object, expression: str, number: int) -> str:
    """Return a value as it goes into a command, marked with its number when it is quoted.

    Raises TemplateError, naming the expression, for a value that could be read as shell code.
    """
    if isinstance(value, Quoted):
        return f"{MARK}{number}{MARK}{value}"
    text = str(value)
    if SAFE.fullmatch(text):
        return text
    refused = next(char for char in text if not SAFE.fullmatch(char))
    raise TemplateError(
        f"the value of {expression} holds {refused!r}, which a shell could read as code",
        hint="end the expression with `| quote`, pass the value in `env:` or `stdin:`, or say `unsafe: true`",
    )


_MARKED: Final = re.compile(f"{MARK}([0-9]+){MARK}")


def join(text: str, expressions: tuple[str, ...]) -> str:
    """Return a command put together of literal and interpolated text, without the marks.

    Quoting protects a value only where the shell expects a word: inside the author's own quotes, backticks
    or a here-document it does not. Raises TemplateError, naming the expression, for a quoted value there.
    """
    if MARK not in text:
        return text
    scanner = _Scanner()
    end = 0
    for match in _MARKED.finditer(text):
        scanner.read(text[end : match.start()])
        end = match.end()
        place = scanner.place()
        if place:
            raise TemplateError(f"{expressions[int(match[1])]} is quoted, but stands {place}", hint=_HINT)
    return _MARKED.sub("", text)


_HINT: Final = "take the value out of there, such as `--name={{ name | quote }}`, or pass it in `env:`"
_WORD_START: Final = frozenset(" \t\n;&|()")


class _Scanner:
    """Follows how a POSIX shell reads a command, as far as needed to know where a word may stand.

    Constructs whose end is hard to tell (`$'...'`, quotes inside `${...}`) count as never ending, which can
    only refuse more.
    """

    def __init__(self) -> None:
        self._open: list[str] = []
        self._escaped = False
        self._before = "\n"
        self._lost = ""
        self._seen = ""

    def place(self) -> str:
        """Say where the text read so far ends, empty where a word may stand."""
        if self._lost:
            return self._lost
        if self._escaped or self._before == "$":
            return "after a backslash" if self._escaped else "after a dollar sign"
        return _PLACES[self._open[-1]] if self._open else ""

    def read(self, text: str) -> None:
        """Go on reading."""
        self._seen += text
        for char in text:
            # Escaped characters and `$$` are parts of a word: what follows must not take them for a blank or `$`.
            plain = self._escaped or (char == "$" and self._before == "$")
            before = "\\" if plain else char
            if not self._lost:
                self._step(char)
            self._before = before

    def _step(self, char: str) -> None:
        state = self._open[-1] if self._open else ""
        if self._escaped:
            self._escaped = False
        elif state == "'":
            self._close_at(char, "'")
        elif state == "#":
            self._close_at(char, "\n")
        elif char == "\\":
            self._escaped = True
        elif char == "`":
            self._lost = "after a backtick; write $(...) instead"
        elif state == "{":
            self._in_braces(char)
        elif state == '"':
            self._in_double_quotes(char)
        else:
            self._in_words(char)

    def _close_at(self, char: str, end: str) -> None:
        if char == end:
            self._open.pop()

    def _in_braces(self, char: str) -> None:
        if char in "'\"{":
            self._lost = "after ${...} with quotes or braces in it"
        self._close_at(char, "}")

    def _in_double_quotes(self, char: str) -> None:
        if self._before == "$" and char in "({":
            self._open.append(char)
        else:
            self._close_at(char, '"')

    def _in_words(self, char: str) -> None:
        after_dollar = self._before == "$"
        if after_dollar and char in "'\"":
            self._lost = "after $'...' or a like form of quotes"
        elif char in "'\"(" or (char == "{" and after_dollar):
            self._open.append(char)
        elif char == ")" and self._open:
            self._leave_parentheses()
        elif char == "#" and self._before in _WORD_START:
            self._open.append("#")
        elif char == "<" and self._before == "<":
            self._lost = "after a here-document"

    def _leave_parentheses(self) -> None:
        # A `case` pattern ends in a parenthesis that closes nothing.
        if re.search(r"\bcase\b", self._seen):
            self._lost = "after a `case` in parentheses"
        self._open.pop()


_PLACES: Final = {
    "'": "inside single quotes",
    '"': "inside double quotes",
    "#": "in a comment",
    "{": "inside ${...}",
    "(": "",
}
