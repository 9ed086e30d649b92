# SPDX-License-Identifier: GPL-3.0-or-later
"""From YAML text to nodes, and from nodes to data; PyYAML's C parser reads, the rest is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jetpack_core.content import json_text
from jetpack_core.content.compose import AGE_TAG, CORE, items_of, parse, shown_tag
from jetpack_core.content.files import paused_collection, read_bytes, shown, top
from jetpack_core.content.nodes import DAMAGED, Mapping, Node, Scalar, Sequence
from jetpack_core.content.problems import Problems, suggest
from jetpack_core.content.scalars import plain_scalar
from jetpack_core.contracts.encrypted import is_age
from jetpack_core.variables.data import Replace, SourceList, SourceMap

if TYPE_CHECKING:
    from pathlib import Path

    from jetpack_core.secrets.vault import Vault

__all__ = ["load_data", "load_vars_file", "parse", "plain_scalar", "read", "to_data", "to_text"]

REPLACE_TAG: Final = "!replace"


def read(path: Path, problems: Problems) -> Node | None:
    """Read a YAML file; None with the problems noted, or when it is empty."""
    content = read_bytes(path, problems)
    return None if content is None else parse(content, shown(path), problems)


def load_data(path: Path, vault: Vault | None = None) -> object:
    """Return the data of a YAML file, or of a `.json` file; None when it is empty.

    Mappings are SourceMap and lists SourceList. Raises ContentError with all problems of the file.
    """
    problems = Problems(vault)
    with paused_collection():
        data = read_data(path, problems)
    problems.raise_if_any()
    return data


def read_data(path: Path, problems: Problems) -> object:
    """Return the data of a YAML or `.json` file; None when it is empty or with the problems noted."""
    content = read_bytes(path, problems)
    if content is None:
        return None
    if is_age(content):
        from jetpack_core.content.encrypted_files import read_encrypted

        return read_encrypted(path, content, problems)
    return data_of(path, content, problems)


def data_of(path: Path, content: bytes, problems: Problems) -> object:
    """Return the data of the content of a YAML or JSON file, as its name says."""
    if path.name.removesuffix(".age").endswith(".json"):
        return json_text.parse(content, shown(path), problems)
    node = parse(content, shown(path), problems)
    return None if node is None else to_data(node, problems)


def load_vars_file(path: Path, vault: Vault | None = None) -> SourceMap:
    """Return the variables of a YAML or JSON file. Raises ContentError with all its problems."""
    problems = Problems(vault)
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
        check_keys(node, problems)
        pairs = [(key.text, to_data(value, problems)) for key, value in node.pairs]
        return SourceMap(pairs, {key.text: key.position for key, _ in node.pairs})
    items = items_of(node)
    return SourceList([to_data(item, problems) for item in items], [item.position for item in items])


def check_keys(node: Mapping, problems: Problems) -> None:
    """Note the keys of untyped data that would be numbers, booleans or nothing."""
    for key, _ in node.pairs:
        if key.plain and key.tag is None and not isinstance(plain_scalar(key.text), str):
            message = f"a key must be text, and {key.text or 'nothing'} is not"
            problems.add(key, message, f"write '{key.text}' in quotes")


def _tagged(node: Node, problems: Problems) -> object:
    if node.tag == AGE_TAG:
        return to_secret(node, problems)
    if node.tag == REPLACE_TAG:
        bare = _without_tag(node)
        return Replace(to_data(bare, problems))
    if not check_tag(node, problems):
        return None
    if isinstance(node, Scalar):
        return node.text if node.tag == CORE + "str" or not node.plain else plain_scalar(node.text)
    return _collection(node, problems)


def to_secret(node: Node, problems: Problems) -> object:
    """Return the encrypted value of a node tagged `!age`; None with the problem noted."""
    if isinstance(node, Scalar) and is_age(node.text.encode()):
        return problems.vault.value(node.text.encode(), node.position, node.source.secret_paths.get(id(node), ()))
    what = "text" if isinstance(node, Scalar) else node.noun
    message = f"`!age` stands before an armored age file, and this is {what}"
    problems.add(node, message, _ENCRYPT_IT, hidden=True, code="unreadable-secret")
    return None


_ENCRYPT_IT: Final = "encrypt it: jetpack secrets encrypt FILE --key KEY"


def _without_tag(node: Node) -> Node:
    bare: Node
    if isinstance(node, Scalar):
        return Scalar(node.source, node.mark, None, node.text, node.plain)
    if isinstance(node, Mapping):
        bare = Mapping(node.source, node.mark, None)
        bare.pairs = node.pairs
    else:
        bare = Sequence(node.source, node.mark, None)
        bare.items = items_of(node)
    return bare


_CORE_TAGS: Final = {Scalar: "str", Sequence: "seq", Mapping: "map"}


def check_tag(node: Node, problems: Problems) -> bool:
    """Tell whether a node has no tag, or one that says what it is anyway; note a problem if not."""
    if node.tag is None or node.tag == CORE + _CORE_TAGS.get(type(node), ""):
        return True
    if node.tag != DAMAGED:
        hint = "leave it out" if node.tag.startswith(CORE) else "put text that begins with ! in quotes"
        near = f"; {suggest(node.tag, [REPLACE_TAG])}" if node.tag.startswith("!r") else ""
        problems.add(node, f"the tag {shown_tag(node.tag)} means nothing here", hint + near)
    return False


def to_text(node: Node, problems: Problems) -> str | None:
    """Return a scalar's text as it is written; None with the problem noted."""
    if not check_tag(node, problems):
        return None
    if isinstance(node, Scalar):
        return node.text
    problems.add(node, f"this must be text, not {node.noun}")
    return None
