# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of `jetpack run`."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from jetpack_core.cli.adhoc import AdHoc, literal, playbook_text, read_words
from jetpack_core.errors import UsageError

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn", "Zl", "Zp"]))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["all", "facts"], AdHoc(("all",), "facts", {})),
        (["web:db", "mail", "!echo", "msg=a=b c"], AdHoc(("web", "db", "mail"), "echo", {"msg": "a=b c"})),
        (["all", "echo", "msg={{ x }}"], AdHoc(("all",), "echo", {"msg": "{{ x }}"})),
        (["all", "command", 'cmd=["ls", "-l"]'], AdHoc(("all",), "command", {"cmd": ["ls", "-l"]})),
        (["all", "echo", "msg=[not json"], AdHoc(("all",), "echo", {"msg": "[not json"})),
        (["all", "echo", "msg="], AdHoc(("all",), "echo", {"msg": ""})),
    ],
)
def test_groups_come_first_then_the_module_then_its_parameters(words: list[str], expected: AdHoc) -> None:
    assert read_words(words, None) == expected


def test_after_two_dashes_comes_a_command() -> None:
    assert read_words(["web", "db"], ["ls", "-l", "a b"]) == AdHoc(
        ("web", "db"), "command", {"cmd": ["ls", "-l", "a b"]}, "ls -l 'a b'"
    )


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ([], None), (["all"], None), (["x=1"], None), (["all", "echo", "msg=x", "late"], None),
        ([], ["ls"]), (["all"], []), (["all", "x=1"], ["ls"]),
    ],
)  # fmt: skip
def test_anything_else_is_an_error_that_shows_how_to_write_it(
    words: Sequence[str], command: Sequence[str] | None
) -> None:
    with pytest.raises(UsageError, match=r"hint: write jetpack run GROUPS\.\.\. MODULE"):
        read_words(words, command)


@given(PRINTABLE)
def test_a_literal_word_renders_to_itself(text: str) -> None:
    assert Environment(autoescape=False, keep_trailing_newline=True).from_string(literal(text)).render() == text  # noqa: S701


class Loader(yaml.SafeLoader):
    """Reads a task's tag as part of its content."""


Loader.add_multi_constructor(
    "!", lambda loader, tag, node: {"module": tag, **loader.construct_mapping(node, deep=True)}
)


@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\Z"), PRINTABLE | st.lists(PRINTABLE), min_size=1, max_size=4))
def test_whatever_the_values_are_they_are_the_same_in_the_playbook(parameters: dict[str, object]) -> None:
    text = playbook_text(AdHoc(("web", "db"), "copy", parameters))
    (play,) = yaml.load(text, Loader)  # noqa: S506
    assert play["groups"] == ["web", "db"]
    assert play["tasks"] == [{"module": "copy", **parameters}]
