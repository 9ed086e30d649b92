# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns stand for what a shell's braces stand for."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetpack_core.modules.fleet.patterns import MOST, expand, expand_ranges

numbers = st.integers(0, 120)
widths = st.integers(0, 4)
words = st.text("abz09-._", max_size=5)


@st.composite
def ranges(draw: st.DrawFn) -> str:
    first, last, width = draw(numbers), draw(numbers), draw(widths)
    step = draw(st.sampled_from(["", "..1", "..3"]))
    letters = draw(st.sampled_from(["abz", "ABZ"]))
    return draw(
        st.sampled_from(
            [
                f"{{{first:0{width}}..{last:0{width}}{step}}}",
                f"{{{letters[0]}..{letters[1]}{step}}}",
                f"{{{letters[2]}..{letters[0]}}}",
                "{one,two,3}",
            ]
        )
    )


@st.composite
def patterns(draw: st.DrawFn) -> str:
    return draw(words) + draw(ranges()) + draw(words) + draw(st.sampled_from(["", draw(ranges())]))


@settings(max_examples=80, deadline=None)
@given(patterns())
def test_braces_are_those_of_a_shell(pattern: str) -> None:
    program = f'printf "%s\\n" {pattern}'
    shell = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True).stdout.splitlines()
    if len(shell) <= MOST:
        assert list(expand(pattern)) == shell
    else:
        with pytest.raises(ValueError, match="more than"):
            expand(pattern)


@given(words)
def test_a_text_without_braces_is_itself(text: str) -> None:
    assert expand(text) == (text,)
    assert expand_ranges(text) is None


@given(first=numbers, count=st.integers(1, 50), before=words, after=words)
def test_as_many_as_are_counted_each_once(first: int, count: int, before: str, after: str) -> None:
    pattern = f"{before}{{{first}..{first + count - 1}}}{after}"
    names = expand(pattern)
    assert len(names) == len(set(names)) == count
    assert all(name.startswith(before) and name.endswith(after) for name in names)
    assert expand_ranges(pattern) == names


@given(st.text("{}.,012ab", max_size=12))
def test_any_text_is_expanded_or_refused(text: str) -> None:
    try:
        names = expand(text)
    except ValueError:
        return
    assert 0 < len(names) <= MOST
    assert not any(set("{}") & set(name) for name in names)


@pytest.mark.parametrize("pattern", ["web-{01..10", "web-}", "{{a,b}}", "{1..3..0}", "{a..3}", "{}", "{1..}", "{1}"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"braces|range|steps"):
        expand(pattern)


@pytest.mark.parametrize("pattern", ["{1..20000}", "{1..200}{1..200}", "{0..99999999999}"])
def test_a_slip_of_the_finger_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="more than 10000"):
        expand(pattern)


def test_only_ranges_are_meant_in_values() -> None:
    assert expand_ranges("{host} {a,b} ${HOME}") is None
    assert expand_ranges("10.0.0.{8..10} {host}") == ("10.0.0.8 {host}", "10.0.0.9 {host}", "10.0.0.10 {host}")
