# SPDX-License-Identifier: GPL-3.0-or-later
"""From text to nodes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from jetpack_plugin_handlebars.helpers import BLOCKS, HELPERS
from jetpack_plugin_handlebars.lexing import Lexer, Piece
from jetpack_plugin_handlebars.nodes import (
    Block,
    Call,
    Expression,
    Literal,
    Node,
    Output,
    Path,
    Place,
    SyntaxFault,
    Text,
)

DEPTH_LIMIT: Final = 100
"""Blocks within one another, and expressions within one another."""
LONGEST_NUMBER: Final = 1000
"""Digits; Python refuses far more of them."""
_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+)
    | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>-?\d+(?:\.\d+)?(?=[\s)|]|$))
    | (?P<sign>[()|])
    | (?P<key>[A-Za-z_]\w*)=
    | (?P<path>(?:\[[^\]]*\]|[^\s()|="'\[\]])+)
    """,
    re.VERBOSE | re.DOTALL,
)
_PART: Final = re.compile(r"\[([^\]]*)\]|([^./\[\]]+)")
_WORDS: Final = {"true": True, "false": False, "null": None, "undefined": None}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: Place


def parse(text: str) -> list[Node]:
    """Return the nodes of a template. Raises SyntaxFault."""
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._lexer = Lexer(text)
        self._open: list[tuple[Block, list[Node], bool]] = []
        """Open blocks, where their nodes go to, and whether an else began the block."""

    def parse(self) -> list[Node]:
        root: list[Node] = []
        target = root
        for piece in self._lexer.pieces():
            if not piece.kind:
                if piece.content:
                    target.append(Text(piece.content))
            elif piece.kind != "!":
                target = self._tag(piece, target)
        if self._open:
            block = self._open[-1][0]
            raise SyntaxFault(
                block.call.place, f"the block {block.call.name!r} has no end", "write {{/...}} with its name"
            )
        return root

    def _tag(self, piece: Piece, target: list[Node]) -> list[Node]:
        place = self._lexer.place(piece.start)
        if piece.kind in {">", "*"}:
            noun = "partials" if piece.kind == ">" else "decorators"
            raise SyntaxFault(place, f"there are no {noun}", "write what is meant into the template itself")
        if piece.kind == "/":
            return self._close(piece, place)
        if piece.kind == "else" or (piece.kind == "^" and not piece.content.strip()):
            return self._else(piece, place)
        if piece.kind in {"#", "^"}:
            return self._begin(piece, place, target, chained=False)
        words = _Words(self._tokens(piece), place)
        target.append(Output(words.whole(), place))
        return target

    def _begin(self, piece: Piece, place: Place, target: list[Node], *, chained: bool) -> list[Node]:
        if len(self._open) >= DEPTH_LIMIT:
            raise SyntaxFault(place, f"more than {DEPTH_LIMIT} blocks within one another", "write it simpler")
        call, names = _Words(self._tokens(piece), place).block()
        if call.name not in BLOCKS:
            hint = "write {{#if ...}}, {{#each ...}} or {{#with ...}}"
            raise SyntaxFault(place, f"there is no block helper {call.name!r}", hint)
        block = Block(call, names)
        target.append(block)
        if piece.kind == "^":
            block.has_otherwise = True
        self._open.append((block, target, chained))
        return block.otherwise if piece.kind == "^" else block.body

    def _else(self, piece: Piece, place: Place) -> list[Node]:
        if not self._open:
            raise SyntaxFault(place, "an else without a block", "write {{#if ...}} before it")
        block = self._open[-1][0]
        if block.has_otherwise:
            raise SyntaxFault(place, "a second else in one block", "write {{else if ...}} for all but the last")
        block.has_otherwise = True
        if not piece.content.strip():
            return block.otherwise
        return self._begin(piece, place, block.otherwise, chained=True)

    def _close(self, piece: Piece, place: Place) -> list[Node]:
        name = piece.content.strip()
        while self._open:
            block, target, chained = self._open.pop()
            if chained:
                continue
            if block.call.name != name:
                hint = f"write {{{{/{block.call.name}}}}}, which ends what begins in line {block.call.place.line}"
                raise SyntaxFault(place, f"the end of {name!r}, where {block.call.name!r} is open", hint)
            return target
        raise SyntaxFault(place, f"the end of {name!r}, which did not begin", "take it out")

    def _tokens(self, piece: Piece) -> list[_Token]:
        found: list[_Token] = []
        at = 0
        while at < len(piece.content):
            match = _TOKEN.match(piece.content, at)
            place = self._lexer.place(piece.inner + at)
            if match is None or match.lastgroup is None:
                raise SyntaxFault(place, f"{piece.content[at]!r} has no meaning here", "put text into quotes")
            if match.lastgroup != "blank":
                found.append(_Token(match.lastgroup, match[match.lastgroup], place))
            at = match.end()
        return found


class _Words:
    """Reads the content of one tag."""

    def __init__(self, tokens: list[_Token], place: Place) -> None:
        self._tokens = tokens
        self._place = place
        self._at = 0

    def whole(self) -> Expression:
        """Return what a tag puts out."""
        if not self._tokens:
            raise SyntaxFault(self._place, "a tag with nothing in it", "write the name of a variable")
        found = self._expression(0) if len(self._tokens) == 1 or self._peek() == "(" else self._call(0)
        if self._at < len(self._tokens):
            self._refuse()
        return found

    def block(self) -> tuple[Call, tuple[str, ...]]:
        """Return what begins a block, and the names between its bars."""
        if not self._tokens or self._tokens[0].kind != "path":
            raise SyntaxFault(self._place, "a block without a name", "write {{#if ...}}")
        call = self._call(0)
        names: list[str] = []
        if self._peek() == "|":
            self._at += 1
            while self._peek() not in {"|", ""}:
                names.append(self._tokens[self._at].text)
                self._at += 1
            if self._peek() != "|":
                raise SyntaxFault(self._place, "the names of a block end with a bar", "write as |item|")
            self._at += 1
        if self._at < len(self._tokens):
            self._refuse()
        return call, tuple(names)

    def _peek(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return "" if token is None else token.text if token.kind in {"sign", "path"} else "value"

    def _refuse(self) -> NoReturn:
        token = self._tokens[self._at]
        raise SyntaxFault(token.place, f"{token.text!r} has no meaning here", "look at the parentheses")

    def _call(self, depth: int) -> Call:
        head = self._tokens[self._at]
        if head.kind != "path":
            raise SyntaxFault(
                head.place, f"{head.text!r} is no helper", f"the helpers are {', '.join(sorted(HELPERS))}"
            )
        self._at += 1
        arguments: list[Expression] = []
        options: dict[str, Expression] = {}
        while self._at < len(self._tokens) and self._peek() not in {")", "|"}:
            token = self._tokens[self._at]
            if self._names_begin():
                self._at += 1
                break
            if token.kind == "key":
                self._at += 1
                options[token.text] = self._expression(depth)
            else:
                arguments.append(self._expression(depth))
        if head.text not in HELPERS and head.text not in BLOCKS:
            hint = f"the helpers are {', '.join(sorted(HELPERS))}"
            raise SyntaxFault(head.place, f"there is no helper {head.text!r}", hint)
        return Call(head.text, tuple(arguments), options, head.place)

    def _names_begin(self) -> bool:
        here = [(token.kind, token.text) for token in self._tokens[self._at : self._at + 2]]
        return here == [("path", "as"), ("sign", "|")]

    def _expression(self, depth: int) -> Expression:
        if depth > DEPTH_LIMIT:
            raise SyntaxFault(self._place, "too many parentheses within one another", "write it simpler")
        if self._at >= len(self._tokens):
            raise SyntaxFault(self._place, "a value is missing", "write it behind the =")
        token = self._tokens[self._at]
        if token.text == "(" and token.kind == "sign":
            self._at += 1
            if self._at >= len(self._tokens) or self._peek() == ")":
                raise SyntaxFault(token.place, "parentheses with nothing in them", "write a helper and its arguments")
            call = self._call(depth + 1)
            if self._peek() != ")":
                raise SyntaxFault(token.place, "this parenthesis has no end", "write )")
            self._at += 1
            return call
        if token.kind == "sign":
            self._refuse()
        self._at += 1
        return _value(token)


def _value(token: _Token) -> Expression:
    if token.kind == "string":
        text = re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), token.text[1:-1], flags=re.DOTALL)
        return Literal(text, token.place)
    if token.kind == "number":
        if len(token.text) > LONGEST_NUMBER:
            raise SyntaxFault(token.place, f"a number of {len(token.text)} digits", "write a shorter one")
        return Literal(float(token.text) if "." in token.text else int(token.text), token.place)
    if token.kind == "key":
        raise SyntaxFault(token.place, f"{token.text}= is no value", "write options behind the arguments")
    if token.text in _WORDS:
        return Literal(_WORDS[token.text], token.place)
    return _path(token)


def _path(token: _Token) -> Path:
    rest = token.text
    is_local = rest.startswith("@")
    rest = rest[1:] if is_local else rest
    up = 0
    while rest.startswith("../") or rest == "..":
        up += 1
        rest = rest[3:]
    is_explicit = rest.startswith(("this", "./", ".")) and re.match(r"(this|\.)(?=[./\[]|$)|\./", rest) is not None
    if is_explicit:
        rest = rest.removeprefix("this") if rest.startswith("this") else rest[1:]
        rest = rest.lstrip("./")
    parts = tuple(match[1] if match[1] is not None else match[2] for match in _PART.finditer(rest))
    if not parts and not is_explicit and not up:
        raise SyntaxFault(token.place, f"{token.text!r} names nothing", "write the name of a variable")
    return Path(token.text, up, is_local, is_explicit, parts, token.place)
