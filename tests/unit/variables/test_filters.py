# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters and tests that Jinja2 does not have."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.content.scalars import plain_scalar
from jetpack_core.errors import TemplateError
from jetpack_core.registry import Kind, Registry
from jetpack_core.variables.data import SourceList, SourceMap
from jetpack_core.variables.filters.formats import from_yaml, to_yaml
from jetpack_core.variables.templates import Templates

NAMES: dict[str, Any] = {
    "d": {"b": [1, {"c": None}], "a": "no"},
    "l": [3, 1, 3, "1", True],
    "path": "/etc/nginx/nginx.conf",
    "log": "v1.2 v3.4",
    "source": SourceMap([("k", SourceList(["é"]))]),
    "raw": "\udcff",
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("d | to_json", '{"b":[1,{"c":null}],"a":"no"}'),
        ("d | to_json(sort=true)", '{"a":"no","b":[1,{"c":null}]}'),
        ("[1] | to_json(indent=2)", "[\n  1\n]"),
        ("source | to_json", '{"k":["é"]}'),
        ("'[1, {\"a\": null}]' | from_json", [1, {"a": None}]),
        ("d | to_yaml", "b:\n  - 1\n  - c: null\na: 'no'\n"),
        ("source | to_yaml", "k:\n  - é\n"),
        (
            "'a: no\nb: 0644\nc: 1:30\nd: 2024-01-02\ne: true\nf: 1.5' | from_yaml | to_json",
            '{"a":"no","b":"0644","c":"1:30","d":"2024-01-02","e":true,"f":1.5}',
        ),
        ("'é' | b64encode", "w6k="),
        ("'w6k=' | b64decode", "é"),
        ("'w6\nk=' | b64decode", "é"),
        ("raw | b64encode | b64decode == raw", True),
        ("path | basename", "nginx.conf"),
        ("path | dirname", "/etc/nginx"),
        ("path | dirname | basename", "nginx"),
        ("'it is' | quote", "'it is'"),
        ("['a', 'b c', 1] | quote", "a 'b c' 1"),
        ("log | regex_replace('v(\\\\d)', 'V\\\\1')", "V1.2 V3.4"),
        ("log | regex_replace('v', '', 1)", "1.2 v3.4"),
        ("log | regex_replace('V', '', ignorecase=true)", "1.2 3.4"),
        ("log | regex_search('v\\\\d')", "v1"),
        ("log | regex_search('x')", None),
        ("log | regex_search('v(\\\\d).(?P<m>\\\\d)', 1, 'm', '\\\\1', '\\\\g<m>')", ["1", "2", "1", "2"]),
        ("log | regex_findall('\\\\d')", ["1", "2", "3", "4"]),
        ("log | regex_findall('(\\\\d).(\\\\d)')", [["1", "2"], ["3", "4"]]),
        ("'abc' | hash", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("'abc' | hash('md5')", "900150983cd24fb0d6963f7d28e17f72"),
        ("{'a': {'x': 1}, 'l': [1]} | combine({'a': {'y': 2}, 'l': [2]})", {"a": {"x": 1, "y": 2}, "l": [2]}),
        ("{'l': [1]} | combine({'l': [2]}, lists='concatenate')", {"l": [1, 2]}),
        ("{} | combine({'a': 1}, {'a': 2})", {"a": 2}),
        ("l | union([5, 1])", [3, 1, "1", True, 5]),
        ("l | intersect([1, 3])", [3, 1]),
        ("l | difference([1, true])", [3, "1"]),
        ("[[1], {'a': 1}] | union([{'a': 1}, [1], [2]])", [[1], {"a": 1}, [2]]),
        ("[1, [2, [3, []]]] | flatten", [1, 2, 3]),
        ("[1, [2, [3]]] | flatten(1)", [1, 2, [3]]),
        ("[1, 2] | zip(['a', 'b', 'c'])", [[1, "a"], [2, "b"]]),
        ("{'a': 1} | dict2items", [{"key": "a", "value": 1}]),
        ("[{'k': 'a', 'v': 1}] | items2dict('k', 'v')", {"a": 1}),
        ("'a,b' | split(',')", ["a", "b"]),
        ("' a  b ' | split", ["a", "b"]),
        ("'a,b,c' | split(',', 1)", ["a", "b,c"]),
        ("['yes', 'on', 'True', 1, true] | map('bool')", [True] * 5),
        ("['no', 'off', '', 0, none] | map('bool')", [False] * 5),
        ("true | ternary('a', 'b')", "a"),
        ("none | ternary('a', 'b', 'c')", "c"),
        ("none | ternary('a', 'b')", "b"),
        ("log is search('3')", True),
        ("log is match('3')", False),
        ("log is match('V1', ignorecase=true)", True),
        ("l is contains(1)", True),
        ("[true] is contains(1)", False),
        ("d is contains('a')", True),
        ("log is contains('v3')", True),
        ("[1] is subset(l)", True),
        ("l is superset([1, 9])", False),
        ("log is starts_with('v1')", True),
        ("log is ends_with('v1')", False),
        ("[1, true] is all", True),
        ("[0, false] is any", False),
        ("['a1', 'b'] | select('match', '.*1') | list", ["a1"]),
        ("['1.9', '1.10'] | select('version', '1.10', '>=') | list", ["1.10"]),
    ],
)
def test_filters(templates: Templates, expression: str, expected: object) -> None:
    result = templates.evaluate(expression, NAMES)
    assert result == expected
    assert json.dumps(result) == json.dumps(expected)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("1.9", "1.10"),
        ("1.0rc1", "1.0"),
        ("1.0a2", "1.0b1"),
        ("v1.2", "1.3"),
        ("1.0", "1.0.post1"),
        ("1:1.9-1ubuntu2", "1:1.10-1ubuntu1"),
        ("1.0~rc1-2", "1.0-2"),
        ("2.4.6-ubuntu1", "2.4.6-ubuntu2"),
        ("OpenSSH_8.9p1", "OpenSSH_9.0p1"),
        ("1.0-foo", "1.0-foo.1"),
    ],
)
def test_versions(templates: Templates, low: str, high: str) -> None:
    names = {"low": low, "high": high}
    for sign, expected in (("<", True), ("<=", True), ("!=", True), ("==", False), (">", False), (">=", False)):
        assert templates.evaluate(f"low is version(high, '{sign}')", names) is expected
        assert templates.evaluate(f"low | version(high, '{sign}')", names) is expected
    assert templates.evaluate("low is version(low)", names) is True


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 | b64decode", "it takes text"),
        ("'%' | b64decode", "not valid base64"),
        ("'a' | hash('nope')", "there is no algorithm 'nope'"),
        ("'a' | regex_search('(')", r"the regular expression '\(' is wrong"),
        ("'a' | regex_replace('a', '\\\\2')", "invalid group"),
        ("'a' | regex_search('a', 1)", "no such group"),
        ("['a'] | regex_search('a')", "it takes text"),
        ("'x' | from_json", "filter 'from_json'"),
        ("'[' | from_yaml", "not valid YAML"),
        ("'a: 1\na: 2' | from_yaml", "occurs twice"),
        ("1 | combine({})", "it takes maps"),
        ("{} | combine({}, lists='x')", "lists must be"),
        ("'abc' | union([])", "it takes lists"),
        ("1 | flatten", "it takes lists"),
        ("[{'a': 1}] | items2dict", "there is no 'key'"),
        ("'perhaps' | bool", "neither like true nor like false"),
        ("'1' is version('2', '~')", "there is no comparison '~'"),
        ("'' is version('2')", "empty"),
        ("none | quote", "only text, numbers"),
        ("{} | quote", "only text, numbers"),
    ],
)
def test_errors_name_the_filter_and_the_reason(templates: Templates, expression: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message) as caught:
        templates.evaluate(expression, {})
    assert "filter '" in caught.value.message or "test '" in caught.value.message
    assert "object" not in caught.value.message
    assert "<class" not in caught.value.message


data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab0 :~no-", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(data)
def test_yaml_and_json_round_trip(templates: Templates, value: object) -> None:
    assert templates.evaluate("x | to_json | from_json", {"x": value}) == value
    if _fits_yaml(value):
        written = to_yaml(value)
        assert from_yaml(written) == value
        assert yaml.safe_load(written) == value


def _fits_yaml(value: object) -> bool:
    """Tell whether integers are within what the language reads as numbers, and text is what YAML can hold."""
    text = json.dumps(value, ensure_ascii=False)
    return all(char.isprintable() or char == "\n" for char in text) and "\ufeff" not in text


@given(st.text(st.sampled_from("0123456789+-.eExo_:~truefalsnNULTyYonfi "), max_size=8))
def test_plain_words_mean_the_same_as_in_playbooks(text: str) -> None:
    word = text.strip()
    if not word or ": " in word or word.endswith(":") or word[0] in "-:~" or " " in word:
        return
    assert from_yaml(f"- {word}") == [plain_scalar(word)]


def test_every_filter_and_test_is_documented_as_it_is_registered() -> None:
    registry = Registry()
    for kind in (Kind.FILTER, Kind.TEST):
        assert registry.entries(kind)
        for name, entry in registry.entries(kind).items():
            function = registry.function(kind, name)
            summary = (inspect.getdoc(function) or "").splitlines()
            assert summary, name
            assert summary[0].endswith("."), name
            assert entry.reference.summary
