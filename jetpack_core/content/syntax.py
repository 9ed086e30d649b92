# SPDX-License-Identifier: GPL-3.0-or-later
"""Say in plain words what a YAML parser complains about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from yaml import MarkedYAMLError, YAMLError
from yaml.reader import ReaderError

from jetpack_core.records import Position

if TYPE_CHECKING:
    from jetpack_core.content.nodes import Source
    from jetpack_core.content.problems import Problems

TEMPLATE_HINT: Final = 'a value that begins with {{ needs quotes: "{{ name }}"'
"""The usual cause of a mapping inside a mapping's key."""
_BARE_TEMPLATE: Final = re.compile(r"(?:[:-]\s+|^\s*)\{[{%]")

_INDENTATION: Final = "the indentation does not fit the lines above"
_INDENTATION_HINT: Final = "keys of one mapping, and the dashes of one list, begin in the same column"

# What libyaml says -> (what happened, what to do).
_WORDS: Final = {
    "mapping values are not allowed in this context": (
        "a ':' stands where no key can begin",
        "put text that holds ': ' in quotes; a key of a mapping begins in the column of the keys beside it",
    ),
    "block sequence entries are not allowed in this context": (
        "a list cannot begin here",
        "put the first '- ' on a line of its own",
    ),
    "did not find expected key": (_INDENTATION, _INDENTATION_HINT),
    "did not find expected '-' indicator": (_INDENTATION, _INDENTATION_HINT),
    "could not find expected ':'": ("a key without a ':' behind it", "write `key: value`"),
    "found unexpected end of stream": (
        "a quote is opened here and never closed",
        "close it, or put text that holds a quote in the other kind of quotes",
    ),
    "found unexpected document indicator": ("a quote is not closed before the end of the document", "close it"),
    "did not find expected ',' or ']'": ("a '[' is opened here and never closed, or a ',' is missing", ""),
    "did not find expected ',' or '}'": ("a '{' is opened here and never closed, or a ',' is missing", ""),
    "found unknown escape character": (
        "this backslash means nothing in double quotes",
        r"double it (\\), or use single quotes",
    ),
    "found invalid Unicode character escape code": ("this escape is no character", ""),
    "did not find expected hexdecimal number": (r"\x, \u and \U need hexadecimal digits behind them", ""),
    "did not find expected node content": ("a value is expected here", "put text that begins with ] or } in quotes"),
    "did not find expected alphabetic or numeric character": (
        "a name is expected behind * or &",
        "put text that begins with * or & in quotes",
    ),
    "did not find expected comment or line break": ("only a comment may follow | or > here", ""),
    "found a tab character where an indentation space is expected": (
        "a tab, where YAML is indented with spaces",
        "replace it with spaces",
    ),
    "found a tab character that violates indentation": (
        "a tab, where YAML is indented with spaces",
        "replace it with spaces",
    ),
    "found undefined tag handle": ("a tag has one '!' at its beginning and no other", "write it like `!copy`"),
    "found unknown directive name": ("a line that begins with % is a YAML directive, and this one is unknown", ""),
    "found incompatible YAML document": ("this version of YAML is not known", "remove the %YAML line"),
    "did not find expected <document start>": ("more text, where the document has ended", "one value only, please"),
}

# The parser notices these late; the place that matters is where the thing began.
_AT_THE_BEGINNING: Final = frozenset(
    {
        "found unexpected end of stream",
        "did not find expected ',' or ']'",
        "did not find expected ',' or '}'",
        "could not find expected ':'",
    }
)


def explain(error: YAMLError, source: Source, problems: Problems) -> None:
    """Note a syntax error."""
    if isinstance(error, ReaderError):
        _explain_character(error, source, problems)
        return
    if not isinstance(error, MarkedYAMLError) or (mark := error.problem_mark or error.context_mark) is None:
        problems.add(Position(source.file, 1, 1), f"this is not YAML: {error}", code="yaml-syntax")
        return
    problem = str(error.problem)
    if problem in _AT_THE_BEGINNING and error.context_mark is not None:
        mark = error.context_mark
    position = source.position(mark)
    if problem == "found character that cannot start any token":
        message, hint = _misplaced(source.line(position.line)[position.column - 1 : position.column])
    else:
        message, hint = _WORDS.get(problem, (f"this is not YAML: {problem}", ""))
    if problem == "did not find expected node content" and position.line > source.text.count("\n"):
        message, hint = "the file ends where a value is expected", "a '[' or '{' may not be closed"
    bare = _BARE_TEMPLATE.search(source.line(position.line))
    if bare is not None:
        position = Position(source.file, position.line, bare.end() - 1)
        message, hint = "a template without quotes is not a YAML value", TEMPLATE_HINT
    problems.add(position, message, hint, code="yaml-syntax")


_UNPRINTABLE: Final = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _explain_character(error: ReaderError, source: Source, problems: Problems) -> None:
    match = _UNPRINTABLE.search(source.text)
    before = source.text[: match.start()] if match else ""
    shown = f"U+{ord(match[0]):04X}" if match else str(error.reason)
    position = Position(source.file, before.count("\n") + 1, len(before) - before.rfind("\n"))
    message = f"the control character {shown} cannot stand in YAML"
    problems.add(position, message, r'write it as "\x.." in double quotes', code="yaml-syntax")


def _misplaced(char: str) -> tuple[str, str]:
    if char == "\t":
        return "a tab, where YAML is indented with spaces", "replace it with spaces"
    return f"a value cannot begin with {char}", "put it in quotes"
