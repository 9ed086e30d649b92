# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML from untrusted text: data only, of bounded size and depth, by the type rules of playbooks."""

from __future__ import annotations

import math
import re
from typing import Final

import yaml

_LARGEST: Final = 1024 * 1024
_DEEPEST: Final = 100
_TYPES: Final = frozenset({"!", "str", "int", "float", "bool", "null", "seq", "map"})
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?(?:0|[1-9][0-9]*)\.")


def load(text: str) -> object:
    """Return the data of one YAML document. Raises ValueError.

    Only events are taken from the parser: its own composer recurses in C, where deep nesting is a crash.
    """
    if len(text) > _LARGEST:
        raise ValueError(f"the text is larger than {_LARGEST // 1024} KiB")
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"the text is not valid YAML: {error.problem}, in its line {line}") from None
    except yaml.YAMLError:
        raise ValueError("the text is not valid YAML: it holds control characters") from None
    return builder.result


class _Builder:
    """Builds data of a parser's events."""

    def __init__(self) -> None:
        self.result: object = None
        self._documents = 0
        self._open: list[_Collection] = []

    def take(self, event: yaml.Event) -> None:
        """Use one event."""
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise ValueError("the text holds more than one YAML document")
            case yaml.AliasEvent():
                raise ValueError("aliases are not supported")
            case yaml.ScalarEvent():
                self._add(_scalar(event))
            case yaml.SequenceStartEvent():
                self._begin(_List(event))
            case yaml.MappingStartEvent():
                self._begin(_Map(event))
            case yaml.CollectionEndEvent():
                self._add(self._open.pop().data())

    def _begin(self, collection: _Collection) -> None:
        self._open.append(collection)
        if len(self._open) > _DEEPEST:
            raise ValueError(f"it is nested more than {_DEEPEST} levels deep")

    def _add(self, value: object) -> None:
        if self._open:
            self._open[-1].add(value)
        else:
            self.result = value


class _List:
    def __init__(self, event: yaml.CollectionStartEvent) -> None:
        _check_tag(event.tag)
        self.items: list[object] = []

    def add(self, value: object) -> None:
        self.items.append(value)

    def data(self) -> object:
        return self.items


class _Map(_List):
    def data(self) -> object:
        keys = self.items[::2]
        if any(isinstance(key, list | dict) for key in keys):
            raise ValueError("a key is a list or a map")
        if len(set(map(str, keys))) < len(keys):
            raise ValueError("a key occurs twice in one map")
        return {_key(key): value for key, value in zip(keys, self.items[1::2], strict=True)}


_Collection = _List | _Map


def _key(key: object) -> str:
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return str(key)


def _scalar(event: yaml.ScalarEvent) -> object:
    text = str(event.value)
    _check_tag(event.tag)
    return _plain(text) if event.implicit[0] else text


def _check_tag(tag: str | None) -> None:
    if tag and tag.removeprefix("tag:yaml.org,2002:") not in _TYPES:
        raise ValueError(f"the tag {tag} is not supported")


def _plain(text: str) -> object:
    if text.lower() in _WORDS and text in {text.lower(), text.upper(), text.capitalize()}:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text
