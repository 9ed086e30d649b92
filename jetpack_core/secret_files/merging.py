# SPDX-License-Identifier: GPL-3.0-or-later
"""Merge two changed versions of a file with secrets by what its values say, not by how they are encrypted."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jetpack_core.errors import UsageError
from jetpack_core.secret_files.document import Document
from jetpack_core.secret_files.keeper import Keeper, Opened
from jetpack_core.secret_files.spans import Keys

_SIDES: Final = ("base", "ours", "theirs")
_MOST_CONFLICTS: Final = 127


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge."""

    content: bytes
    conflicts: bool


@dataclass(frozen=True, slots=True)
class _Side:
    document: Document
    clear: Mapping[Keys, Opened] = field(repr=False)

    def text(self, keys: Keys) -> str | None:
        opened = self.clear.get(keys)
        return opened.text if opened else None


def merge_values(keeper: Keeper, contents: Mapping[str, bytes], file: Path, folder: Path) -> Merged:
    """Merge three versions of a YAML file. No clear text is written anywhere.

    Raises ContentError where one of them cannot be read.

    :param contents: `base`, `ours` and `theirs`.
    :param file: where the file belongs.
    :param folder: for temporary files.
    """
    sides = {}
    for name in _SIDES:
        document = Document(contents[name], f"{file} ({name})")
        sides[name] = _Side(document, keeper.open_all(document, file, anywhere=True))
    tokens = _Tokens(sides)
    texts = {name: tokens.written(name).encode() for name in _SIDES}
    merged = merge_texts(texts, folder)
    return Merged(tokens.resolved(merged.content.decode()).encode(), merged.conflicts)


class _Tokens:
    """Stands one word for each encrypted value while lines are merged; equal words are equal secrets."""

    def __init__(self, sides: Mapping[str, _Side]) -> None:
        self._sides = sides
        self._salt = secrets.token_hex(8)
        self._verbatim: dict[str, tuple[str, str]] = {}
        """What stands for a word: before the comment of its line, and behind it."""

    def written(self, name: str) -> str:
        """Return a side's text with words in the place of its encrypted values."""
        side = self._sides[name]
        document = side.document
        out, at = [], 0
        for value in sorted((document.values[keys] for keys in side.clear), key=lambda value: value.start):
            origin = self._chosen(name, value.keys)
            out += [document.text[at : value.start], self._word(origin, value.keys), value.comment]
            at = value.region_end
        return "".join([*out, document.text[at:]])

    def _chosen(self, name: str, keys: Keys) -> str:
        """Return the side whose ciphertext stands for a value on a side.

        A value that only one side changed is taken from there on all three, so that the lines around it, which
        the other side may have changed, do not conflict with it.
        """
        base, ours, theirs = (self._sides[one].text(keys) for one in _SIDES)
        if base is None:
            return "ours" if name == "theirs" and ours == theirs else name
        if ours is None or theirs is None:
            # Taken away on one side: no conflict with a side that only encrypted it anew.
            left = "theirs" if ours is None else "ours"
            return left if base == self._sides[left].text(keys) else name
        if ours == theirs:
            return self._newer(keys)
        if ours == base:
            return "theirs"
        return "ours" if theirs == base else name

    def _newer(self, keys: Keys) -> str:
        """Return the side that has another ciphertext than before, for a value that says the same on both."""
        base, ours = (self._sides[one].document.values[keys].text for one in ("base", "ours"))
        return "theirs" if base == ours else "ours"

    def _word(self, name: str, keys: Keys) -> str:
        document = self._sides[name].document
        value = document.values[keys]
        text = document.text[value.start : value.end]
        # The comment of a block's first line stands in the middle of the block.
        head, mark, lines = text.partition(document.newline) if value.block else (text, "", "")
        parts = (head.removesuffix(value.comment) if value.block else head, mark + lines)
        word = next((word for word, known in self._verbatim.items() if known == parts), None)
        if word is None:
            word = f"jetpack-{self._salt}-{len(self._verbatim)}-"
            self._verbatim[word] = parts
        return word

    def resolved(self, text: str) -> str:
        """Return a merged text with the encrypted values in the place of their words."""

        def value(match: re.Match[str]) -> str:
            head, lines = self._verbatim[match[1]]
            return head + match[2] + lines

        return re.sub(f"(jetpack-{self._salt}-[0-9]+-)((?:[ \t]+#[^\r\n]*)?)", value, text)


def merge_texts(contents: Mapping[str, bytes], folder: Path) -> Merged:
    """Merge three versions line by line, as git does. Raises UsageError where git is missing or refuses.

    :param folder: for temporary files, which are left there.
    """
    files = []
    for name in ("ours", "base", "theirs"):
        (folder / name).write_bytes(contents[name])
        files.append(str(folder / name))
    words = ["git", "merge-file", "-p", "-L", "ours", "-L", "base", "-L", "theirs", *files]
    try:
        done = subprocess.run(words, capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"git cannot be run: {error.strerror}", hint="install git") from None
    if done.returncode > _MOST_CONFLICTS:
        raise UsageError(f"git merge-file: {done.stderr.decode('utf-8', 'replace').strip()}")
    return Merged(done.stdout, done.returncode != 0)
