# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of content files: where in them a name stands, what is shown of them, and what they tell to ignore."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.records import Position
from jetpack_core.variables.form import Form

if TYPE_CHECKING:
    from jetpack_core.analysis.texts import Text

_LIMIT: Final = 16 * 1024 * 1024
_REACH: Final = 400
"""Lines behind the beginning of a parameter in which its text is looked for."""
_IGNORE: Final = re.compile(r"jetpack:\s*ignore(?P<file>-file)?(?:\[(?P<codes>[a-z, -]*)\])?")
_COMMENT: Final = re.compile(r"\s*(#|\{#)")


class Places:
    """Reads content files, each once."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._of_files: dict[str, set[str]] = {}

    def line(self, position: Position) -> str:
        """Return the text of a line; empty where there is none."""
        lines = self._of(position.file)
        return lines[position.line - 1] if 0 < position.line <= len(lines) else ""

    def of_name(self, text: Text, name: str) -> Position:
        """Return where a text mentions a name, or where the text begins."""
        word = re.compile(rf"(?<![\w.'\"]){re.escape(name)}\b")
        if text.form is Form.FILE:
            return self._in_template(text.position, word)
        wanted = [line.strip() for line in text.text.splitlines() if word.search(line)]
        lines = self._of(text.position.file)
        first = text.position.line
        for number in range(first, min(first + _REACH, len(lines) + 1)):
            line = lines[number - 1]
            start = text.position.column - 1 if number == first else 0
            if any(one in line for one in wanted) and (found := word.search(line, start)):
                return Position(text.position.file, number, found.start() + 1)
        return text.position

    def _in_template(self, position: Position, word: re.Pattern[str]) -> Position:
        inside = False
        for number, line in enumerate(self._of(position.file), start=1):
            inside = inside or "{{" in line or "{%" in line
            found = word.search(line) if inside else None
            if found is not None and self._is_code(line, found.start()):
                return Position(position.file, number, found.start() + 1)
        return position

    @staticmethod
    def _is_code(line: str, at: int) -> bool:
        """Tell whether a place of a line is inside of braces, as far as the line alone tells."""
        opened = max(line.rfind("{{", 0, at), line.rfind("{%", 0, at))
        closed = max(line.rfind("}}", 0, at), line.rfind("%}", 0, at))
        return opened > closed or (opened < 0 and closed < 0)

    def ignores(self, position: Position, code: str) -> bool:
        """Tell whether a comment says not to report a code: on the line, on those right above it, or for the file."""
        whole = self._whole_file(position.file)
        if code in whole or "" in whole:
            return True
        number = position.line
        if _matches(self.line(position), code):
            return True
        while number > 1:
            number -= 1
            line = self.line(Position(position.file, number, 1))
            if not _COMMENT.match(line):
                return False
            if _matches(line, code):
                return True
        return False

    def _whole_file(self, file: str) -> set[str]:
        if file not in self._of_files:
            found: set[str] = set()
            for line in self._of(file):
                match = _IGNORE.search(line) if "jetpack:" in line else None
                if match is not None and match["file"]:
                    found.update(_codes(match))
            self._of_files[file] = found
        return self._of_files[file]

    def _of(self, file: str) -> list[str]:
        if file not in self._lines:
            path = Path(file)
            try:
                large = path.stat().st_size > _LIMIT
                self._lines[file] = [] if large else path.read_text(encoding="utf-8").splitlines()
            except (OSError, ValueError):
                self._lines[file] = []
        return self._lines[file]


def _matches(line: str, code: str) -> bool:
    match = _IGNORE.search(line) if "jetpack:" in line else None
    return match is not None and not match["file"] and bool({code, ""} & _codes(match))


def _codes(match: re.Match[str]) -> set[str]:
    """Return the codes a comment names; an empty one stands for all."""
    return {code.strip() for code in match["codes"].split(",")} if match["codes"] else {""}
