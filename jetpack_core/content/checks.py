# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the syntax of templates and expressions where they stand in a file."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from jetpack_core.content.fields import ARGV, EXPRESSION, RAW, SHELL
from jetpack_core.records import Position
from jetpack_core.variables.templates import is_template

if TYPE_CHECKING:
    from jetpack_core.content.nodes import Scalar
    from jetpack_core.content.problems import Problems
    from jetpack_core.variables.syntax import SyntaxProblem
    from jetpack_core.variables.templates import Templates

# A placeholder that is a name, or a path of names, needs no parser.
_NAME: Final = r"(?!(?:not|and|or|in|is|if|else)\b)[A-Za-z_]\w*"
_EASY: Final = re.compile(rf"\{{\{{ ?{_NAME}(?:\.{_NAME})* ?\}}\}}")
_PLACEHOLDER: Final = re.compile(
    r"\{[{%#](?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|(?!(?:\}|%|#)\}).)*(?:\}|%|#)\}", re.DOTALL
)


class Checks:
    """Notes templates and expressions that cannot be compiled; every text is looked at once."""

    def __init__(self, templates: Templates, problems: Problems) -> None:
        self._templates = templates
        self._problems = problems
        self._good: set[tuple[str, str]] = set()

    def check(self, node: Scalar, text: str, style: str) -> bool:
        """Check a text that will be rendered in a style; tell whether it is to be rendered at all."""
        if style == RAW:
            return False
        if style == EXPRESSION:
            self._examine(node, text, style)
            return False
        if not is_template(text):
            return False
        if not self._is_known_good(text, style):
            self._examine(node, text, style)
        return True

    def _is_known_good(self, text: str, style: str) -> bool:
        """Tell whether every placeholder is valid by itself: they repeat more often than whole texts do."""
        if "{%" in text or "{#" in text:
            return False
        pieces = _PLACEHOLDER.findall(text)
        return all(self._is_good(piece, style) for piece in pieces) and not is_template(_PLACEHOLDER.sub("", text))

    def _is_good(self, piece: str, style: str) -> bool:
        if (style, piece) in self._good:
            return True
        if _EASY.fullmatch(piece) is None and self._problem(piece, style) is not None:
            return False
        self._good.add((style, piece))
        return True

    def _examine(self, node: Scalar, text: str, style: str) -> None:
        if (style, text) in self._good:
            return
        problem = self._problem(text, style)
        if problem is None:
            self._good.add((style, text))
        else:
            where = _place(node, text, problem) if style != ARGV else node.position
            self._problems.add(where, problem.message, problem.hint, code="template-syntax")

    def _problem(self, text: str, style: str) -> SyntaxProblem | None:
        if style == EXPRESSION:
            return self._templates.check_expression(text)
        if style == SHELL:
            return self._templates.check_shell(text)
        return self._templates.check_template(text)


def _place(node: Scalar, text: str, problem: SyntaxProblem) -> Position:
    """Return the place of a syntax problem in the file, or that of the whole text where it cannot be told."""
    start = node.position
    first = node.source.line(start.line)[start.column - 1 :]
    if first[:1] in {"|", ">"} and not node.plain:
        number = start.line + problem.line
        line = node.source.line(number)
        wanted = text.split("\n")[problem.line - 1] if problem.line <= text.count("\n") + 1 else ""
        if line.strip() and line.endswith(wanted):
            return Position(start.file, number, len(line) - len(wanted) + problem.column)
        return start
    quote = 0 if node.plain else 1
    if problem.line == 1 and first[quote : quote + len(text)] == text:
        return Position(start.file, start.line, start.column + quote + problem.column - 1)
    return start


_STAND_IN: Final = "\ue000"


def split_words(text: str) -> list[str]:
    """Split a command line as a shell would, with its placeholders kept whole. Raises ValueError."""
    placeholders: list[str] = []

    def keep(match: re.Match[str]) -> str:
        placeholders.append(match[0])
        return f"{_STAND_IN}{len(placeholders) - 1}{_STAND_IN}"

    if _STAND_IN in text:
        message = f"the character U+{ord(_STAND_IN):04X} cannot be part of a command"
        raise ValueError(message)
    words = shlex.split(_PLACEHOLDER.sub(keep, text))
    restore = re.compile(f"{_STAND_IN}([0-9]+){_STAND_IN}")
    return [restore.sub(lambda match: placeholders[int(match[1])], word) for word in words]
