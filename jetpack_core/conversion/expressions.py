# SPDX-License-Identifier: GPL-3.0-or-later
"""Rewrite Jinja2 as Ansible has it into Jinja2 as Jetpack has it, token by token, so that all else stays as it is."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final

from jetpack_core.conversion import names
from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.registers import Result, Token, of_result, tested

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

_OPEN: Final = "{{ "
_BARE: Final = re.compile(r"(not )?[A-Za-z_][A-Za-z0-9_.]*(\['[^']*'\])?")
_SINGLE: Final = re.compile(r"\{\{-?(?P<inner>(?:(?!\{\{|\}\}).)*)-?\}\}", re.DOTALL)
_SURE: Final = (".exists", ".is_dir", ".is_file", ".is_link")
"""What is true or false for sure."""
_WORD_OPERATORS: Final = frozenset({"not", "and", "or", "in", "is", "if", "else", "true", "false", "none", "recursive"})


@dataclass(frozen=True)
class Rewriter:
    """Rewrites the templates and expressions of one place.

    Whatever has no counterpart raises Refused.
    """

    results: Mapping[str, Result] = field(default_factory=dict)
    """What tasks register, by name."""
    bindings: Mapping[str, str] = field(default_factory=dict)
    """Names that stand for an expression here: variables of a task, and those of loops."""
    is_file: bool = False
    """Whether it is a file of templates, which Ansible reads a little differently from playbooks."""

    def template(self, text: str) -> str:
        """Rewrite text with templates in it."""
        if "{{" not in text and "{%" not in text and "{#" not in text:
            return text
        return "".join(token.text for token in self._rewritten(self._read(text)))

    def expression(self, text: str) -> str:
        """Rewrite an expression, such as that of `when`."""
        inner = _SINGLE.fullmatch(text.strip())
        text = inner["inner"].strip() if inner else text.strip()
        if "{{" in text:
            raise Refused("there is a template within the expression", "write the variable without braces")
        inside = f"{_OPEN}{text} }}}}"
        # What stands without braces, such as that of `when`, is plain Jinja2 for Ansible as well.
        tokens = self._rewritten(self._read(inside) if inner else _tokens(inside))
        return "".join(token.text for token in tokens[1:-1]).strip()

    def condition(self, text: str) -> str:
        """Rewrite an expression that must be true or false; one that is a mere name is read as Ansible reads it."""
        done = self.expression(text)
        if _BARE.fullmatch(done) and not done.endswith(_SURE) and done not in {"true", "false", "True", "False"}:
            negated = done.startswith("not ")
            return f"{'not ' if negated else ''}({done.removeprefix('not ')} | bool)"
        return done

    def value(self, text: str) -> str:
        """Return the expression that gives what a text with templates would be."""
        inner = _SINGLE.fullmatch(text.strip())
        if inner:
            return f"({self.expression(text)})"
        if "{%" in text or "{#" in text:
            raise Refused("a template with statements is no expression", "write it where it is used")
        parts, place = [], 0
        for match in _SINGLE.finditer(text):
            parts += [repr(text[place : match.start()])] if match.start() > place else []
            inside = self.expression(match[0])
            parts.append(inside if inside.isidentifier() else f"({inside})")
            place = match.end()
        parts += [repr(text[place:])] if place < len(text) or not parts else []
        return f"({' ~ '.join(parts)})" if len(parts) > 1 else parts[0]

    def _read(self, text: str) -> list[Token]:
        """Return the tokens of a template; in playbooks, a backslash in a text within {{ }} is one for Ansible."""
        tokens = _tokens(text)
        is_inside = False
        for token in [] if self.is_file else tokens:
            is_inside = (is_inside or token.kind == "variable_begin") and token.kind != "variable_end"
            if is_inside and token.kind == "string":
                token.text = token.text.replace("\\", "\\\\")
        return tokens

    def _rewritten(self, tokens: list[Token]) -> list[Token]:
        _map_compared_values(tokens)
        place = 0
        while place < len(tokens):
            place = self._step(tokens, place)
        return tokens

    def _step(self, tokens: list[Token], place: int) -> int:
        token = tokens[place]
        if token.kind == "block_end" and token.text == "%}\n":
            token.text = _untrimmed(tokens, place)
        elif token.kind == "raw_end" and token.text.endswith("%}\n") and token.text[-4] not in "-+":
            token.text = f"{token.text[:-3].rstrip()}\n%}}"
        elif token.kind == "comment_end" and token.text.endswith("#}\n"):
            token.text = "\n#}"
        elif token.kind == "name":
            return self._name(tokens, place)
        return place + 1

    def _name(self, tokens: list[Token], place: int) -> int:
        before = _neighbour(tokens, place, -1)
        after = _neighbour(tokens, place, 1)
        role = _role(tokens, place)
        if role == "filter":
            return _filter(tokens, place)
        if role == "test":
            return self._test(tokens, place)
        text = tokens[place].text
        if before == "." or text.lower() in _WORD_OPERATORS:
            return place + 1
        if after == "=" and before in {"(", ","}:
            return place + 1
        if after == "(" and text in names.FUNCTIONS:
            raise Refused(f"{text}(): {names.FUNCTIONS[text]}", "write the value, or keep it in a variable")
        if text in self.bindings:
            tokens[place].text = self.bindings[text]
            return place + 1
        return self._variable(tokens, place)

    def _variable(self, tokens: list[Token], place: int) -> int:
        text = tokens[place].text
        keys, ends = _chain(tokens, place)
        if text == "ansible_facts" and keys:
            name = keys[0] if keys[0].startswith("ansible_") else f"ansible_{keys[0]}"
            del tokens[place + 1 : ends[0]]
            tokens[place].text = name
            return self._variable(tokens, place)
        if text in self.results:
            return of_result(tokens, place, self.results[text], keys, ends)
        if keys and (text, keys[0]) in names.CHAINS:
            tokens[place].text = names.CHAINS[text, keys[0]]
            del tokens[place + 1 : ends[0]]
        elif text in names.FACTS:
            tokens[place].text = names.FACTS[text]
        elif text in names.GONE:
            why, instead = names.GONE[text]
            raise Refused(f"{text}: {why}", instead)
        elif text == "hostvars":
            _rename_facts_of_others(tokens, place)
        elif text.startswith("ansible_"):
            raise Refused(f"there is no fact for {text}", "see docs/reference/facts.md, or find it out by a command")
        return place + 1

    def _test(self, tokens: list[Token], place: int) -> int:
        _drop_collection(tokens, place)
        name = tokens[place].text
        if name in {"failed", "failure", "success", "succeeded", "changed", "change", "skipped", "skip"}:
            return tested(tokens, place, self.results)
        tokens[place].text = name = names.TESTS.get(name, name)
        if name == "version":
            _rename_operator(tokens, place)
        if name not in _known("tests"):
            raise Refused(f"there is no test `is {name}`", "see docs/reference/filters.md")
        return place + 1


def _tokens(text: str) -> list[Token]:
    from jinja2 import TemplateSyntaxError

    try:
        _environment().parse(text)
        return [Token(kind, str(value)) for _, kind, value in _environment().lex(text)]
    except TemplateSyntaxError as error:
        raise Refused(f"not a template that Jinja2 reads: {error.message}", "correct it") from None


@cache
def _environment() -> Environment:
    """Return Jinja2 with the settings of Ansible."""
    from jinja2 import Environment as Made

    return Made(trim_blocks=True, keep_trailing_newline=True)  # noqa: S701 - nothing is rendered


@cache
def _known(kind: str) -> frozenset[str]:
    from jinja2.filters import FILTERS
    from jinja2.tests import TESTS

    from jetpack_core import builtins

    if kind == "tests":
        return frozenset(TESTS) | {one.name for one in builtins.jetpack_register_tests()}
    return frozenset(FILTERS) | {one.name for one in builtins.jetpack_register_filters()}


def _untrimmed(tokens: list[Token], place: int) -> str:
    """Return the end of a statement so that the line's end behind it is dropped, as Ansible does and Jetpack not."""
    following = tokens[place + 1].text if place + 1 < len(tokens) else ""
    if not following[:1].isspace():
        return "-%}\n"
    # `-%}` would take the blanks of the next line as well; within the statement, the line's end means nothing.
    if tokens[place - 1].kind == "whitespace":
        tokens[place - 1].text = ""
    return "\n%}"


def _neighbour(tokens: list[Token], place: int, step: int) -> str:
    place += step
    while 0 <= place < len(tokens) and tokens[place].kind == "whitespace":
        place += step
    return tokens[place].text if 0 <= place < len(tokens) else ""


def _before(tokens: list[Token], place: int) -> int:
    place -= 1
    while place >= 0 and tokens[place].kind == "whitespace":
        place -= 1
    return place


def _role(tokens: list[Token], place: int) -> str:
    """Tell whether a name is that of a filter or of a test."""
    first = place
    while _neighbour(tokens, first, -1) == ".":
        first = _before(tokens, _before(tokens, first))
    if first != place:
        # A part of a dotted name: the first one is looked at, and takes the others with it.
        return ""
    before = _before(tokens, place)
    if before < 0:
        return ""
    if tokens[before].text == "|":
        return "filter"
    if tokens[before].text == "is" or (tokens[before].text == "not" and _neighbour(tokens, before, -1) == "is"):
        return "test" if tokens[place].text != "not" else ""
    return ""


def _drop_collection(tokens: list[Token], place: int) -> None:
    """Take `ansible.builtin.` from the name of a filter or test."""
    while place + 2 < len(tokens) and tokens[place + 1].text == "." and tokens[place + 2].kind == "name":
        del tokens[place : place + 2]


def _filter(tokens: list[Token], place: int) -> int:
    _drop_collection(tokens, place)
    name = tokens[place].text
    if name == "mandatory":
        # What is missing is an error anyway.
        bar = _before(tokens, place)
        del tokens[bar : place + 1]
        return bar
    new = names.FILTERS.get(name, name)
    base = new.split("(")[0]
    if base not in _known("filters"):
        raise Refused(f"there is no filter {name!r}", "see docs/reference/filters.md")
    if ("(" in new or base == "to_yaml") and _neighbour(tokens, place, 1) == "(":
        raise Refused(f"the filter {name!r} with arguments has no counterpart", f"write {new}")
    if base in {"map", "select", "reject", "selectattr", "rejectattr"}:
        _check_named(tokens, place, base)
    if base == "version":
        _rename_operator(tokens, place)
    tokens[place].text = new
    return place + 1


def _check_named(tokens: list[Token], place: int, base: str) -> None:
    """Raise Refused where a filter is named in text that does not exist, as in map('extract', x)."""
    texts = [token.text[1:-1] for token in tokens[place + 1 : place + 4] if token.kind == "string"]
    if base == "map" and texts and texts[0] not in _known("filters"):
        raise Refused(f"there is no filter {texts[0]!r}", "see docs/reference/filters.md")


def _rename_operator(tokens: list[Token], place: int) -> None:
    for token in tokens[place : place + 8]:
        if token.text == ")":
            break
        if token.kind == "string" and token.text[1:-1] in names.OPERATORS:
            token.text = repr(names.OPERATORS[token.text[1:-1]])


def _chain(tokens: list[Token], place: int) -> tuple[list[str], list[int]]:
    """Return the keys that follow a name as `.key` or `['key']`, and the place behind each."""
    keys: list[str] = []
    ends: list[int] = []
    at = place + 1
    while at + 1 < len(tokens):
        if tokens[at].text == "." and tokens[at + 1].kind == "name":
            keys.append(tokens[at + 1].text)
            at += 2
        elif tokens[at].text == "[" and tokens[at + 1].kind == "string" and tokens[at + 2].text == "]":
            keys.append(str(ast.literal_eval(tokens[at + 1].text)))
            at += 3
        else:
            break
        ends.append(at)
    return keys, ends


def _rename_facts_of_others(tokens: list[Token], place: int) -> None:
    """Rename facts in hostvars[...]; only those that are one name can be."""
    if _neighbour(tokens, place, 1) != "[":
        return
    depth, at = 0, place + 1
    while at < len(tokens):
        depth += {"[": 1, "]": -1}.get(tokens[at].text, 0)
        at += 1
        if depth == 0:
            break
    keys, ends = _chain(tokens, at - 1)
    if keys and keys[0] == "ansible_facts" and len(keys) > 1:
        end, name = ends[1], f"ansible_{keys[1]}"
    elif keys and keys[0].startswith("ansible_"):
        end, name = ends[0], keys[0]
    else:
        return
    new = names.CONNECTION.get(name) or names.FACTS.get(name, "")
    if not new.isidentifier():
        raise Refused(f"there is no fact of another host for {name}", "see docs/reference/facts.md")
    tokens[at:end] = [Token("operator", "."), Token("attribute", new)]


def _map_compared_values(tokens: list[Token]) -> None:
    """Give texts that stand beside a fact the values that Jetpack's fact has."""
    words = {token.text for token in tokens if token.kind == "name"}
    quoted = {token.text[1:-1] for token in tokens if token.kind == "string"}
    for fact, values in names.FACT_VALUES.items():
        short = fact.removeprefix("ansible_")
        if fact in words or ("ansible_facts" in words and short in words | quoted):
            for token in tokens:
                if token.kind == "string" and token.text[1:-1] in values:
                    token.text = repr(values[token.text[1:-1]])
