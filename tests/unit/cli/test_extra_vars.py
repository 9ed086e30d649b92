# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables given by `-e`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.cli.extra_vars import overlay_maps, read_extra_vars
from jetpack_core.errors import ContentError, UsageError
from jetpack_core.variables.data import Replace

MAPS = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
MAP = st.dictionaries(st.sampled_from("abc"), MAPS, max_size=3)


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("a=1", {"a": 1}),
        ("a=text=with=signs", {"a": "text=with=signs"}),
        ("a.b.c=true", {"a": {"b": {"c": True}}}),
        ("a=no", {"a": "no"}),
        ("a=null", {"a": None}),
        ("a=", {"a": ""}),
        ("a=0644", {"a": "0644"}),
        ("a=1.5", {"a": 1.5}),
        ("a={{ b }}", {"a": "{{ b }}"}),
        ("a=hello: world", {"a": "hello: world"}),
        ("net.0=x", {"net": {"0": "x"}}),
        ('{"a": {"b": [1, "2"]}}', {"a": {"b": [1, "2"]}}),
        (' {"a!replace": [1]}', {"a": Replace([1])}),
        ("{}", {}),
    ],
)
def test_one_piece(piece: str, expected: object) -> None:
    assert read_extra_vars([piece]) == expected


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("vars.yml", "a: 1\nb: [x, no]\n", {"a": 1, "b": ["x", "no"]}),
        ("vars.json", '{"a": {"b": null}}', {"a": {"b": None}}),
        ("vars", "a: !replace [1]\n", {"a": Replace([1])}),
        ("vars.yml", "", {}),
    ],
)
def test_a_file(tmp_path: Path, name: str, content: str, expected: object) -> None:
    file = tmp_path / name
    file.write_text(content)
    assert read_extra_vars([f"@{file}"]) == expected


def test_later_pieces_win_maps_merge_and_lists_replace() -> None:
    pieces = ['{"a": {"x": 1, "y": [1, 2]}, "b": 1}', "a.z=3", '{"a": {"y": [3]}}', "b=2"]
    assert read_extra_vars(pieces) == {"a": {"x": 1, "y": [3], "z": 3}, "b": 2}


def test_a_replace_mark_outlives_what_is_laid_over_it() -> None:
    assert read_extra_vars(['{"a!replace": {"x": 1}}', "a.y=2"]) == {"a": Replace({"x": 1, "y": 2})}


def leaves(data: dict[str, object], *path: str) -> dict[tuple[str, ...], object]:
    """Return every value that is no map, and every empty map, by its path."""
    found: dict[tuple[str, ...], object] = {}
    for key, value in data.items():
        if isinstance(value, dict) and value:
            found |= leaves(value, *path, key)
        else:
            found[(*path, key)] = value
    return found


@given(MAP, MAP)
def test_what_is_laid_over_is_all_there_and_nothing_else_is_lost(
    low: dict[str, object], high: dict[str, object]
) -> None:
    before = repr((low, high))
    result = leaves(overlay_maps(low, high))
    above = {path: value for path, value in leaves(high).items() if value != {}}
    assert above.items() <= result.items()
    untouched = [path for path in leaves(low) if path[0] not in high]
    assert all(result[path] == leaves(low)[path] for path in untouched)
    assert repr((low, high)) == before
    assert overlay_maps(low, {}) == overlay_maps({}, low) == overlay_maps(low, low) == low


@pytest.mark.parametrize(
    ("piece", "told"),
    [
        ("nonsense", "'nonsense' is neither JSON nor an assignment"),
        ("a b=1", "'a b' is no variable name"),
        (".a=1", "'.a' is no variable name"),
        ("=1", "'' is no variable name"),
    ],
)
def test_a_wrong_piece_is_shown(piece: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_extra_vars(["fine=1", piece])
    assert told in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("piece", "told"),
    [
        ('{"a": 1,}', "-e:1:9: this is not JSON: a key in double quotes is expected"),
        ("{a: 1}", "-e:1:2: this is not JSON: a key in double quotes is expected"),
        ('{"a": 1, "a": 2}', "-e:1:10: the key 'a' is there twice"),
        ('{"a": NaN}', "-e:1:7: this is not JSON: NaN is no value of JSON"),
        ('{"a": ' + "[" * 90_000, "more than 100 lists and mappings inside one another"),
    ],
)
def test_json_that_is_none_is_shown_with_the_place(piece: str, told: str) -> None:
    with pytest.raises(ContentError) as caught:
        read_extra_vars(["fine=1", piece])
    assert told in caught.value.message


@pytest.mark.parametrize("content", ["- 1\n", "just text\n", "a: [1\n"])
def test_a_wrong_file_is_named_with_the_place(tmp_path: Path, content: str) -> None:
    file = tmp_path / "vars.yml"
    file.write_text(content)
    with pytest.raises(ContentError, match=r"vars\.yml:\d+:\d+: "):
        read_extra_vars([f"@{file}"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"gone\.yml"):
        read_extra_vars([f"@{tmp_path}/gone.yml"])
