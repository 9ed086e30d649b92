# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging of values and flattening of layers."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.errors import JetpackError
from jetpack_core.records import Position
from jetpack_core.variables.data import Replace, SourceList, SourceMap
from jetpack_core.variables.layers import Contribution, Layer, explain, explain_path, flatten
from jetpack_core.variables.merge import Effect, ListRule, merge, plain, resolve_replace_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

JOIN, REPLACE = ListRule.CONCATENATE, ListRule.REPLACE

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"])
keys = st.sampled_from(["a", "b", "c"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3) | inner.map(Replace),
    max_leaves=8,
)
layer_values = st.dictionaries(keys, values, max_size=3)
layers = st.lists(st.builds(Layer, st.just("layer"), layer_values, st.sampled_from(ListRule)), max_size=5)


@pytest.mark.parametrize(
    ("low", "high", "lists", "expected"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, JOIN, {"a": 1, "b": 3}),
        ({"a": {"x": 1}}, {"a": {"y": 2}}, JOIN, {"a": {"x": 1, "y": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, JOIN, {"a": [1, 2, 3]}),
        ({"a": [1, 2]}, {"a": [3]}, REPLACE, {"a": [3]}),
        ({"a": {"x": [1]}}, {"a": {"x": [2]}}, REPLACE, {"a": {"x": [2]}}),
        ({"a": {"x": 1}}, {"a": None}, JOIN, {"a": {"x": 1}}),
        ({"a": {"x": 1}}, {"a": None}, REPLACE, {"a": {"x": 1}}),
        ({"a": [1]}, {"a": None}, JOIN, {"a": None}),
        ({"a": 1}, {"a": None}, JOIN, {"a": None}),
        ({"a": None}, {"a": {"x": 1}}, JOIN, {"a": {"x": 1}}),
        ({"a": {"x": 1}}, {"a": 5}, JOIN, {"a": 5}),
        ({"a": 5}, {"a": {"x": 1}}, JOIN, {"a": {"x": 1}}),
        ({"a": [1]}, {"a": "x"}, JOIN, {"a": "x"}),
        ({"a": [1]}, {"a": Replace([2])}, JOIN, {"a": [2]}),
        ({"a": {"x": 1}}, {"a": Replace({"y": 2})}, JOIN, {"a": {"y": 2}}),
        ({"a": {"x": {"p": 1}, "y": 2}}, {"a": {"x": Replace({"q": 1})}}, JOIN, {"a": {"x": {"q": 1}, "y": 2}}),
        ({"a": {"x": 1}}, {"a": Replace(None)}, JOIN, {"a": None}),
        ({}, {"a": Replace([Replace(1)])}, JOIN, {"a": [1]}),
        ({"a": [{"x": 1}]}, {"a": [{"x": 2}]}, JOIN, {"a": [{"x": 1}, {"x": 2}]}),
    ],
)
def test_merge_rules(low: object, high: object, lists: ListRule, expected: object) -> None:
    assert merge(low, high, lists=lists) == expected


@given(values, values, st.sampled_from(ListRule))
def test_merge_changes_neither_value_and_shares_nothing(low: object, high: object, lists: ListRule) -> None:
    before = copy.deepcopy((low, high))
    result = merge(low, high, lists=lists)
    _spoil(result)
    assert (low, high) == before


def _spoil(value: object) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _spoil(item)
        value["spoiled"] = True
    if isinstance(value, list):
        for item in value:
            _spoil(item)
        value.append("spoiled")


def _of_one_shape(leaf: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Maps whose keys always have the same type, as one variable usually has in all layers."""
    inner = st.fixed_dictionaries({}, optional={"n": leaf, "l": st.lists(leaf, max_size=3)})
    return st.fixed_dictionaries({}, optional={"n": leaf, "l": st.lists(leaf, max_size=3), "m": inner})


shaped = _of_one_shape(st.integers(0, 5))


@given(shaped, shaped, shaped, st.sampled_from(ListRule))
def test_merge_is_associative_for_values_of_one_shape(a: object, b: object, c: object, lists: ListRule) -> None:
    left = merge(merge(a, b, lists=lists), c, lists=lists)
    right = merge(a, merge(b, c, lists=lists), lists=lists)
    assert left == right


@given(values, st.sampled_from(ListRule))
def test_merging_over_nothing_gives_plain_data(value: object, lists: ListRule) -> None:
    result = merge({}, {"a": value}, lists=lists)
    assert result == {"a": plain(value)}
    assert all(type(one) in {dict, list, str, int, bool, type(None)} for one in _parts(result))


def _parts(value: object) -> Iterator[object]:
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(item)


def test_positions_do_not_survive_into_results() -> None:
    source = SourceMap([("a", SourceList([1], [Position("f", 2, 3)]))], {"a": Position("f", 1, 1)})
    result = flatten([Layer("x", source)])
    assert type(result) is dict
    assert type(result["a"]) is list


def test_too_deep_data_is_an_error_of_ours() -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(JetpackError, match="nested too deeply"):
        flatten([Layer("facts", {"x": deep})])


def test_replace_keys_of_json() -> None:
    data = {"a!replace": [1], "b": {"c!replace": {"d": 1}}, "l": [{"x!replace": 1}], "!replace": 2}
    assert resolve_replace_keys(data) == {
        "a": Replace([1]),
        "b": {"c": Replace({"d": 1})},
        "l": [{"x": Replace(1)}],
        "!replace": 2,
    }


def test_the_replacing_key_counts_when_both_are_there() -> None:
    assert resolve_replace_keys({"a!replace": 1, "a": 2}) == {"a": Replace(1)}
    assert resolve_replace_keys({"a": 2, "a!replace": 1}) == {"a": Replace(1)}


def test_replace_keys_keep_positions() -> None:
    place = Position("f", 3, 1)
    resolved = resolve_replace_keys(SourceMap([("a!replace", 1)], {"a!replace": place}))
    assert isinstance(resolved, SourceMap)
    assert resolved.positions == {"a": place}


GROUP, HOST = Position("group_vars/web", 2, 1), Position("host_vars/h1", 4, 1)
NESTED = Position("group_vars/web", 3, 3)
LAYERS = (
    Layer("group web", SourceMap([("nginx", SourceMap([("ports", [80])], {"ports": NESTED}))], {"nginx": GROUP})),
    Layer("host h1", SourceMap([("nginx", {"ports": [81], "user": "www"})], {"nginx": HOST})),
    Layer("facts", {"nginx": {"ports": [82]}}, REPLACE),
)


def test_explain_names_every_contribution() -> None:
    assert explain(LAYERS, "nginx.ports") == (
        Contribution("group web", NESTED, [80], Effect.SET),
        Contribution("host h1", None, [81], Effect.APPENDED),
        Contribution("facts", None, [82], Effect.REPLACED),
    )
    whole = explain(LAYERS, "nginx")
    assert [(one.position, one.effect) for one in whole] == [
        (GROUP, Effect.SET),
        (HOST, Effect.MERGED),
        (None, Effect.MERGED),
    ]
    assert explain(LAYERS, "apache") == ()
    assert explain(LAYERS, "nginx.nothing") == ()


def test_explain_tells_what_removes_and_what_is_ignored() -> None:
    base = Layer("low", {"a": {"b": 1}})
    ignored, cut = Layer("null", {"a": None}), Layer("cut", {"a": Replace({"c": 2})})
    assert [one.effect for one in explain((base, ignored), "a")] == [Effect.SET, Effect.IGNORED]
    assert [one.effect for one in explain((base, ignored), "a.b")] == [Effect.SET]
    assert [one.effect for one in explain((base, cut), "a.b")] == [Effect.SET, Effect.REMOVED]
    assert [one.effect for one in explain((base, cut), "a.c")] == [Effect.SET]
    assert [one.effect for one in explain((base, Layer("scalar", {"a": 1})), "a.b")] == [
        Effect.SET,
        Effect.REMOVED,
    ]


def test_a_name_with_a_dot_is_found_as_it_is() -> None:
    assert [one.value for one in explain([Layer("x", {"a.b": 1})], "a.b")] == [1]


@given(layers)
def test_explain_agrees_with_flatten(given_layers: list[Layer]) -> None:
    result = flatten(given_layers)
    for path in _paths(result):
        contributions = explain_path(given_layers, path)
        assert contributions
        assert contributions[-1].effect is not Effect.REMOVED
        if contributions[-1].effect in {Effect.SET, Effect.REPLACED}:
            assert _at(result, path) == plain(contributions[-1].value)


@given(layers, keys, keys)
def test_what_explain_calls_removed_is_not_there(given_layers: list[Layer], first: str, second: str) -> None:
    contributions = explain_path(given_layers, (first, second))
    inner = flatten(given_layers).get(first)
    there = isinstance(inner, dict) and second in inner
    assert there == (bool(contributions) and contributions[-1].effect is not Effect.REMOVED)


@given(layers, keys)
def test_a_list_is_what_its_contributions_appended(given_layers: list[Layer], key: str) -> None:
    total: object = None
    for one in explain_path(given_layers, (key,)):
        if one.effect is Effect.APPENDED:
            assert isinstance(total, list)
            assert isinstance(one.value, list)
            total = total + [plain(item) for item in one.value]
        elif one.effect in {Effect.SET, Effect.REPLACED}:
            total = plain(one.value)
        elif one.effect is Effect.MERGED:
            return
    assert flatten(given_layers).get(key) == total


def _paths(value: object, above: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    if above:
        yield above
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, (*above, key))


def _at(value: object, path: tuple[object, ...]) -> object:
    for key in path:
        assert isinstance(value, dict)
        value = value[key]
    return value
