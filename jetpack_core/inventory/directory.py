# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory directories: `groups`, `group_vars` and `host_vars`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.content.encrypted_files import EncryptedVariables, lazy_data
from jetpack_core.content.files import shown, top
from jetpack_core.content.nodes import Source
from jetpack_core.content.yaml import read_data
from jetpack_core.contracts.encrypted import ENCRYPTED
from jetpack_core.inventory import settings
from jetpack_core.inventory.names import fault, nearest
from jetpack_core.variables.data import SourceList, SourceMap
from jetpack_core.variables.layers import Layer
from jetpack_core.variables.merge import resolve_replace_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.content.problems import Problems
    from jetpack_core.inventory.draft import Draft
    from jetpack_core.records import Position

GROUPS: Final = "groups"
GROUP_VARS: Final = "group_vars"
HOST_VARS: Final = "host_vars"
_SUFFIXES: Final = (".yml", ".yaml", ".json")
_GROUP_KEYS: Final = ("hosts", "subgroups")


def is_inventory(path: Path) -> bool:
    """Tell whether a directory holds any part of an inventory."""
    return any((path / name).is_dir() for name in (GROUPS, GROUP_VARS, HOST_VARS))


def whole(path: Path, problems: Problems) -> Position:
    """Return the position of a file or directory as such; none of its lines is shown with a problem."""
    problems.register(Source(shown(path), ""))
    return top(path)


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    """The host or group: the file's name without its suffix."""
    path: Path
    is_directory: bool


def _entries(directory: Path, draft: Draft) -> list[_Entry]:
    """List a directory by name, hidden files and editors' copies left out; nothing when it is missing."""
    try:
        with os.scandir(directory) as found:
            entries = [
                _Entry(_stem(one.name), directory / one.name, _is_directory(one))
                for one in found
                if not one.name.startswith(".") and not one.name.endswith("~")
            ]
    except FileNotFoundError:
        return []
    except OSError as error:
        draft.problems.add(
            whole(directory, draft.problems), f"cannot be listed: {error.strerror}", code="unreadable-file"
        )
        return []
    return sorted(entries, key=lambda one: (one.name, one.path.name))


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # Such as a link to itself; reading it says what is wrong.
        return False


def _stem(name: str) -> str:
    name = name.removesuffix(ENCRYPTED) or name
    stem, dot, suffix = name.rpartition(".")
    return stem if stem and f"{dot}{suffix}" in _SUFFIXES else name


def read_groups(path: Path, draft: Draft) -> None:
    """Take in the groups, and so the hosts, of an inventory directory."""
    for entry in _entries(path / GROUPS, draft):
        if not draft.add_group(entry.name, top(entry.path)):
            continue
        if entry.is_directory:
            draft.problems.add(top(entry.path), "is a directory, and a group is a file")
            continue
        data = read_data(entry.path, draft.problems)
        if isinstance(data, SourceMap):
            _read_group(entry.name, data, draft)
        elif data is not None:
            draft.problems.add(start_of(data, entry.path), _GROUP_SHAPE, _GROUP_HINT)


def _read_group(name: str, data: SourceMap, draft: Draft) -> None:
    for key in data:
        if key not in _GROUP_KEYS:
            hint = nearest(key, _GROUP_KEYS) or _GROUP_HINT
            draft.problems.add(data.positions[key], f"a group has no key {key!r}", hint, code="unknown-key")
    draft.add_hosts(name, _names(data, "hosts", draft))
    draft.add_subgroups(name, _names(data, "subgroups", draft))


def _names(data: SourceMap, key: str, draft: Draft) -> Iterator[tuple[str, Position]]:
    """Yield the names of a list, and where each stands."""
    value = data.get(key)
    if value is None:
        return
    if not isinstance(value, SourceList):
        hint = "write one `- name` a line"
        draft.problems.add(data.positions[key], f"{key!r} must be a list of names", hint)
        return
    for one, position in zip(value, value.positions, strict=True):
        if isinstance(one, str):
            yield one, position
        else:
            draft.problems.add(position, f"a name must be text, not {one!r}", f"write '{one}' in quotes")


def read_variables(path: Path, draft: Draft) -> None:
    """Take in the variables of groups and hosts of an inventory directory, over those known before."""
    for entry in _entries(path / GROUP_VARS, draft):
        for layer, position in _layers(entry, "group", draft):
            draft.add_group_layer(entry.name, layer, position)
    for entry in _entries(path / HOST_VARS, draft):
        for layer, position in _layers(entry, "host", draft):
            draft.add_host_layer(entry.name, layer, position)


def _layers(entry: _Entry, noun: str, draft: Draft) -> Iterator[tuple[Layer, Position]]:
    """Yield the layers of one name: of its file, or of each file in its directory."""
    if wrong := fault(entry.name):
        where = whole(entry.path, draft.problems)
        draft.problems.add(where, f"the {noun} name {entry.name!r} {wrong}", "rename the file")
        return
    for path in _files(entry, draft):
        values = _variables(path, draft)
        if isinstance(values, EncryptedVariables):
            yield Layer(f"{noun} {entry.name}", values), top(path)
        elif isinstance(values, SourceMap):
            _check(values, path, draft)
            yield Layer(f"{noun} {entry.name}", values), top(path)
        elif values is not None:
            hint = "write `name: value` lines"
            draft.problems.add(start_of(values, path), "a file of variables must be a mapping", hint)


def _variables(path: Path, draft: Draft) -> object:
    data = lazy_data(path, draft.problems)
    return resolve_replace_keys(data) if path.suffix == ".json" else data


def _files(entry: _Entry, draft: Draft) -> Iterator[Path]:
    if not entry.is_directory:
        yield entry.path
        return
    for one in _entries(entry.path, draft):
        if one.is_directory:
            hint = "move its files one directory up"
            draft.problems.add(top(one.path), "a directory inside a directory of variables is not read", hint)
        else:
            yield one.path


def _check(values: SourceMap, path: Path, draft: Draft) -> None:
    for name, message, hint in settings.faults(values):
        draft.problems.add(values.positions.get(name, top(path)), message, hint, code="wrong-value")
    for text in settings.strangers(values):
        draft.warn(f"{path}: {text}")


def start_of(data: object, path: Path) -> Position:
    """Return where data begin, or the top of their file."""
    if isinstance(data, SourceList) and data.positions:
        return data.positions[0]
    return top(path)


_GROUP_SHAPE: Final = "a group must be a mapping with `hosts` and `subgroups`"
_GROUP_HINT: Final = "a group has `hosts` and `subgroups`, each a list of names"
