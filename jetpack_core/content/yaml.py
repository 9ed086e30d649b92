# SPDX-License-Identifier: GPL-3.0-or-later
"""From YAML text to nodes, and from nodes to data; PyYAML's C parser reads, the rest is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from yaml import YAMLError
from yaml.cyaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from jetpack_core.content import json_text, syntax
from jetpack_core.content.files import decode, paused_collection, read_bytes, shown, top
from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence, Source
from jetpack_core.content.problems import Problems, suggest
from jetpack_core.content.scalars import plain_scalar
from jetpack_core.variables.data import Replace, SourceList, SourceMap

if TYPE_CHECKING:
    from pathlib import Path

    from jetpack_core.records import Position

__all__ = ["load_data", "load_vars_file", "parse", "plain_scalar", "read", "to_data", "to_text"]

DEPTH_LIMIT: Final = 100
"""Lists and mappings inside one another."""
ALIAS_LIMIT: Final = 300_000
"""Values that aliases may add to a document."""
REPLACE_TAG: Final = "!replace"
_CORE: Final = "tag:yaml.org,2002:"


def read(path: Path, problems: Problems) -> Node | None:
    """Read a YAML file; None with the problems noted, or when it is empty."""
    content = read_bytes(path, problems)
    return None if content is None else parse(content, shown(path), problems)


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
            return _Composer(source, problems).compose(CParser(decoded))
        except YAMLError as error:
            syntax.explain(error, source, problems)
        except _Refused:
            pass
    return None


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
        next_event = parser.get_event
        source = self._source
        while (event := next_event()) is not None:
            kind = type(event)
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

    def _open(self, node: Sequence | Mapping, event: NodeEvent) -> None:
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
            node.pairs = [(key, value) for key, value in zip(items, items, strict=True) if self._is_key(key, value)]
            node.items = []
            texts = {key.text for key, _ in node.pairs}
            if len(texts) != len(node.pairs):
                self._report_twins(node)
            if "<<" in texts:
                self._merge(node)

    def _is_key(self, key: Node, value: Node) -> bool:
        if isinstance(key, Scalar):
            if key.tag is None or key.tag == _CORE + "str":
                return True
            self._problems.add(key, f"a key cannot have the tag {_shown_tag(key.tag)}")
            return False
        where: Node | Position = key
        message, hint = f"a key must be text, not {key.noun}", ""
        if isinstance(key, Mapping) and self._source.line(key.position.line)[key.mark.column - 1 :].startswith("{{"):
            where = self._source.position(_Before(key.mark.line, key.mark.column))
            message, hint = "a template without quotes is not a YAML value", syntax.TEMPLATE_HINT
        self._problems.add(where, message, hint)
        return False

    def _report_twins(self, node: Mapping) -> None:
        seen: dict[str, Scalar] = {}
        for key, _ in node.pairs:
            first = seen.setdefault(key.text, key)
            if first is not key:
                self._problems.add(key, f"the key {key.text!r} is there twice", f"the first is in line {first.position.line}")
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
                    self._problems.add(other, f"<< takes a mapping or a list of them, not {other.noun}")
        node.pairs = list(own.values())

    def _other(self, event: Event) -> None:
        if isinstance(event, AliasEvent):
            self._place(self._aliased(event))
        elif isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                where = self._source.position(event.start_mark)
                self._problems.add(where, "a second document begins here", "one file holds one document; remove the '---'")
                raise _Refused

    def _aliased(self, event: AliasEvent) -> Node:
        where = self._source.position(event.start_mark)
        name = str(event.anchor)
        node = self._anchors.get(name)
        if node is None:
            self._problems.add(where, f"there is no anchor &{name} above", suggest(name, self._anchors))
            return Scalar(self._source, event.start_mark, None, "", plain=True)
        if any(node is outer for outer in self._stack):
            self._problems.add(where, f"*{name} stands inside of &{name}, which would never end")
            raise _Refused
        self._expanded += self._weigh(node)
        if self._expanded > ALIAS_LIMIT:
            self._problems.add(where, f"the aliases of this file stand for more than {ALIAS_LIMIT:,} values")
            raise _Refused
        return node

    def _weigh(self, node: Node) -> int:
        """Count the values a node stands for once its aliases are expanded."""
        if isinstance(node, Scalar):
            return 1
        known = self._weights.get(id(node))
        if known is None:
            children = (value for _, value in node.pairs) if isinstance(node, Mapping) else iter(_items(node))
            known = self._weights[id(node)] = 1 + sum(map(self._weigh, children))
        return known

    def _refuse(self, node: Node, message: str) -> None:
        self._problems.add(node, message)
        raise _Refused


class _Before:
    """The place one column before a mark."""

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column - 1


def _items(node: Node) -> list[Node]:
    return node.items if isinstance(node, Sequence) else []


def _is_merge(key: Scalar) -> bool:
    return key.plain and key.text == "<<"


def _shown_tag(tag: str) -> str:
    return "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag


def load_data(path: Path) -> object:
    """Return the data of a YAML file, or of a `.json` file; None when it is empty.

    Mappings are SourceMap and lists SourceList. Raises ContentError with all problems of the file.
    """
    problems = Problems()
    with paused_collection():
        data = read_data(path, problems)
    problems.raise_if_any()
    return data


def read_data(path: Path, problems: Problems) -> object:
    """Return the data of a YAML or `.json` file; None when it is empty or with the problems noted."""
    if path.suffix == ".json":
        content = read_bytes(path, problems)
        return None if content is None else json_text.parse(content, shown(path), problems)
    node = read(path, problems)
    return None if node is None else to_data(node, problems)


def load_vars_file(path: Path) -> SourceMap:
    """Return the variables of a YAML or JSON file. Raises ContentError with all its problems."""
    problems = Problems()
    values = read_vars_file(path, problems)
    problems.raise_if_any()
    return values


def read_vars_file(path: Path, problems: Problems) -> SourceMap:
    """Return the variables of a YAML or JSON file; none of them with the problems noted."""
    data = read_data(path, problems)
    if data is None:
        return SourceMap()
    if not isinstance(data, SourceMap):
        hint = "write `name: value` lines"
        problems.add(top(path), "a file of variables must be a mapping", hint)
        return SourceMap()
    return data


def to_data(node: Node, problems: Problems) -> object:
    """Return untyped data: plain scalars mean what they look like, quoted ones are text."""
    if node.tag is not None:
        return _tagged(node, problems)
    if isinstance(node, Scalar):
        return plain_scalar(node.text) if node.plain else node.text
    return _collection(node, problems)


def _collection(node: Node, problems: Problems) -> object:
    if isinstance(node, Mapping):
        for key, _ in node.pairs:
            if key.plain and key.tag is None and not isinstance(plain_scalar(key.text), str):
                problems.add(key, f"a key must be text, and {key.text or 'nothing'} is not", f"write '{key.text}' in quotes")
        pairs = [(key.text, to_data(value, problems)) for key, value in node.pairs]
        return SourceMap(pairs, {key.text: key.position for key, _ in node.pairs})
    items = _items(node)
    return SourceList([to_data(item, problems) for item in items], [item.position for item in items])


def _tagged(node: Node, problems: Problems) -> object:
    if node.tag == REPLACE_TAG:
        bare = _without_tag(node)
        return Replace(to_data(bare, problems))
    if not _check_tag(node, problems):
        return None
    if isinstance(node, Scalar):
        return node.text if node.tag == _CORE + "str" or not node.plain else plain_scalar(node.text)
    return _collection(node, problems)


def _without_tag(node: Node) -> Node:
    bare: Node
    if isinstance(node, Scalar):
        return Scalar(node.source, node.mark, None, node.text, node.plain)
    if isinstance(node, Mapping):
        bare = Mapping(node.source, node.mark, None)
        bare.pairs = node.pairs
    else:
        bare = Sequence(node.source, node.mark, None)
        bare.items = _items(node)
    return bare


_CORE_TAGS: Final = {Scalar: "str", Sequence: "seq", Mapping: "map"}


def _check_tag(node: Node, problems: Problems) -> bool:
    """Tell whether a node's tag says what it is anyway."""
    if node.tag is None or node.tag == _CORE + _CORE_TAGS.get(type(node), ""):
        return True
    shown_tag = _shown_tag(node.tag)
    near = f"; {suggest(shown_tag, [REPLACE_TAG])}" if node.tag.startswith("!r") else ""
    problems.add(node, f"the tag {shown_tag} means nothing here", f"put text that begins with ! in quotes{near}")
    return False


def to_text(node: Node, problems: Problems) -> str | None:
    """Return a scalar's text as it is written; None with the problem noted."""
    if not _check_tag(node, problems):
        return None
    if isinstance(node, Scalar):
        return node.text
    problems.add(node, f"this must be text, not {node.noun}")
    return None
