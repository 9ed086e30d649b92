# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages pacman.conf(5) tells to leave alone; all other bytes of the file stay as they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from jetpack_core.modules.files.document import Document

_IGNORED: Final = re.compile(r"(\s*IgnorePkg\s*=\s*)(.*?)(\s*)")


def with_ignored(document: Document, names: Sequence[str]) -> Document:
    """Return a pacman.conf that leaves some more packages alone, in the line that there is for it, if any."""
    if not names:
        return document
    for index, words in _ignoring(document):
        return document.with_text(index, f"{document.texts[index].rstrip()}{' ' if words else ''}{' '.join(names)}")
    line = f"IgnorePkg = {' '.join(names)}"
    for index, text in enumerate(document.texts):
        if text.strip() == "[options]":
            return _inserted(document, index + 1, [line])
    return _inserted(document, len(document.lines), ["[options]", line])


def _inserted(document: Document, index: int, lines: Sequence[str]) -> Document:
    at_end = index == len(document.lines)
    return replace(document.inserted(index, lines), ends_open=document.ends_open and not at_end)


def without_ignored(document: Document, names: Collection[str]) -> Document:
    """Return a pacman.conf that leaves some packages alone no more."""
    empty = []
    for index, words in _ignoring(document):
        left = [word for word in words if word not in names]
        if left == words:
            continue
        match = _IGNORED.fullmatch(document.texts[index])
        if match is not None and left:
            document = document.with_text(index, f"{match[1]}{' '.join(left)}{match[3]}")
        else:
            empty.append(index)
    return document.without(empty)


def ignored(document: Document) -> set[str]:
    """Return the names and patterns that a pacman.conf itself, without what it includes, leaves alone."""
    return {word for _, words in _ignoring(document) for word in words}


def _ignoring(document: Document) -> Iterator[tuple[int, list[str]]]:
    section = ""
    for index, text in enumerate(document.texts):
        if text.strip().startswith("["):
            section = text.strip()
        match = _IGNORED.fullmatch(text)
        if section == "[options]" and match is not None:
            yield index, match[2].split()
