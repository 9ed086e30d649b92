# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads documents as their readers do: files are written, commands typed, and what they print compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ANYTHING: Final = "..."
"""A line of printed text that stands for any number of lines."""
_BLOCK: Final = re.compile(
    r"^```(?P<language>[\w-]+) ?(?P<note>[^\n]*)\n(?P<text>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL
)
_MEASURED: Final = re.compile(r"\b\d+(\.\d+)? ?m?s\b|\b\d+(?= passed)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, what else stands on its first line, and its text."""

    language: str
    note: str
    text: str


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of a document that name a language."""
    return blocks_of(document.read_text(encoding="utf-8"))


def blocks_of(text: str) -> list[Block]:
    """Return the fenced blocks of a text that name a language."""
    found = _BLOCK.finditer(text)
    return [Block(one["language"], one["note"].strip(), one["text"]) for one in found]


def calls(text: str) -> Iterator[tuple[str, str]]:
    """Split a console block into commands and what they print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        while command.endswith("\\"):
            more, _, printed = printed.partition("\n")
            command = f"{command}\n{more}"
        yield command, printed


def plain(text: str) -> str:
    """Return printed text without what differs from run to run."""
    return re.sub(r"[ \t]+$", "", _MEASURED.sub("SOME", text), flags=re.MULTILINE)


def agrees(shown: str, said: str) -> bool:
    """Tell whether a command printed what a document shows."""
    lines = ["(.*\n)*" if line == ANYTHING else f"{re.escape(line)}\n" for line in plain(shown).splitlines()]
    return re.fullmatch("".join(lines), plain(said)) is not None
