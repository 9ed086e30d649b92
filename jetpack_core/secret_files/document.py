# SPDX-License-Identifier: GPL-3.0-or-later
"""Change single values of a YAML document; whatever is not changed keeps its bytes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.content.files import read_bytes, shown
from jetpack_core.content.problems import Problems, suggest
from jetpack_core.content.yaml import parse
from jetpack_core.errors import ContentError, UsageError
from jetpack_core.records import Position
from jetpack_core.secret_files import styles
from jetpack_core.secret_files.spans import AGE_TAG, Container, Keys, Spans, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STEP: Final = 2
_BREAK: Final = re.compile("\r\n|\n|\r")


class Document:
    """A YAML file with its values; the text is never written again as a whole.

    Raises ContentError where the text is not good YAML.

    :param file: the name for messages.
    :param clear: it holds secrets in clear, so that no line of it may be shown.
    """

    def __init__(self, content: bytes, file: str, *, clear: bool = False) -> None:
        problems = Problems()
        node = parse(content, file, problems)
        try:
            problems.raise_if_any()
        except ContentError as error:
            if clear:
                raise ContentError(replace(one, source_line="") for one in error.problems) from None
            raise
        self.file = file
        self.text = content.decode("utf-8")
        self.newline = "\r\n" if "\r\n" in self.text else "\n"
        self.empty = node is None
        spans = Spans(self.text)
        self.values = {value.keys: value for value in spans.values}
        self.containers = {one.keys: one for one in spans.containers}

    @property
    def sealed(self) -> Iterator[Value]:
        """Yield the values that are tagged as encrypted, from top to bottom."""
        return (value for value in self.values.values() if value.sealed)

    def position(self, value: Value) -> Position:
        """Return where a value begins."""
        return Position(self.file, value.line, value.start_column)

    def place(self, at: int) -> Position:
        """Return the line and column of a character."""
        before = _BREAK.split(self.text[:at])
        return Position(self.file, len(before), len(before[-1]) + 1)

    def under(self, keys: Keys) -> list[Value]:
        """Return the value at some keys, or all values below them. Raises UsageError where there is nothing."""
        found = [value for value in self.values.values() if value.keys[: len(keys)] == keys]
        if not found and keys not in self.containers:
            known = sorted({shown_keys(one[: len(keys)]) for one in self.values if len(one) >= len(keys)})
            raise UsageError(f"{self.file} has no key {shown_keys(keys)}", hint=suggest(shown_keys(keys), known))
        return found

    def keys(self, path: str) -> Keys:
        """Return the keys that a dotted path means in this document: numbers are places in lists only where one is."""
        keys: Keys = ()
        for part in split_path(path):
            outer = self.containers.get(keys)
            in_list = outer is not None and not outer.mapping
            if in_list and not part.isdecimal():
                raise UsageError(f"{shown_keys(keys)} in {self.file} is a list, and {part!r} is no number")
            keys = (*keys, int(part) if in_list else part)
        return keys

    def with_sealed(self, armors: Mapping[Keys, str]) -> str:
        """Return the text with some values replaced by encrypted ones."""
        return self._replaced({keys: self._armored(self.values[keys], armor) for keys, armor in armors.items()})

    def with_clear(self, texts: Mapping[Keys, str], *, tagged: bool) -> str:
        """Return the text with some values in clear.

        :param tagged: keep their tags, so that what is to be encrypted stays known.
        """
        return self._replaced(
            {keys: self._clear(self.values[keys], text, tagged=tagged) for keys, text in texts.items()}
        )

    def with_kept(self, armors: Mapping[Keys, str], other: Document, kept: Mapping[Keys, Keys]) -> str:
        """Return the text with new encrypted values, and others as another document writes them.

        :param kept: the keys here and the keys there.
        """
        texts = {}
        for keys, armor in armors.items():
            value, before = self.values[keys], other.values.get(keys)
            like = before is not None and before.block and before.column == value.column
            texts[keys] = self._armored(value, armor, other._indent(before) if before and like else "")
        for keys, origin in kept.items():
            texts[keys] = self._as_in(self.values[keys], other, other.values[origin])
        return self._replaced(texts)

    def _replaced(self, texts: Mapping[Keys, str]) -> str:
        out = []
        at = 0
        for keys in sorted(texts, key=lambda keys: self.values[keys].start):
            value = self.values[keys]
            between = self.text[at : value.start]
            # `key:` without a value is followed by nothing, and a value needs a blank before it.
            blank = " " if value.start == value.end and value.start and self.text[value.start - 1] in ":-" else ""
            out += [between, blank, texts[keys]]
            at = value.region_end
        return "".join([*out, self.text[at:]])

    def _armored(self, value: Value, armor: str, indent: str = "") -> str:
        return _joined(_with_tag(value.properties), self._ciphertext(value, armor, indent))

    def _ciphertext(self, value: Value, armor: str, indent: str) -> str:
        if value.flow:
            return styles.quoted(armor)
        indent = indent or self._indent(value)
        lines = [indent + line for line in armor.splitlines()]
        return self.newline.join([f"|{value.comment}", *lines])

    def _indent(self, value: Value) -> str:
        """Return the blanks before the lines of a block: those it has, or a step more than what is around it."""
        if value.block:
            for line in _BREAK.split(self.text[value.body : value.end])[1:]:
                if line.strip():
                    return line[: len(line) - len(line.lstrip(" "))]
        return " " * (max(value.column, 0) + _STEP)

    def _clear(self, value: Value, text: str, *, tagged: bool) -> str:
        properties = value.properties if tagged else tuple(one for one in value.properties if one[0] == "&")
        shape = None if value.flow else styles.block(text)
        # A block at the end of a file without a line end cannot say that its text has one.
        if shape is None or (shape[0] == "|" and value.region_end == len(self.text)):
            return _joined(properties, styles.inline(text, tagged=tagged)) + value.comment
        header, lines = shape
        indent = " " * (max(value.column, 0) + _STEP)
        body = [indent + line if line else "" for line in lines]
        return _joined(properties, self.newline.join([header + value.comment, *body]))

    def _as_in(self, value: Value, other: Document, origin: Value) -> str:
        """Return an encrypted value with the very characters it has in another document, where they fit."""
        verbatim = other.text[origin.start : origin.region_end]
        if value.flow == origin.flow and self.newline == other.newline and not _must_move(value, other, origin):
            if value.properties == origin.properties and value.comment == origin.comment:
                return verbatim
            if origin.block:
                lines = other.text[origin.body : origin.end].split(other.newline)[1:]
                return _joined(value.properties, other.newline.join([f"|{value.comment}", *lines]))
        return self._armored(value, origin.text)

    def with_new(self, keys: Keys, armor: str) -> str:
        """Return the text with an encrypted value at keys that it does not have.

        Raises UsageError where something else is in the way.
        """
        text = self._with_new(keys, armor)
        try:
            found = Document(text.encode(), self.file).values.get(keys)
        except ContentError:
            found = None
        if found is None or found.text.strip() != armor.strip():
            where = f"{shown_keys(keys)} cannot be added to {self.file}"
            raise UsageError(where, hint="add the key with `jetpack secrets edit`, and `!age` before its value")
        return text

    def _with_new(self, keys: Keys, armor: str) -> str:
        if self.empty:
            return self._ended() + self._nested(keys, armor, 0)
        depth = next(depth for depth in range(len(keys) - 1, -2, -1) if self._known(keys[:depth], depth))
        outer = self.containers.get(keys[:depth])
        if outer is None:
            return self._below_nothing(self.values[keys[:depth]], keys[depth:], armor)
        if not outer.mapping:
            raise UsageError(f"{shown_keys(outer.keys)} in {self.file} is a list, and has no item {keys[depth]}")
        if outer.flow:
            return self._in_braces(outer, keys[depth:], armor)
        at = self._line_end(outer.end)
        head = self.text[:at] + ("" if self.text[:at].endswith(("\n", "\r")) else self.newline)
        return head + self._nested(keys[depth:], armor, outer.column) + self.text[at:]

    def _known(self, keys: Keys, depth: int) -> bool:
        if depth < 0:
            raise UsageError(f"{self.file} is no mapping", hint="only mappings get new keys")
        return keys in self.containers or keys in self.values

    def _ended(self) -> str:
        return self.text if not self.text or self.text.endswith(("\n", "\r")) else self.text + self.newline

    def _line_end(self, at: int) -> int:
        match = _BREAK.search(self.text, at)
        return match.end() if match else len(self.text)

    def _nested(self, keys: Keys, armor: str, column: int) -> str:
        lines = []
        for depth, key in enumerate(keys):
            lines.append(" " * (column + depth * _STEP) + styles.inline(str(key), tagged=False) + ":")
        lines[-1] += f" {AGE_TAG} |"
        indent = " " * (column + len(keys) * _STEP)
        return self.newline.join([*lines, *(indent + line for line in armor.splitlines()), ""])

    def _below_nothing(self, value: Value, keys: Keys, armor: str) -> str:
        """Give a key that has no value a mapping."""
        if not value.plain or value.tag is not None or value.text not in {"", "~", "null", "Null", "NULL"}:
            raise UsageError(
                f"{self.position(value)}: {shown_keys(value.keys)} is a value already, and cannot have keys below it"
            )
        if value.flow:
            inner = "".join(f"{{{styles.inline(str(key), tagged=False)}: " for key in keys)
            new = f" {inner}{AGE_TAG} {styles.quoted(armor)}{'}' * len(keys)}"
            return self.text[: value.start] + new + self.text[value.end :]
        new = value.comment.rstrip() + self.newline + self._nested(keys, armor, max(value.column, 0) + _STEP)
        rest = self.text[value.region_end :]
        rest = rest.removeprefix("\r").removeprefix("\n")
        return self.text[: value.start].rstrip(" ") + new + rest

    def _in_braces(self, outer: Container, keys: Keys, armor: str) -> str:
        inner = "".join(f"{styles.inline(str(key), tagged=False)}: {{" for key in keys[:-1])
        last = f"{styles.inline(str(keys[-1]), tagged=False)}: {AGE_TAG} {styles.quoted(armor)}"
        new = inner + last + "}" * (len(keys) - 1)
        at = outer.end - 1 if outer.empty else outer.inner_end
        return f"{self.text[:at]}{'' if outer.empty else ', '}{new}{self.text[at:]}"


def _must_move(value: Value, other: Document, origin: Value) -> bool:
    """Tell whether an encrypted block would stand too far left in its new place."""
    return origin.block and len(other._indent(origin)) <= max(value.column, 0)  # noqa: SLF001 - of the same class


def _with_tag(properties: tuple[str, ...]) -> tuple[str, ...]:
    anchors = tuple(one for one in properties if one[0] == "&")
    return (*anchors, AGE_TAG)


def _joined(properties: tuple[str, ...], body: str) -> str:
    return " ".join([*properties, body] if body else properties)


def read_document(file: Path) -> Document:
    """Read a YAML file. Raises ContentError with all its problems."""
    problems = Problems()
    content = read_bytes(file, problems)
    problems.raise_if_any()
    return Document(content or b"", shown(file))


def split_path(path: str) -> list[str]:
    """Return the parts of a dotted path; a backslash before a dot keeps it part of a key.

    Raises UsageError where a part is empty.
    """
    parts = [part.replace("\0", ".") for part in path.replace("\\.", "\0").split(".")]
    if not all(parts):
        raise UsageError(f"{path!r} is no way to a value", hint="write keys with dots between: db.password")
    return parts


def shown_keys(keys: Keys) -> str:
    """Return keys as a dotted path."""
    return ".".join(str(key).replace(".", "\\.") for key in keys) or "the whole document"
