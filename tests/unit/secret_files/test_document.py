# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a YAML document are changed one by one, and everything else keeps its bytes."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.content.problems import Problems
from jetpack_core.content.yaml import parse
from jetpack_core.errors import ContentError, UsageError
from jetpack_core.secret_files.document import Document, shown_keys, split_path
from jetpack_core.secret_files.editing import resealed, revealed
from jetpack_core.secret_files.keeper import Opened
from jetpack_core.secret_files.spans import Keys

ARMOR = "-----BEGIN AGE ENCRYPTED FILE-----\n{}\n-----END AGE ENCRYPTED FILE-----\n"

SHAPES = """\
# who may log in, é
admin: &boss !age | # the boss
  {0}
port: 5432

users:
  - name: ada   # first
    password: !age |
      {1}

  - {{name: bob, password: !age "{2}", uid: 7}}
  - !age "{2}"
same: *boss
deep:
    deeper:
    - !age |-
        {3}
    # between
    list: !age '{4}'   # quoted
empty: !age
last: !age |
   {5}"""


def document(text: str) -> Document:
    return Document(text.encode(), "vars.yml")


def block(text: str, indent: int) -> str:
    return f"\n{' ' * indent}".join(ARMOR.format(text).splitlines())


def shapes() -> Document:
    one_line = ARMOR.format("DDDD").replace("\n", "\\n")
    texts = [block("AAAA", 2), block("BBBB", 6), one_line, block("EEEE", 8), "just text", block("FFFF", 3)]
    return document(SHAPES.format(*texts))


def text_at(found: Document, *keys: str | int) -> str:
    return found.values[keys].text


def test_every_value_is_found_with_its_keys() -> None:
    assert [shown_keys(value.keys) for value in shapes().sealed] == [
        "admin",
        "users.0.password",
        "users.1.password",
        "users.2",
        "deep.deeper.0",
        "deep.list",
        "empty",
        "last",
    ]


@pytest.mark.parametrize("keys", [value.keys for value in shapes().sealed], ids=shown_keys)
def test_replacing_one_value_changes_no_other_and_keeps_every_comment(keys: tuple[str | int, ...]) -> None:
    before = shapes()
    new = ARMOR.format("NEWNEWNEW")
    after = document(before.with_sealed({keys: new}))
    assert after.values[keys].text.strip() == new.strip()
    assert after.values[keys].sealed
    others = [one for one in before.values if one != keys]
    assert [one for one in after.values if one != keys] == others
    assert {one: after.values[one].text for one in others} == {one: before.values[one].text for one in others}
    assert [line for line in after.text.splitlines() if "#" in line and "NEW" not in line] == [
        line if keys != ("deep", "list") else line.replace("'just text'", "|")
        for line in before.text.splitlines()
        if "#" in line
    ]
    value = before.values[keys]
    assert after.text.startswith(before.text[: value.start])
    assert after.text.endswith(before.text[value.region_end :])


def test_windows_line_ends_stay() -> None:
    before = document("a: !age |\r\n  XX\r\nb: 1\r\n")
    after = before.with_sealed({("a",): ARMOR.format("YY")})
    assert "\n" not in after.replace("\r\n", "")
    assert document(after).values["b",].text == "1"


def test_a_value_in_clear_gets_a_tag_and_keeps_its_comment() -> None:
    before = document("db:\n  password: hunter2  # old\n  user: me\n")
    after = before.with_sealed({("db", "password"): ARMOR.format("XX")})
    assert after == f"db:\n  password: !age |  # old\n    {block('XX', 4)}\n  user: me\n"


CLEAR = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.text("ab \n\t#:'\"|-!&*", max_size=12)


@given(texts=st.lists(CLEAR, min_size=8, max_size=8))
def test_any_text_can_be_shown_in_the_editor_and_read_back(texts: list[str]) -> None:
    before = shapes()
    clear = {value.keys: Opened(text, True, "") for value, text in zip(before.sealed, texts, strict=True)}
    shown = document(revealed(before, clear))
    assert {value.keys: value.text for value in shown.sealed} == {keys: one.text for keys, one in clear.items()}
    others = {keys: one.text for keys, one in before.values.items() if keys not in clear}
    assert {keys: one.text for keys, one in shown.values.items() if keys not in clear} == others


@given(texts=st.lists(CLEAR, min_size=8, max_size=8), changed=st.sets(st.integers(0, 7)))
def test_values_that_were_not_changed_in_the_editor_keep_their_bytes(texts: list[str], changed: set[int]) -> None:
    before = shapes()
    keys = [value.keys for value in before.sealed]
    clear = {key: Opened(text, True, "") for key, text in zip(keys, texts, strict=True)}
    news = {keys[number]: texts[number] + "!" for number in changed}
    shown = document(revealed(before, clear))
    edited = document(shown.with_clear(news, tagged=True))
    done = resealed(before, clear, edited, lambda text, _: ARMOR.format(f"{len(text)}"))
    assert set(done.sealed) == set(news)
    expected = before.with_sealed({key: ARMOR.format(f"{len(text)}") for key, text in news.items()})
    assert done.text == expected
    if not changed:
        assert done.text == before.text


@given(text=CLEAR)
def test_a_text_decrypted_for_good_stays_text(text: str) -> None:
    before = shapes()
    after = document(before.with_clear({("users", 0, "password"): text, ("users", 1, "password"): text}, tagged=False))
    node = parse(after.text.encode(), "x", Problems())
    assert node is not None
    from jetpack_core.content.yaml import plain_scalar

    for keys in (("users", 0, "password"), ("users", 1, "password")):
        value = after.values[keys]
        assert not value.sealed
        assert (plain_scalar(value.text) if value.plain else value.text) == text


def test_an_item_put_before_others_leaves_their_ciphertexts_alone() -> None:
    before = document(f"users:\n  - !age |\n    {block('AA', 4)}\n  - !age |\n    {block('BB', 4)}\n")
    clear: dict[Keys, Opened] = {("users", 0): Opened("ada", True, ""), ("users", 1): Opened("bob", True, "")}
    edited = document(revealed(before, clear).replace("users:\n", "users:\n  - !age new\n"))
    done = resealed(before, clear, edited, lambda _, __: ARMOR.format("CC"))
    assert done.sealed == (("users", 0),)
    assert text_at(document(done.text), "users", 1) == text_at(before, "users", 0)
    assert text_at(document(done.text), "users", 2) == text_at(before, "users", 1)


def test_an_item_that_comes_to_say_what_another_says_leaves_that_one_alone() -> None:
    before = document(f"users:\n  - !age |\n    {block('AA', 4)}\n  - !age |\n    {block('BB', 4)}\n")
    clear: dict[Keys, Opened] = {("users", 0): Opened("ada", True, ""), ("users", 1): Opened("bob", True, "")}
    edited = document(revealed(before, clear).replace("ada", "bob"))
    done = resealed(before, clear, edited, lambda _, __: ARMOR.format("CC"))
    assert done.sealed == (("users", 0),)
    assert text_at(document(done.text), "users", 1) == text_at(before, "users", 1)


def test_a_value_that_was_given_another_key_is_encrypted_anew() -> None:
    before = document(f"a: !age |\n  {block('AA', 2)}\n")
    edited = document(revealed(before, {("a",): Opened("x", True, "")}).replace("a:", "b:"))
    done = resealed(before, {("a",): Opened("x", True, "")}, edited, lambda _, __: ARMOR.format("NEW"))
    assert done.sealed == (("b",),)


def test_a_value_indented_deeper_is_moved_with_its_ciphertext() -> None:
    before = document(f"a:\n  !age |\n  {block('AA', 2)}\nb: 1\n")
    clear: dict[Keys, Opened] = {("a",): Opened("x", True, "")}
    edited = document("".join(f"    {line}\n" for line in revealed(before, clear).splitlines()))
    after = document(resealed(before, clear, edited, lambda _, __: "never").text)
    assert text_at(after, "a") == text_at(before, "a")


def test_what_no_key_opened_goes_back_as_it_was() -> None:
    before = shapes()
    keys = ("users", 0, "password")
    clear = {value.keys: Opened("x", True, "") for value in before.sealed if value.keys != keys}
    shown = document(revealed(before, clear))
    assert text_at(shown, *keys) == text_at(before, *keys)
    assert resealed(before, clear, shown, lambda _, __: "never").text == before.text


def test_a_tag_before_a_mapping_is_refused_with_its_place() -> None:
    edited = document("a: 1\nb: !age\n  c: d\n")
    with pytest.raises(ContentError, match=r"vars\.yml:2:4: !age stands before a mapping"):
        resealed(shapes(), {}, edited, lambda _, __: "never")


@pytest.mark.parametrize(
    ("before", "path"),
    [
        ("", "a"),
        ("# only a comment", "a.b"),
        ("x: 1\n", "a.b.c"),
        ("x: 1", "a"),
        ("x:\n  y: 1\n  # end of x\nz: 2\n", "x.a"),
        ("x:\n  - y: 1\n    w: 2\n  - q: 2\n", "x.0.a"),
        ("x: {y: 1}\n", "x.a"),
        ("x: {}\n", "x.a.b"),
        ("x: {y: 1, }\n", "x.a"),
        ("x: {\n  y: 1 # note\n}\nz: 1\n", "x.a"),
        ("x:\nz: 1\n", "x.a.b"),
        ("x: # nothing\nz: 1\n", "x.a"),
        ("x: ~\nz: 1\n", "x.a"),
        ("x: {y: , z: 1}\n", "x.y.a"),
        ("x: !age |\n  foo\n\nz: 1\n", "a"),
        ("x: &b\n  y: 1\nz: *b\n", "x.a"),
        ("{}\n", "a"),
        ("x:\r\n  y: 1\r\nz: 2\r\n", "x.a"),
        ("x:\n  y: |\n    text\n\n\nz: 2\n", "x.a"),
        ("x: !!map\n      y: 1\nz: 2\n", "x.a"),
    ],
)
def test_a_new_value_finds_its_place(before: str, path: str) -> None:
    old = document(before)
    keys = old.keys(path)
    after = document(old.with_new(keys, ARMOR.format("XX")))
    assert after.values[keys].sealed
    assert after.values[keys].text.strip() == ARMOR.format("XX").strip()
    gone = [one for one in old.values if one not in after.values]
    assert gone in ([], [keys[: len(gone[0])]] if gone else [])
    assert {one: after.values[one].text for one in old.values if one not in gone} == {
        one: value.text for one, value in old.values.items() if one not in gone
    }
    assert [line for line in before.split() if "#" in line] == [line for line in after.text.split() if "#" in line]


@pytest.mark.parametrize(
    ("before", "path", "message"),
    [
        ("x: 1\n", "x.y", r"vars\.yml:1:4: x is a value already"),
        ("x: [1]\n", "x.5", "is a list, and has no item 5"),
        ("x: [1]\n", "x.y", "is a list, and 'y' is no number"),
        ("- 1\n", "1", "is a list"),
        ("just text\n", "a", "is a value already"),
        ("x: &b {y: 1}\nz: *b\n", "z.a", r"z\.a cannot be added to vars\.yml"),
        ("x: 1\n", "x..y", "is no way to a value"),
    ],
)
def test_a_new_value_with_something_in_its_way_is_refused(before: str, path: str, message: str) -> None:
    old = document(before)
    with pytest.raises(UsageError, match=message):
        old.with_new(old.keys(path), ARMOR.format("XX"))


def test_a_key_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"has no key users\.0\.pasword") as caught:
        shapes().under(("users", 0, "pasword"))
    assert "users.0.password" in caught.value.hint


@given(st.lists(st.text(string.ascii_letters + ".-_é", min_size=1), min_size=1, max_size=4))
def test_keys_with_dots_can_be_written(parts: list[str]) -> None:
    assert split_path(shown_keys(tuple(parts))) == parts
