# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables: files of them are edited in place, so that comments and order stay; maps within plays are written anew."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence
from jetpack_core.content.scalars import plain_scalar
from jetpack_core.conversion import names
from jetpack_core.conversion.arguments import plain
from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.loops import literal
from jetpack_core.conversion.origin import comments_above, last_line
from jetpack_core.conversion.writing import Tagged, comment, lines_of, scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.conversion.desk import Desk

_BOOLEANS: Final = {
    **dict.fromkeys(("yes", "Yes", "YES", "on", "On", "ON"), "true"),
    **dict.fromkeys(("no", "No", "NO", "off", "Off", "OFF"), "false"),
}
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_VAULT_HINT: Final = "run `jetpack secrets import-vault`, see docs/how-to/migrate-from-ansible-vault-and-sops.md"
_TEMPLATE_HINT: Final = "write it with !set in a play, or the expression where the variable is used"


def edited(root: Node, desk: Desk) -> str:
    """Return the text of a file of variables, edited for Jetpack."""
    source = root.source
    lines = source.text.splitlines()
    if not isinstance(root, Mapping):
        return source.text
    for key, value in reversed(root.pairs):
        _edit_variable(lines, key, value, desk)
    return "\n".join(lines) + "\n"


def _edit_variable(lines: list[str], key: Scalar, value: Node, desk: Desk) -> None:
    what = f"variable {key.text!r}"
    gone = names.CONNECTION_GONE.get(key.text)
    if gone is not None:
        _comment_out(lines, key)
        note = desk.ledger.look if gone.startswith("nothing") else desk.ledger.left
        note(key.position, what, "there is no such connection variable", gone)
        return
    if _templates_in(value):
        _comment_out(lines, key)
        desk.ledger.left(key.position, what, "values of variables are not rendered as templates", _TEMPLATE_HINT)
        return
    for node, edit in reversed(list(_edits(value, desk, what))):
        _replace(lines, node, *edit)
    if key.text in desk.shared and isinstance(value, Sequence | Mapping) and value.tag is None:
        number = key.position.line - 1
        end = lines[number].index(":", key.mark.column + len(key.text))
        lines[number] = f"{lines[number][: end + 1]} !replace{lines[number][end + 1 :]}"
    if key.text in names.CONNECTION:
        _replace(lines, key, key.text, names.CONNECTION[key.text])


def _edits(node: Node, desk: Desk, what: str) -> Iterator[tuple[Node, tuple[str, str]]]:
    """Yield the scalars to change with the old and the new text, in the order of the file."""
    if node.tag == "!vault":
        desk.ledger.left(node.position, what, "it is encrypted with ansible-vault", _VAULT_HINT)
    elif isinstance(node, Scalar):
        if node.tag == "!unsafe":
            yield node, ("!unsafe ", "")
        elif node.plain and node.tag is None and node.text in _BOOLEANS:
            yield node, (node.text, _BOOLEANS[node.text])
    elif isinstance(node, Mapping):
        for key, value in node.pairs:
            if key.plain and not isinstance(plain_scalar(key.text), str):
                yield key, (key.text, f"'{key.text}'")
            yield from _edits(value, desk, what)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _edits(item, desk, what)


def _replace(lines: list[str], node: Node, old: str, new: str) -> None:
    number, column = node.position.line - 1, node.mark.column
    line = lines[number]
    if line.startswith(old, column):
        lines[number] = line[:column] + new + line[column + len(old) :]


def _comment_out(lines: list[str], key: Scalar) -> None:
    first = key.position.line
    for number in range(first - 1, last_line(key.source, first, key.mark.column)):
        lines[number] = f"# NOT CONVERTED: {lines[number]}" if number == first - 1 else f"# {lines[number]}".rstrip()


def _templates_in(node: Node) -> bool:
    if isinstance(node, Scalar):
        return node.tag not in {"!unsafe", "!vault"} and ("{{" in node.text or "{%" in node.text)
    if isinstance(node, Mapping):
        return any(_templates_in(value) for _, value in node.pairs)
    return isinstance(node, Sequence) and any(map(_templates_in, node.items))


class Variables:
    """The variables of a play or role: those that are data, and those that must be computed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._entries: dict[str, list[str]] = {}
        self._computed: dict[str, object] = {}
        self._comments: dict[str, list[str]] = {}
        self._defaults: set[str] = set()

    def add(self, node: Node | None, *, defaults: bool = False, replaces: bool = False) -> None:
        """Take the variables of a map.

        :param defaults: whether they give way to those of the inventory.
        :param replaces: whether lists are not to be joined with those of lower layers.
        """
        if not isinstance(node, Mapping):
            return
        for key, value in node.pairs:
            self._entries.pop(key.text, None)
            self._computed.pop(key.text, None)
            self._add(key, value, defaults=defaults, replaces=replaces)

    def _add(self, key: Scalar, value: Node, *, defaults: bool, replaces: bool) -> None:
        above = comments_above(key.source, key.position.line)
        try:
            data = plain(value)
            if _templates_in(value):
                literal(data, self._desk.rewriter)
                self._computed[key.text] = data
                self._comments[key.text] = above
                if defaults:
                    self._defaults.add(key.text)
                return
        except Refused as refusal:
            hint = _VAULT_HINT if value.tag == "!vault" else refusal.instead
            self._desk.ledger.left(key.position, f"variable {key.text!r}", refusal.why, hint)
            lines = _source_of(key)
            self._entries[key.text] = [*above, *comment(f"NOT CONVERTED: {refusal.why}", 0), *comment(lines, 0)]
            return
        shown: object = data
        if replaces and key.text in self._desk.shared and isinstance(data, list | dict):
            shown = Tagged("!replace", data)
        self._entries[key.text] = [*above, *lines_of({key.text: shown})]

    def lines(self) -> list[str]:
        """Return those that are data."""
        found = [line for lines in self._entries.values() for line in lines]
        if found and all(line.startswith("#") for line in found):
            return [*found, "{}"]
        return found

    def sets(self) -> list[str]:
        """Return tasks that compute the others, each after those it mentions."""
        lines: list[str] = []
        pending = dict(self._computed)
        while pending:
            ready = {name: value for name, value in pending.items() if not _mentioned(value) & (set(pending) - {name})}
            for name in ready or pending:
                lines += self._set(name, pending[name])
            pending = {name: value for name, value in pending.items() if ready and name not in ready}
        return lines

    def _set(self, name: str, value: object) -> list[str]:
        rewriter = self._desk.rewriter
        if name in self._defaults:
            text = literal(value, rewriter)
            bare = text[1:-1] if isinstance(value, str) and text.startswith("(") else text
            shown: object = f"{{{{ {name} | default({bare}) }}}}"
        elif isinstance(value, str):
            shown = rewriter.template(value)
        else:
            shown = f"{{{{ {literal(value, rewriter)} }}}}"
        return [
            *self._comments[name],
            "- !set",
            *lines_of({"name": f"the variable {name}", "vars": {name: shown}, **self._desk.for_all_tags()}, 2),
        ]


def _mentioned(value: object) -> set[str]:
    if isinstance(value, str):
        return set(_NAME.findall(value))
    if isinstance(value, dict):
        return {name for inner in value.values() for name in _mentioned(inner)}
    return {name for inner in value for name in _mentioned(inner)} if isinstance(value, list) else set()


def _source_of(key: Scalar) -> str:
    last = last_line(key.source, key.position.line, key.mark.column)
    return "\n".join(
        key.source.line(number)[key.mark.column :] for number in range(key.position.line, last + 1)
    ) or scalar(key.text)
