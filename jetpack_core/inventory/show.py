# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory as a tree to read, and in the JSON form that can be an inventory again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from jetpack_core.inventory.order import ALL
from jetpack_core.variables.data import Replace
from jetpack_core.variables.layers import explain
from jetpack_core.variables.merge import REPLACE_SUFFIX, ListRule, merge, plain

if TYPE_CHECKING:
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.variables.layers import Contribution, Layer


def as_data(inventory: Inventory, hosts: Iterable[str] | None = None) -> dict[str, object]:
    """Return the script form: every group with `hosts`, `children` and `vars`, and `_meta.hostvars`.

    Read as an inventory it gives the same hosts, groups, order and variables.

    :param hosts: Only these, and the groups they are in; all where it is None.
    """
    chosen = set(inventory.hosts if hosts is None else hosts)
    kept = {name for host in chosen for name in inventory.hosts[host].groups}
    names = [name for name in inventory.groups if hosts is None or name in kept]
    own = {host: _own(entry.layers) for host, entry in inventory.hosts.items() if host in chosen}
    own = {host: values for host, values in own.items() if values}
    data: dict[str, object] = {"_meta": {"hostvars": own}} if own else {}
    listed = dict.fromkeys(host for name in names for host in inventory.groups[name].hosts if host in chosen)
    ordered = list(listed) == [host for host in inventory.hosts if host in chosen]
    for name in sorted(names, key=lambda name: (name != ALL, name)):
        data[name] = _group(inventory, name, chosen, names, in_order=ordered or name != ALL)
    return data


def _group(
    inventory: Inventory, name: str, chosen: set[str], names: Sequence[str], *, in_order: bool
) -> dict[str, object]:
    group = inventory.groups[name]
    hosts: Iterable[str] = group.hosts if in_order else inventory.hosts
    parts: dict[str, object] = {
        "hosts": [host for host in hosts if host in chosen],
        "children": [one for one in group.subgroups if one in names],
        "vars": _own(group.layers),
    }
    return {key: part for key, part in parts.items() if part}


def _own(layers: Sequence[Layer]) -> object:
    """Return what the files of one name say together, such that it merges over lower layers as they do."""
    together: dict[str, object] = {}
    for layer in layers:
        _overlay(together, layer.values, layer.lists)
    return _spelt(together)


def _overlay(low: dict[str, object], high: Mapping[str, object], lists: ListRule) -> None:
    for key, value in high.items():
        low[key] = _joined(low[key], value, lists) if key in low else value


def _joined(low: object, high: object, lists: ListRule) -> object:
    """Merge two values of one name; what would cut off lower layers stays marked as a replacement."""
    match low, high:
        case _, Replace():
            return high
        case Replace(), _:
            return Replace(merge(low.value, high, lists=lists))
        case dict(), dict():
            both = dict(low)
            _overlay(both, high, lists)
            return both
        case list(), list():
            return merge(low, high, lists=lists)
    # A null leaves maps alone, and so it cannot stand for what it replaced here; nor can a list, which is joined.
    kept = isinstance(low, dict) or low is None
    if high is None:
        return low if kept else Replace(None)
    cuts = isinstance(high, list) or (isinstance(high, dict) and low is not None)
    return Replace(high) if cuts else high


def _spelt(value: object) -> object:
    """Return plain data in which replacements are keys that end in `!replace`."""
    if not isinstance(value, dict):
        return plain(value)
    return {
        f"{key}{REPLACE_SUFFIX}" if isinstance(one, Replace) else key: _spelt(
            plain(one) if isinstance(one, Replace) else one
        )
        for key, one in value.items()
    }


def tree(inventory: Inventory, groups: Sequence[str] = (), note: Callable[[str], str] = lambda _host: "") -> list[str]:
    """Return groups with their subgroups and hosts, one a line; a group seen before is not drawn again.

    :param groups: Where to start; `all` when there are none.
    :param note: What to say of a host beside its name; it may be empty.
    """
    lines: list[str] = []
    seen: set[str] = set()
    for name in groups or [ALL]:
        lines += _branch(inventory, name, "", seen, note)
    return lines


def _branch(inventory: Inventory, name: str, indent: str, seen: set[str], note: Callable[[str], str]) -> Iterator[str]:
    count = len(inventory.members(name))
    yield f"{indent}{name} ({count} host{'s' * (count != 1)}{', see above' * (name in seen)})"
    if name in seen:
        return
    seen.add(name)
    group = inventory.groups[name]
    for one in group.subgroups:
        yield from _branch(inventory, one, f"{indent}  ", seen, note)
    for host in group.hosts:
        said = note(host)
        yield f"{indent}  - {host}{f'  ({said})' if said else ''}"


def host_lines(inventory: Inventory, host: str) -> list[str]:
    """Return a host's groups, low precedence first, and its variables with where each comes from."""
    layers = inventory.layers(host)
    lines = [host, f"  groups: {', '.join(inventory.hosts[host].groups)}"]
    for name, value in sorted(inventory.variables(host).items()):
        lines.append(f"  {_text(name)}: {_text(value)}")
        lines += [f"    {_origin(one)}" for one in explain(layers, name)]
    return lines


def _origin(one: Contribution) -> str:
    place = f", {one.position}" if one.position is not None else ""
    return f"{one.layer}{place}: {one.effect.value}"


def _text(value: object) -> str:
    """Return data on one line, in JSON unless it is a plain word."""
    if isinstance(value, str) and value.isidentifier():
        return value
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if text.isprintable() else json.dumps(value, default=str)
