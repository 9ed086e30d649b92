# SPDX-License-Identifier: GPL-3.0-or-later
"""Split a template into text and tags; white space that tags take away is gone from the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from jetpack_plugin_handlebars.nodes import Place, SyntaxFault

_OPEN: Final = re.compile(r"(\\*)(\{\{\{\{(?!\{)|\{\{)")
_RAW: Final = re.compile(r"\s*([^\s{}]+)\s*\}\}\}\}")
_STANDALONE: Final = frozenset({"#", "/", "^", "else", "!"})


@dataclass(slots=True)
class Piece:
    """Text, where `kind` is empty, or a tag; `content` is without braces, signs and `~`."""

    kind: str
    content: str
    start: int
    end: int
    trims_left: bool = False
    trims_right: bool = False
    inner: int = 0
    """Where the content begins."""


class Lexer:
    """Reads the text of one template."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int) -> Place:
        """Return the line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)

    def pieces(self) -> list[Piece]:
        """Return the pieces. Raises SyntaxFault."""
        found: list[Piece] = []
        at = 0
        while match := _OPEN.search(self._text, at):
            backslashes = len(match[1])
            start = match.start(2)
            if backslashes == 1:
                end = self._text.find("}}", start)
                end = len(self._text) if end < 0 else end + 2
                found.append(Piece("", self._text[at : match.start(1)] + self._text[start:end], at, end))
                at = end
                continue
            # As the original has it: of several backslashes, the first one only says that the tag is meant.
            found.append(Piece("", self._text[at : match.start(1)] + "\\" * (backslashes - 1), at, start))
            tags = self._raw(start) if match[2] == "{{{{" else [self._tag(start)]
            found += tags
            at = tags[-1].end
        found.append(Piece("", self._text[at:], at, len(self._text)))
        self._trim(found)
        return found

    def _raw(self, start: int) -> list[Piece]:
        """Return what stands between {{{{raw}}}} and its end, which is text."""
        head = _RAW.match(self._text, start + 4)
        if head is None or head[1] != "raw":
            hint = "write {{{{raw}}}} and {{{{/raw}}}}"
            raise SyntaxFault(self.place(start), "four braces begin a raw block", hint)
        tail = re.compile(r"\{\{\{\{/raw\}\}\}\}").search(self._text, head.end())
        if tail is None:
            raise SyntaxFault(self.place(start), "this raw block has no end", "write {{{{/raw}}}}")
        return [Piece("", self._text[head.end() : tail.start()], start, tail.end())]

    def _tag(self, start: int) -> Piece:
        text = self._text
        if text.startswith(("{{!--", "{{~!--"), start):
            return self._comment(start, "--")
        if text.startswith(("{{!", "{{~!"), start):
            return self._comment(start, "")
        braces = 3 if text.startswith(("{{{", "{{~{"), start) else 2
        opens = start + 2 + (text[start + 2 : start + 3] == "~")
        opens += braces == 3  # noqa: PLR2004 - the braces of {{{
        end = self._end_of(opens, start)
        inner = text[opens:end]
        close = end
        if braces == 3:  # noqa: PLR2004
            if not text.startswith("}", end):
                raise SyntaxFault(self.place(start), "three braces are closed by three", "write }}}")
            close += 1
        trims_right = text.startswith("~", close)
        close += trims_right
        if not text.startswith("}}", close):
            raise SyntaxFault(self.place(start), "this tag has no end", "close as many braces as are opened")
        kind = inner[:1] if inner[:1] in {"#", "/", "^", "&", ">", "*"} else ""
        offset = len(kind)
        bare = inner.strip()
        if not kind and (bare == "else" or bare.startswith("else ")):
            kind, offset = "else", inner.index("else") + 4
        return Piece(
            kind or "=",
            inner[offset:],
            start,
            close + 2,
            text.startswith("~", start + 2),
            trims_right,
            opens + offset,
        )

    def _comment(self, start: int, dashes: str) -> Piece:
        closes = re.compile(rf"{dashes}(~?)\}}\}}").search(self._text, start + 2)
        if closes is None:
            raise SyntaxFault(self.place(start), "this comment has no end", f"write {dashes}" + "}}")
        return Piece("!", "", start, closes.end(), self._text.startswith("~", start + 2), bool(closes[1]), start)

    def _end_of(self, at: int, start: int) -> int:
        """Return where the content of a tag ends; braces in quotes do not count."""
        text, quote = self._text, ""
        while at < len(text):
            char = text[at]
            if quote:
                at += char == "\\"
                quote = "" if char == quote else quote
            elif char in "\"'":
                quote = char
            elif text.startswith(("}}", "~}}", "}~}}"), at):
                return at
            elif text.startswith("{{", at):
                break
            at += 1
        message = "a text in this tag has no end" if quote else "this tag has no end"
        raise SyntaxFault(self.place(start), message, "write }} where it ends, or \\{{ if no tag is meant")

    def _trim(self, pieces: list[Piece]) -> None:
        alone = {id(piece) for piece in pieces if piece.kind in _STANDALONE and self._is_alone(piece)}
        for place, piece in enumerate(pieces):
            if piece.kind:
                continue
            before = pieces[place - 1] if place else None
            after = pieces[place + 1] if place + 1 < len(pieces) else None
            if before is not None and before.trims_right:
                piece.content = piece.content.lstrip()
            elif before is not None and id(before) in alone:
                piece.content = re.sub(r"\A[ \t]*(\r?\n)?", "", piece.content)
            if after is not None and after.trims_left:
                piece.content = piece.content.rstrip()
            elif after is not None and id(after) in alone:
                piece.content = piece.content.rstrip(" \t")

    def _is_alone(self, piece: Piece) -> bool:
        """Tell whether nothing else stands on the lines of a tag."""
        before = self._text[self._text.rfind("\n", 0, piece.start) + 1 : piece.start]
        end = self._text.find("\n", piece.end)
        after = self._text[piece.end : end if end >= 0 else len(self._text)]
        return not before.strip(" \t") and not after.strip(" \t\r")
