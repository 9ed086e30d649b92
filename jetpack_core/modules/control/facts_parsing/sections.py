# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the sections that gather.sh prints; every parser here takes text and never fails on odd input."""

from __future__ import annotations

from collections.abc import Mapping

Sections = Mapping[str, str]
"""The text below each heading, without the newlines around it."""

Facts = dict[str, object]


def split_sections(said: str, mark: str) -> dict[str, str]:
    """Split the output at the lines that start with `mark`; what stands before the first is dropped."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in said.split("\n"):
        if line.startswith(f"{mark} "):
            lines = found.setdefault(line[len(mark) + 1 :], [])
        else:
            lines.append(line)
    return {heading: "\n".join(below).strip("\n") for heading, below in found.items()}


def lines_of(sections: Sections, heading: str) -> list[str]:
    """Return the lines of a section without the blank ones; none when it is missing."""
    return [line for line in sections.get(heading, "").split("\n") if line.strip()]


def line_of(sections: Sections, heading: str) -> str | None:
    """Return the first line of a section, or None."""
    lines = lines_of(sections, heading)
    return lines[0].strip() if lines else None


def number(text: str | None) -> int | None:
    """Return a whole number that is not negative, or None for anything else."""
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < _DIGITS else None


_DIGITS = 20
