# SPDX-License-Identifier: GPL-3.0-or-later
"""Become templates: split before values are put in."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.connections.become import ladder, split_template
from jetpack_core.connections.codec import failure
from jetpack_core.connections.remote.helper.boot import quote
from jetpack_core.contracts.operations import Become
from jetpack_core.errors import BecomeError

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: not name.startswith("-")
)


@given(names)
def test_a_user_name_never_splits_or_changes_the_words(name: str) -> None:
    for template in ("sudo -u '{{ jet_sudo_user }}' {{ jet_command }}", "sudo -u {{jet_sudo_user}} {{jet_command}}"):
        assert split_template(template, name) == ("sudo", "-u", name, None)


@given(st.text(st.characters(exclude_characters="\0")))
def test_quoting_for_shells_is_undone_by_splitting(word: str) -> None:
    assert shlex.split(quote(word)) == [word]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("", ("sudo", "-H", "-u", "app", None)),
        ("/usr/bin/sudo -u '{{ jet_sudo_user }}' {{ jet_command }}", ("/usr/bin/sudo", "-u", "app", None)),
        ("su - {{ jet_sudo_user }} -c {{ jet_command }}", ("su", "-", "app", "-c", "\1")),
        ("su - {{ jet_sudo_user }} -c 'exec {{ jet_command }}'", ("su", "-", "app", "-c", "exec \1")),
        ("doas -u {{ jet_sudo_user }} -- {{ jet_command }}", ("doas", "-u", "app", "--", None)),
        ("sudo -u{{ jet_sudo_user }} nice {{ jet_command }}", ("sudo", "-uapp", "nice", None)),
    ],
)
def test_templates(template: str, words: tuple[str | None, ...]) -> None:
    assert split_template(template, "app") == words


@pytest.mark.parametrize(
    ("template", "user", "said"),
    [
        ("sudo -u {{ jet_sudo_user }}", "app", "must name {{ jet_command }} once"),
        ("{{ jet_command }}", "app", "after a program"),
        ("sudo {{ jet_command }} {{ jet_command }}", "app", "once"),
        ("sudo '{{ jet_command }}", "app", "cannot be split"),
        ("sudo -u {{ user }} {{ jet_command }}", "app", "unknown placeholder"),
        ("", "-x", "cannot be a user name"),
        ("", "", "cannot be a user name"),
    ],
)
def test_wrong_templates_are_explained(template: str, user: str, said: str) -> None:
    with pytest.raises(BecomeError, match=said):
        split_template(template, user)


def test_the_password_is_never_a_word() -> None:
    for template in ("", "su - {{ jet_sudo_user }} -c {{ jet_command }}", "doas -u x {{ jet_command }}"):
        way = ladder(Become("root", template, "s3cret"))
        assert not [word for word in way.argv if word and "s3cret" in word]
        assert "s3cret" not in repr(way)


def test_sudo_asks_by_a_prompt_of_our_own_or_not_at_all() -> None:
    asking = ladder(Become("root", "", "s3cret"))
    assert asking.argv[:4] == ("sudo", "-S", "-p", asking.prompt)
    assert asking.prompt
    silent = ladder(Become("root", ""))
    assert silent.argv[:2] == ("sudo", "-n")
    assert ladder(Become("root", "doas -u root {{ jet_command }}")).argv[:2] == ("doas", "-n")
    assert ladder(Become("root", "su root -c {{ jet_command }}", "x")).terminal


def test_a_password_of_two_lines_is_refused() -> None:
    with pytest.raises(BecomeError, match="line"):
        ladder(Become("root", "", "one\ntwo"))


def test_sudo_that_demands_a_terminal_comes_with_what_to_do() -> None:
    error = failure("BECOME", "root", "sudo: sorry, you must have a tty to run sudo")
    assert isinstance(error, BecomeError)
    assert "must have a tty" in error.message
    assert "remove `requiretty` with visudo" in error.hint
