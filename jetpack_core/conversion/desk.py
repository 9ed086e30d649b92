# SPDX-License-Identifier: GPL-3.0-or-later
"""What all parts of one conversion share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jetpack_core.content.compose import parse
from jetpack_core.content.files import read_bytes
from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence
from jetpack_core.content.problems import Problems
from jetpack_core.conversion import keywords
from jetpack_core.conversion.arguments import split_pairs
from jetpack_core.conversion.expressions import Rewriter
from jetpack_core.conversion.ledger import Ledger
from jetpack_core.conversion.loops import loop_key
from jetpack_core.conversion.registers import Result, kind_of
from jetpack_core.conversion.writing import Flow
from jetpack_core.errors import ContentError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from pathlib import Path

VAULT_HEAD = b"$ANSIBLE_VAULT;"


@dataclass
class Desk:
    """The notes of a conversion."""

    ledger: Ledger = field(default_factory=Ledger)
    results: dict[str, Result] = field(default_factory=dict)
    """What registered names belong to, in the whole project."""
    all_notified: set[str] = field(default_factory=set)
    """What is notified anywhere in the original."""
    notified: set[str] = field(default_factory=set)
    """What converted tasks notify."""
    shared: set[str] = field(default_factory=set)
    """Variables that are defined in more than one place."""
    tags: set[str] = field(default_factory=set)
    """Every tag of the original."""
    facts: set[str] = field(default_factory=set)
    """What set_fact sets anywhere in the original."""
    plugins: set[str] = field(default_factory=set)
    """The packages that the result needs."""
    used: set[Path] = field(default_factory=set)
    """The files that were included."""
    roots: dict[Path, Node | None] = field(default_factory=dict)
    told: set[Path] = field(default_factory=set)

    @property
    def rewriter(self) -> Rewriter:
        """Return what rewrites templates."""
        return Rewriter(self.results)

    def read(self, path: Path) -> Node | None:
        """Return a YAML file, or None with its first problem noted."""
        if path not in self.roots:
            self.roots[path] = self._parse(path)
        return self.roots[path]

    def _parse(self, path: Path) -> Node | None:
        problems = Problems()
        content = read_bytes(path, problems)
        if content is not None and content.startswith(VAULT_HEAD):
            return None
        root = None if content is None else parse(content, str(path), problems)
        try:
            problems.raise_if_any()
        except ContentError as error:
            for problem in error.problems:
                self.ledger.left(problem.position, "the file", problem.message, problem.hint or "correct it")
            self.told.add(path)
            return None
        return root

    def for_all_tags(self) -> dict[str, object]:
        """Return the modifiers of a task that must run whatever `--tags` says."""
        tags = sorted(tag for tag in self.tags if "{{" not in tag)
        return {"with": {"tags": Flow(tags)}} if tags else {}

    def survey(self, root: Node | None) -> None:
        """Note what a file registers and notifies."""
        for node in _mappings(root):
            name, notify = node.get("register"), node.get("notify")
            if isinstance(name, Scalar):
                self.results[name.text] = _result_of(node)
            self.facts |= _facts_of(node)
            tags = node.get("tags")
            for one in tags.items if isinstance(tags, Sequence) else [tags]:
                if isinstance(one, Scalar):
                    self.tags |= {part.strip() for part in one.text.split(",")} - {"", "always", "never"}
            for one in notify.items if isinstance(notify, Sequence) else [notify]:
                if isinstance(one, Scalar):
                    self.all_notified.add(one.text)

    def count(self, names: Counter[str]) -> None:
        """Note which variables are defined in several places."""
        self.shared = {name for name, times in names.items() if times > 1}


def _mappings(node: Node | None) -> Iterator[Mapping]:
    if isinstance(node, Mapping):
        yield node
        for _, value in node.pairs:
            yield from _mappings(value)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _mappings(item)


def _facts_of(node: Mapping) -> set[str]:
    given = node.get("set_fact") or node.get("ansible.builtin.set_fact")
    if isinstance(given, Scalar):
        return set(split_pairs(given.text)[0])
    return set(given.keys()) if isinstance(given, Mapping) else set()


def _result_of(node: Mapping) -> Result:
    names = list(node.keys())
    module = next((name for name in names if name not in keywords.TASK_KEYS and not name.startswith("with_")), "")
    return kind_of(module.rpartition(".")[2], loops=loop_key(names) is not None)
