# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose nodes of what the YAML parser reads: duplicate keys, merge keys, aliases and depth are judged here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeGuard

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from jetpack_core.content import syntax
from jetpack_core.content.files import decode, paused_collection
from jetpack_core.content.nodes import DAMAGED, Mapping, Node, Scalar, Sequence, Source, before
from jetpack_core.content.problems import suggest, twice

if TYPE_CHECKING:
    from collections.abc import Callable

    from jetpack_core.content.problems import Problems
    from jetpack_core.records import Position

DEPTH_LIMIT: Final = 100
"""Lists and mappings inside one another."""
ALIAS_LIMIT: Final = 300_000
"""Values that aliases may add to a document."""
AGE_TAG: Final = "!age"
"""The tag of a value that is encrypted."""
CORE: Final = "tag:yaml.org,2002:"
"""What `!!` at the beginning of a tag stands for."""


def parse(text: bytes, file: str, problems: Problems) -> Node | None:
    """Parse a YAML document; None when there is none, or with the problem noted.

    :param file: the name for positions.
    """
    decoded = decode(text, file, problems)
    if decoded is None:
        return None
    source = Source(file, decoded)
    problems.register(source)
    with paused_collection():
        try:
            root = _Composer(source, problems).compose(CParser(decoded))
            if root is not None and AGE_TAG in decoded:
                _note_secrets(root, source)
            return root
        except YAMLError as error:
            syntax.explain(error, source, problems)
        except _Refused:
            pass
    return None


def _note_secrets(root: Node, source: Source) -> None:
    """Note what leads to each encrypted value; one with several names has the place it is written in."""
    pending: list[tuple[Node, tuple[str | int, ...]]] = [(root, ())]
    while pending:
        node, parts = pending.pop()
        if isinstance(node, Mapping):
            pending.extend((value, (*parts, key.text)) for key, value in reversed(node.pairs))
        elif isinstance(node, Sequence):
            pending.extend((item, (*parts, number)) for number, item in reversed(list(enumerate(node.items))))
        elif node.tag == AGE_TAG:
            source.secret_paths.setdefault(id(node), parts)


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """The document is not worth reading on; the problem is noted."""


class _Composer:
    """Builds nodes of a parser's events without recursion, so that depth is ours to limit."""

    def __init__(self, source: Source, problems: Problems) -> None:
        self._source = source
        self._problems = problems
        self._stack: list[Sequence | Mapping] = []
        self._anchors: dict[str, Node] = {}
        self._weights: dict[int, int] = {}
        self._expanded = 0
        self._root: Node | None = None
        self._documents = 0

    def compose(self, parser: CParser) -> Node | None:
        # The parser's stubs say nothing of what an event holds.
        next_event: Callable[[], Any] = parser.get_event
        source = self._source
        while (event := next_event()) is not None:
            kind: object = type(event)
            if kind is ScalarEvent:
                node = Scalar(source, event.start_mark, event.tag, event.value, not event.style)
                if event.anchor is not None:
                    self._anchors[event.anchor] = node
                self._place(node)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close()
            elif kind is MappingStartEvent:
                self._open(Mapping(source, event.start_mark, event.tag), event)
            elif kind is SequenceStartEvent:
                self._open(Sequence(source, event.start_mark, event.tag), event)
            else:
                self._other(event)
        return self._root

    def _place(self, node: Node) -> None:
        if self._stack:
            self._stack[-1].items.append(node)
        else:
            self._root = node

    def _open(self, node: Sequence | Mapping, event: Any) -> None:
        if len(self._stack) >= DEPTH_LIMIT:
            self._refuse(node, f"more than {DEPTH_LIMIT} lists and mappings inside one another")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._place(node)
        self._stack.append(node)

    def _close(self) -> None:
        node = self._stack.pop()
        if isinstance(node, Mapping):
            items = iter(node.items)
            pairs = list(zip(items, items, strict=True))
            node.pairs = [(key, value) for key, value in pairs if self._is_key(key)]
            node.items = []
            if len(node.pairs) != len(pairs):
                node.tag = DAMAGED
            texts = {key.text for key, _ in node.pairs}
            if len(texts) != len(node.pairs):
                self._report_twins(node)
            if "<<" in texts:
                self._merge(node)

    def _is_key(self, key: Node) -> TypeGuard[Scalar]:
        if isinstance(key, Scalar):
            if key.tag is None or key.tag == CORE + "str":
                return True
            self._problems.add(key, f"a key cannot have the tag {shown_tag(key.tag)}", code="yaml-syntax")
            return False
        where: Node | Position = key
        message, hint = f"a key must be text, not {key.noun}", ""
        if isinstance(key, Mapping) and self._source.line(key.position.line)[key.mark.column - 1 :].startswith("{{"):
            where = self._source.position(before(key.mark))
            message, hint = "a template without quotes is not a YAML value", syntax.TEMPLATE_HINT
        self._problems.add(where, message, hint, code="yaml-syntax")
        return False

    def _report_twins(self, node: Mapping) -> None:
        seen: dict[str, tuple[Scalar, Node]] = {}
        for key, value in node.pairs:
            first, kept = seen.setdefault(key.text, (key, value))
            if first is not key:
                self._problems.add(key, *twice(key.text, first.position), code="duplicate-key")
                self._problems.conceal_with(kept, value)
        pairs = {key.text: (key, value) for key, value in reversed(node.pairs)}
        node.pairs = list(reversed(pairs.values()))

    def _merge(self, node: Mapping) -> None:
        """Carry out `<<: *name`: keys of other mappings, where this one does not have them itself."""
        own = {key.text: (key, value) for key, value in node.pairs if not _is_merge(key)}
        for key, value in node.pairs:
            if not _is_merge(key):
                continue
            for other in value.items if isinstance(value, Sequence) else [value]:
                if isinstance(other, Mapping):
                    for name, inherited in other.pairs:
                        own.setdefault(name.text, (name, inherited))
                else:
                    self._problems.add(
                        key, f"<< takes a mapping or a list of them, not {other.noun}", code="yaml-syntax"
                    )
        node.pairs = list(own.values())

    def _other(self, event: Any) -> None:
        kind: object = type(event)
        if kind is AliasEvent:
            self._place(self._aliased(event))
        elif kind is DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                where = self._source.position(event.start_mark)
                hint = "one file holds one document; remove the '---'"
                self._problems.add(where, "a second document begins here", hint, code="yaml-syntax")
                raise _Refused

    def _aliased(self, event: Any) -> Node:
        where = self._source.position(event.start_mark)
        name = str(event.anchor)
        node = self._anchors.get(name)
        if node is None:
            self._problems.add(
                where, f"there is no anchor &{name} above", suggest(name, self._anchors), code="yaml-syntax"
            )
            return Scalar(self._source, event.start_mark, DAMAGED, "", plain=True)
        if any(node is outer for outer in self._stack):
            self._problems.add(where, f"*{name} stands inside of &{name}, which would never end", code="yaml-syntax")
            raise _Refused
        self._expanded += self._weigh(node)
        if self._expanded > ALIAS_LIMIT:
            self._problems.add(
                where, f"the aliases of this file stand for more than {ALIAS_LIMIT:,} values", code="yaml-syntax"
            )
            raise _Refused
        return node

    def _weigh(self, node: Node) -> int:
        """Count the values a node stands for once its aliases are expanded."""
        if isinstance(node, Scalar):
            return 1
        known = self._weights.get(id(node))
        if known is None:
            children = (value for _, value in node.pairs) if isinstance(node, Mapping) else iter(items_of(node))
            known = self._weights[id(node)] = 1 + sum(map(self._weigh, children))
        return known

    def _refuse(self, node: Node, message: str) -> None:
        self._problems.add(node, message, code="yaml-syntax")
        raise _Refused


def items_of(node: Node) -> list[Node]:
    """Return the elements of a list."""
    return node.items if isinstance(node, Sequence) else []


def _is_merge(key: Scalar) -> bool:
    return key.plain and key.text == "<<"


def shown_tag(tag: str) -> str:
    """Return a tag as it is written."""
    return "!!" + tag.removeprefix(CORE) if tag.startswith(CORE) else tag
