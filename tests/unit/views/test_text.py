# SPDX-License-Identifier: GPL-3.0-or-later
"""Text for terminals."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.views.text import clip, join_names, one_line, pad, plain, value_text, visible, width


@given(st.text())
def test_visible_text_has_nothing_that_moves_a_cursor(text: str) -> None:
    shown = visible(text)
    assert not [char for char in shown if ord(char) < 32 and char not in "\n\t"]
    assert not [char for char in shown if 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000]
    assert "\n" not in one_line(text)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    if text.isprintable():
        assert visible(text) == text


@given(st.text(st.characters(categories=["L", "N", "Zs"])), st.integers(4, 30))
def test_clipped_text_fits(text: str, columns: int) -> None:
    assert width(clip(text, columns)) <= columns
    assert clip(text, columns) == text or clip(text, columns).endswith("...")


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("👩\u200d💻", 4), ("", 0)])
def test_widths_are_those_of_terminals(text: str, columns: int) -> None:
    assert width(text) == columns


def test_padding_counts_columns() -> None:
    assert pad("日本", 6) == "日本  "
    assert pad("日本", 6, right=True) == "  日本"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ""),
        (["a"], "a"),
        (["web1", "web2"], "web1, web2"),
        (["web1", "web2", "web3"], "web{1..3}"),
        (["web08", "web09", "web10", "db"], "web{08..10}, db"),
        (["web8", "web9", "web10"], "web{8..10}"),
        (["web08", "web9", "web10"], "web08, web9, web10"),
        (["n1.x", "n2.x", "n3.x", "n3.y"], "n{1..3}.x, n3.y"),
        (["web3", "web2", "web1"], "web3, web2, web1"),
    ],
)
def test_names_that_count_up_are_drawn_together(names: list[str], expected: str) -> None:
    assert join_names(names) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "none"),
        (True, "true"),
        (7, "7"),
        ("", "''"),
        ("a\nb", "a\\nb"),
        (b"\xff\xfe", "2 bytes"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        (("x", b"y"), '["x", "y"]'),
    ],
)
def test_values_are_short_text(value: object, expected: str) -> None:
    assert value_text(value) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.frozensets(st.text()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    )
)
def test_anything_becomes_strict_json_in_utf8(value: object) -> None:
    json.dumps(plain(value), allow_nan=False, ensure_ascii=False).encode()
