# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every inventory, whatever its groups, cycles and layers."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from jetpack_core.inventory.load import load_inventory
from jetpack_core.inventory.model import Inventory
from jetpack_core.inventory.names import expand, fault
from jetpack_core.inventory.order import Hierarchy
from jetpack_core.inventory.show import as_data
from tests.unit.inventory.trees import write

GROUPS = [f"g{number}" for number in range(6)]
HOSTS = [f"h{number}" for number in range(8)]
Graph = dict[str, list[str]]

graphs = st.fixed_dictionaries({name: st.lists(st.sampled_from(GROUPS), unique=True, max_size=4) for name in GROUPS})
scalars = st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["a", "b"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["k", "l", "k!replace"]), inner),
    max_leaves=5,
)
variables = st.dictionaries(st.sampled_from(["x", "y", "x!replace"]), values, max_size=3)
memberships = st.dictionaries(st.sampled_from(GROUPS), st.lists(st.sampled_from(HOSTS), unique=True, max_size=5))
layers = st.dictionaries(st.sampled_from(["all", *GROUPS]), variables, max_size=4)
host_layers = st.dictionaries(st.sampled_from(HOSTS), variables, max_size=4)
inventories = st.tuples(graphs, memberships, layers, host_layers)
Drawn = tuple[Graph, dict[str, list[str]], dict[str, object], dict[str, object]]


def files_of(drawn: Drawn) -> dict[str, object]:
    """Return the files of a drawn inventory; all of its groups exist."""
    graph, hosts, group_vars, host_vars = drawn
    files: dict[str, object] = {
        f"groups/{name}": {"hosts": hosts.get(name, []), "subgroups": below} for name, below in graph.items()
    }
    files |= {f"group_vars/{name}.json": one for name, one in group_vars.items()}
    return files | {f"host_vars/{name}.json": one for name, one in host_vars.items()}


def load(*drawn: Drawn) -> Inventory:
    with tempfile.TemporaryDirectory() as folder:
        return load_inventory([write(Path(folder) / str(number), files_of(one)) for number, one in enumerate(drawn)])


def reached(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph[waiting.pop()]:
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


@given(graphs)
def test_depths_grow_downwards_and_are_equal_in_cycles(graph: Graph) -> None:
    hierarchy = Hierarchy(graph)
    below = {name: reached(graph, name) for name in graph}
    for parent, children in graph.items():
        for child in children:
            if parent in below[child]:
                assert hierarchy.depths[parent] == hierarchy.depths[child]
            else:
                assert hierarchy.depths[parent] < hierarchy.depths[child]


@given(graphs)
def test_every_group_is_reached_from_the_top_and_no_top_is_needless(graph: Graph) -> None:
    hierarchy = Hierarchy(graph)
    assert set(hierarchy.tops).union(*(reached(graph, top) for top in hierarchy.tops)) == set(graph)
    for top in hierarchy.tops:
        assert not any(top in reached(graph, other) for other in hierarchy.tops if other != top)


@given(graphs)
def test_a_depth_is_the_longest_way_from_all(graph: Graph) -> None:
    acyclic = {name: [one for one in below if one > name] for name, below in graph.items()}

    def longest(name: str) -> int:
        return 1 + max((longest(parent) for parent, below in acyclic.items() if name in below), default=0)

    assert Hierarchy(acyclic).depths == {"all": 0} | {name: longest(name) for name in acyclic}


@given(graphs, st.randoms(use_true_random=False))
def test_the_order_of_files_and_lists_does_not_matter(graph: Graph, chance: random.Random) -> None:
    names = chance.sample(list(graph), len(graph))
    mixed = {name: chance.sample(graph[name], len(graph[name])) for name in names}
    assert Hierarchy(mixed).depths == Hierarchy(graph).depths
    assert Hierarchy(mixed).tops == Hierarchy(graph).tops
    assert Hierarchy(mixed).ordered(names) == Hierarchy(graph).ordered(GROUPS)


@settings(max_examples=50, deadline=None)
@given(inventories)
def test_loading_is_deterministic_and_members_are_those_below(drawn: Drawn) -> None:
    first, second = load(drawn), load(drawn)
    assert first.hosts.keys() == second.hosts.keys()
    assert list(first.hosts) == list(second.hosts)
    graph, hosts, _, _ = drawn
    for group in GROUPS:
        expected = {host for name in {group, *reached(graph, group)} for host in hosts.get(name, [])}
        assert set(first.members(group)) == expected
        assert all(group in first.hosts[host].groups for host in expected)
    for host in first.hosts:
        assert first.hosts[host].groups == second.hosts[host].groups
        assert first.variables(host) == second.variables(host)


@settings(max_examples=50, deadline=None)
@given(inventories, inventories)
def test_several_inventories_are_one_whose_layers_lie_over_each_other(low: Drawn, high: Drawn) -> None:
    both = load(low, high)
    one, two = load(low), load(high)
    assert set(both.hosts) == set(one.hosts) | set(two.hosts)
    assert list(both.hosts)[: len(one.hosts)] == list(one.hosts)
    for group in both.groups:
        expected = (*one.groups[group].layers, *two.groups[group].layers)
        assert [layer.values for layer in both.groups[group].layers] == [layer.values for layer in expected]
    assert load(low, ({name: [] for name in GROUPS}, {}, {}, {})).hosts == load(low).hosts


@settings(max_examples=50, deadline=None)
@given(inventories, inventories)
def test_the_json_form_is_the_same_inventory_again(low: Drawn, high: Drawn) -> None:
    inventory = load(low, high)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inventory.json"
        path.write_text(json.dumps(as_data(inventory)), encoding="utf-8")
        again = load_inventory([path])
    assert list(again.hosts) == list(inventory.hosts)
    for host, entry in inventory.hosts.items():
        assert again.hosts[host].groups == entry.groups
        assert again.variables(host) == inventory.variables(host)
    assert as_data(again) == as_data(inventory)


@given(st.integers(0, 300), st.integers(0, 40), st.sampled_from(["a{{{}..{}}}b", "a[{}:{}]b"]))
def test_a_range_counts_from_its_first_to_its_last(first: int, more: int, form: str) -> None:
    names = list(expand(form.format(f"{first:03d}", f"{first + more:03d}")))
    assert names == [f"a{number:03d}b" for number in range(first, first + more + 1)] or first >= 100
    assert len(names) == more + 1


@given(st.text())
def test_a_name_without_fault_is_safe_as_a_path_and_as_an_argument(name: str) -> None:
    if not fault(name):
        assert Path("x", name).name == name
        assert name.isprintable()
        assert not name.startswith("-")
        assert name.split() == [name]
