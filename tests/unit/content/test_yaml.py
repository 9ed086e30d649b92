# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading YAML and JSON: types, places, limits, and files that are no text."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence
from jetpack_core.content.problems import Problems
from jetpack_core.content.yaml import load_data, load_vars_file, parse, plain_scalar, to_data
from jetpack_core.errors import ContentError
from jetpack_core.variables.data import Replace, SourceList, SourceMap


def data(text: str) -> object:
    problems = Problems()
    node = parse(text.encode(), "x.yml", problems)
    result = None if node is None else to_data(node, problems)
    problems.raise_if_any()
    return result


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-0.25e-3", -0.00025),
    ],
)
def test_plain_scalar_means_what_yaml_1_2_says(text: str, value: object) -> None:
    found = plain_scalar(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "no", "on", "off", "y", "0644", "0o644", "0x1f", "007", "00", "1:30", "2026-11-21", "1_000", "12e45"),
        *("1.2.3", "1.0e999", "9" * 5000, ".inf", ".nan", "-", "+", ".", "1.5x", "tRUE", "-01.5"),
    ],
)
def test_everything_else_stays_text(text: str) -> None:
    assert plain_scalar(text) == text


@given(st.text())
def test_a_scalar_of_any_text_is_itself_or_a_number(text: str) -> None:
    found = plain_scalar(text)
    assert found == text or not isinstance(found, str)


def test_quotes_make_text_and_block_scalars_are_text() -> None:
    assert data("a: '1'\nb: \"true\"\nc: |\n  5\nd: ''\n") == {"a": "1", "b": "true", "c": "5\n", "d": ""}


def test_data_remembers_where_it_was_written() -> None:
    found = data("a: 1\nb:\n  - x\n  - y: 2\n")
    assert isinstance(found, SourceMap)
    assert str(found.positions["b"]) == "x.yml:2:1"
    items = found["b"]
    assert isinstance(items, SourceList)
    assert [str(one) for one in items.positions] == ["x.yml:3:5", "x.yml:4:5"]


def test_replace_tag_wraps_its_value() -> None:
    assert data("a: !replace [1, 2]\nb: !replace {c: d}\n") == {"a": Replace([1, 2]), "b": Replace({"c": "d"})}


def test_aliases_stand_for_what_they_name() -> None:
    assert data("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


def test_merge_keys_fill_in_what_is_not_there() -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\none: {<<: *x, a: 5}\ntwo:\n  <<: [*x, *y]\n  d: 6\n"
    found = data(text)
    assert isinstance(found, dict)
    assert found["one"] == {"a": 5, "b": 2}
    assert found["two"] == {"a": 1, "b": 2, "c": 4, "d": 6}


def test_quoted_merge_key_is_a_key() -> None:
    assert data("'<<': 1") == {"<<": 1}


_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcäß 🙂-:#", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(_values)
def test_what_pyyaml_writes_is_read_back(value: object) -> None:
    # Quoted throughout, so that the writer's idea of what needs quotes does not matter.
    written = yaml.safe_dump(value, allow_unicode=True, default_style='"')
    problems = Problems()
    node = parse(written.encode(), "x", problems)
    problems.raise_if_any()
    assert node is not None
    assert _untagged(node) == _as_text(value)


def _untagged(node: Node) -> object:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Mapping):
        return {key.text: _untagged(value) for key, value in node.pairs}
    assert isinstance(node, Sequence)
    return [_untagged(item) for item in node.items]


def _as_text(value: object) -> object:
    if isinstance(value, dict):
        return {key: _as_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


@given(st.text(max_size=200) | st.text("[]{}:,-?&*!|>'\"%@` \n\tab#", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    problems = Problems()
    node = parse(text.encode("utf-8", "surrogatepass"), "x.yml", problems)
    if node is not None:
        to_data(node, problems)
    lines = text.count("\n") + text.count("\r") + sum(map(text.count, "\x85\u2028\u2029")) + 2
    try:
        problems.raise_if_any()
    except ContentError as error:
        assert all(1 <= problem.position.line <= lines for problem in error.problems)  # noqa: PT017


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    problems = Problems()
    node = parse(content, "x.yml", problems)
    if node is not None:
        to_data(node, problems)
    with contextlib.suppress(ContentError):
        problems.raise_if_any()


@given(st.lists(st.sampled_from(["a", "bc", "  # comment", ""]), max_size=8))
def test_the_place_of_a_key_is_where_it_stands(before: list[str]) -> None:
    lines = [f"k{number}: {text}" for number, text in enumerate(before)]
    text = "\n".join([*lines, "nested:", "    - here: 1"])
    found = data(text)
    assert isinstance(found, SourceMap)
    items = found["nested"]
    assert isinstance(items, SourceList)
    assert isinstance(items[0], SourceMap)
    position = items[0].positions["here"]
    assert text.split("\n")[position.line - 1][position.column - 1 :].startswith("here:")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: \xff\n", "x.yml:1:4: the byte 0xff is not UTF-8"),
        ("ä: \N{LATIN SMALL LETTER E WITH ACUTE}".encode("latin-1"), "x.yml:1:1: the byte 0xe4 is not UTF-8"),
        (b"a: 1\nb: \0", "x.yml:2:4: holds a NUL byte, so it is no text file"),
        (b"\xef\xbb\xbfa: 1", "x.yml:1:1: begins with a byte order mark"),
        ("a: 1".encode("utf-16"), "x.yml:1:1: is written in UTF-16"),
        (b"a: 1\nb: x\x07y", "x.yml:2:5: the control character U+0007 cannot stand in YAML"),
        (b"a: 1\n---\nb: 1", "x.yml:2:1: a second document begins here"),
        (b"a: " + b"[" * 100_000, "x.yml:1:103: more than 100 lists and mappings inside one another"),
        (b"- " * 50_000 + b"a", "x.yml:1:201: more than 100 lists and mappings inside one another"),
    ],
)
def test_content_that_is_no_yaml_gets_one_clear_error(content: bytes, message: str, tmp_path: Path) -> None:
    problems = Problems()
    assert parse(content, "x.yml", problems) is None
    with pytest.raises(ContentError) as caught:
        problems.raise_if_any()
    assert [str(problem).splitlines()[0] for problem in caught.value.problems] == [message]


def _message(path: Path) -> str:
    with pytest.raises(ContentError) as caught:
        load_data(path)
    (problem,) = caught.value.problems
    return f"{problem.position}: {problem.message}"


def test_files_that_cannot_be_read_get_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("loop").symlink_to("loop")
    with Path("large").open("wb") as file:
        file.truncate(100_000_000)
    assert _message(Path("folder")) == "folder:1:1: is a directory, and a file is needed"
    assert _message(Path("missing")) == "missing:1:1: there is no such file"
    assert _message(Path("large")) == "large:1:1: is too large: 100 MB, and the limit is 16 MiB"
    assert _message(Path("loop")).startswith("loop:1:1: cannot be read: ")
    assert _message(Path("a\0b")).startswith("a\0b:1:1: cannot be read: ")


def test_a_file_is_shown_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "bad.yml").write_text("a: @")
    monkeypatch.chdir(tmp_path)
    assert _message(tmp_path / "bad.yml").startswith("bad.yml:1:4: ")
    monkeypatch.chdir("inside")
    assert _message(Path("../bad.yml")).startswith("../bad.yml:1:4: ")
    assert _message(tmp_path / "bad.yml").startswith(f"{tmp_path}/bad.yml:1:4: ")


def test_empty_file_has_no_data(tmp_path: Path) -> None:
    for text in ("", "\n", "# nothing\n", "---\n"):
        (tmp_path / "x.yml").write_text(text)
        assert load_data(tmp_path / "x.yml") is None
        assert load_vars_file(tmp_path / "x.yml") == {}


@given(value=_values)
def test_json_files_are_read_with_places(value: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "x.json"
    text = json.dumps({"first": [value], "second": value}, indent=2)
    path.write_text(text)
    found = load_data(path)
    assert isinstance(found, SourceMap)
    assert found == {"first": [value], "second": value}
    position = found.positions["second"]
    assert text.split("\n")[position.line - 1][position.column - 1 :].startswith('"second"')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,}', "1:9: this is not JSON: a key in double quotes is expected"),
        ('{"a": 1\n "b": 2}', "2:2: this is not JSON: a ',' or '}' is expected"),
        ('{"a": 1, "a": 2}', "1:10: the key 'a' is there twice"),
        ("[1, 2", "1:6: this is not JSON: a ',' or ']' is expected"),
        ("{} x", "1:4: this is not JSON: more text, where it has ended"),
        ("[NaN]", "1:2: this is not JSON: NaN is no value of JSON"),
        ("[" * 200, "1:102: this is not JSON: more than 100 lists and mappings inside one another"),
    ],
)
def test_bad_json_is_refused_at_its_place(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert _message(path).endswith(message)


@given(text=st.text(max_size=60) | st.text('{}[]",:1e+- \n\\untrue', max_size=40))
def test_any_json_text_is_read_as_the_standard_library_does_or_refused(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found = load_data(path)
    except ContentError:
        return
    if text.strip():
        assert found == json.loads(text)


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.yml"
    path.write_text("a: 1")
    path.chmod(0)
    if os.access(path, os.R_OK):
        assert load_data(path) == {"a": 1}  # root reads everything
    else:
        assert _message(path).endswith(":1:1: cannot be read: Permission denied")
