# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect what is wrong in content files, so that all of it is reported at once."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence, Source
from jetpack_core.errors import ContentError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jetpack_core.records import Position
    from jetpack_core.secrets.vault import Vault

_EXCERPT_LIMIT: Final = 16 * 1024 * 1024
_LISTED: Final = 16


class Problems:
    """A growing list of problems, in the order of files and lines.

    :param vault: Opens the encrypted files and values among those that are read; without one, none can be.
    """

    def __init__(self, vault: Vault | None = None) -> None:
        self._vault = vault
        self._found: dict[Problem, None] = {}
        self._sources: dict[str, Source] = {}
        self._concealed: set[tuple[str, int]] = set()
        self._twins: dict[int, list[Node]] = {}

    def __len__(self) -> int:
        return len(self._found)

    @property
    def vault(self) -> Vault:
        """Return what opens encrypted files and values."""
        if self._vault is None:
            from jetpack_core.secrets.vault import Vault

            self._vault = Vault()
        return self._vault

    def register(self, source: Source) -> None:
        """Make a file's lines known, to show them."""
        self._sources[source.file] = source

    def add(
        self,
        where: Node | Position,
        message: str,
        hint: str = "",
        *,
        code: str = "invalid-content",
        hidden: bool = False,
    ) -> None:
        """Note a problem; the same one twice counts once.

        :param code: The short name of its kind.
        :param hidden: The line may not be shown, as a secret stands in it.
        """
        if isinstance(where, Node):
            self._sources.setdefault(where.source.file, where.source)
            where = where.position
        line = "" if hidden else self._source(where.file).line(where.line)
        self._found[Problem(where, message, hint, line, code)] = None

    def conceal(self, node: Node) -> None:
        """See that the lines of a value that should be secret are shown with no problem, whatever it is."""
        for twin in self._twins.pop(id(node), ()):
            self.conceal(twin)
        if isinstance(node, Scalar):
            first = node.position
            lines = range(first.line, first.line + len(node.text.splitlines()) + 1)
            # What stands on one line is told from what goes on below it, so that no other excerpt is lost.
            one = "\n" not in node.text and node.text in self._line_of(node)
            self._concealed |= {(first.file, line) for line in (lines[:1] if one else lines)}
            return
        inner = [value for _, value in node.pairs] if isinstance(node, Mapping) else []
        for value in node.items if isinstance(node, Sequence) else inner:
            self.conceal(value)

    def conceal_with(self, node: Node, twin: Node) -> None:
        """Note a value that is dropped in favour of another of the same key, and is as secret as that one."""
        self._twins.setdefault(id(node), []).append(twin)

    def _line_of(self, node: Node) -> str:
        return node.source.line(node.position.line)

    def extend(self, error: ContentError) -> None:
        """Take over what another load found."""
        for problem in error.problems:
            self._sources.setdefault(problem.position.file, Source(problem.position.file, ""))
            self._found[problem] = None

    def raise_if_any(self) -> None:
        """Raise ContentError with everything noted, file by file from top to bottom."""
        if self._found:
            order = {file: number for number, file in enumerate(self._sources)}
            found = sorted(self._found, key=lambda problem: _place(problem, order))
            raise ContentError(map(self._without_secrets, found))

    def _without_secrets(self, problem: Problem) -> Problem:
        place = (problem.position.file, problem.position.line)
        return replace(problem, source_line="") if place in self._concealed else problem

    def _source(self, file: str) -> Source:
        if file not in self._sources:
            self._sources[file] = Source(file, _text_of(Path(file)))
        return self._sources[file]


def _place(problem: Problem, order: dict[str, int]) -> tuple[int, int, int]:
    position = problem.position
    return order[position.file], position.line, position.column


def _text_of(path: Path) -> str:
    """Return a file's text for excerpts; empty when it cannot be shown."""
    try:
        if not path.is_file() or path.stat().st_size > _EXCERPT_LIMIT:
            return ""
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name that was most likely meant by one that does not exist, or None."""
    return next(iter(difflib.get_close_matches(name.lower(), sorted(known), n=1)), None)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the hint for a name that does not exist: the nearest one that does, or all of a few."""
    names = sorted(known)
    near = nearest(name, names)
    if near:
        return f"did you mean `{near}`?"
    return f"known here: {', '.join(names)}" if 0 < len(names) <= _LISTED else ""


def twice(key: str, first: Position) -> tuple[str, str]:
    """Return message and hint for a key that was there before."""
    return f"the key {key!r} is there twice", f"the first is in line {first.line}"
