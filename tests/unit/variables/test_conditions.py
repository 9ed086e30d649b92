# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions in Jetporch's notation mean what a direct evaluation of them does."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.errors import TemplateError
from jetpack_core.variables.conditions import ConditionSyntaxError, translate
from jetpack_core.variables.templates import Templates

NAMES: dict[str, Any] = {
    "n": 42,
    "zero": 0,
    "text": "Debian 12",
    "quote": 'it\'s "so" \\ {{ x }}',
    "yes": True,
    "list": [1, "two", {"deep": "x"}],
    "map": {"key": "v", "my-key": 1, "items": 5, "0": "zero"},
    "nothing": None,
}

literals = st.one_of(
    st.integers(-99, 99),
    st.booleans(),
    st.none(),
    st.text(st.sampled_from("ab'\"\\ {}()é\n"), max_size=6),
)
paths = st.sampled_from(
    ["n", "zero", "text", "quote", "yes", "list", "map.key", "list.[2].deep", "list.1", "map.items"]
)
numbers = st.one_of(
    st.integers(-99, 99).map(lambda n: ["literal", n]), st.sampled_from([["path", "n"], ["path", "zero"]])
)
texts = st.one_of(
    st.text(st.sampled_from("Debian 12'"), max_size=4).map(lambda t: ["literal", t]),
    st.sampled_from([["path", "text"], ["path", "map.key"]]),
)
atoms = st.one_of(
    st.tuples(
        st.sampled_from(["eq", "ne"]),
        *[st.one_of(literals.map(lambda v: ["literal", v]), paths.map(lambda p: ["path", p]))] * 2,
    ),
    st.tuples(st.sampled_from(["gt", "gte", "lt", "lte"]), numbers, numbers),
    st.tuples(st.sampled_from(["starts_with", "ends_with", "contains"]), texts, texts),
    st.tuples(st.just("isdefined"), st.sampled_from([["path", "n"], ["path", "no.such"], ["path", "map.no"]])),
    st.tuples(st.just("contains"), st.just(["path", "list"]), literals.map(lambda v: ["literal", v])),
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: ("and", *parts)),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: ("or", *parts)),
    ),
    max_leaves=8,
)


def _written(node: Any) -> str:
    match node:
        case ["literal", str(text)]:
            mark = "'" if '"' in text else '"'
            return mark + text.replace("\\", "\\\\").replace(mark, f"\\{mark}") + mark
        case ["literal", value]:
            return json.dumps(value)
        case ["path", path]:
            return str(path)
        case [name, *arguments]:
            return f"({name} {' '.join(map(_written, arguments))})"
    raise AssertionError(node)


def _value(path: str) -> Any:
    value: Any = NAMES
    for step in path.split("."):
        key = step.strip("[]")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return type(left) is type(right) and left == right


def _truth(node: Any) -> bool:
    """Evaluate a condition without any of the code under test."""
    name, *arguments = node
    if name in {"and", "or", "not"}:
        results = [_truth(one) for one in arguments]
        return {"and": all(results), "or": any(results), "not": not results[0]}[name]
    if name == "isdefined":
        return bool(arguments[0][1] == "n")
    left, right = (_value(one[1]) if one[0] == "path" else one[1] for one in arguments)
    return bool(_DIRECT[name](left, right))


_DIRECT: dict[str, Callable[[Any, Any], Any]] = {
    "eq": _same,
    "ne": lambda left, right: not _same(left, right),
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "starts_with": lambda left, right: left[: len(right)] == right,
    "ends_with": lambda left, right: left[max(0, len(left) - len(right)) :] == right,
    "contains": lambda left, right: any(_same(one, right) for one in left) if isinstance(left, list) else right in left,
}


@given(conditions)
def test_translation_equals_direct_evaluation(templates: Templates, condition: Any) -> None:
    assert bool(templates.evaluate(_written(condition), NAMES)) == _truth(condition)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(eq n 42)", True),
        ('(eq n "42")', False),
        ("(eq yes 1)", False),
        ("(ne n '42')", True),
        ("(eq list.[0] 1)", True),
        ("(eq map.[my-key] 1)", True),
        ("(eq map.my-key 1)", True),
        ("(eq map.items 5)", True),
        ("( and (gt n 1)\n  (not (eq n 43)) )", True),
        ("(or (eq n 1) (eq n 2) (eq n 42))", True),
        ("(and yes (isdefined n))", True),
        ("(not zero)", True),
        ("(isdefined a.b.c)", False),
        ("(contains text 'bian')", True),
        ("(contains list 'two')", True),
        ("(contains map 'key')", True),
        ("(eq nothing null)", True),
        ("(gte n -5)", True),
        ("(lt n 42.5)", True),
        ("(eq (len list) 3)", True),
        ('(eq (to_lower_case text) "debian 12")', True),
        ('(eq (trim "  a ") "a")', True),
        ('(eq quote "it\'s \\"so\\" \\\\ {{ x }}")', True),
    ],
)
def test_conditions(templates: Templates, text: str, expected: bool) -> None:
    assert templates.evaluate(text, NAMES) is expected


@pytest.mark.parametrize(
    "text",
    [
        "n == 42",
        "(n == 42) and yes",
        "(not yes) or n == 42",
        "(not yes)",
        "(not n == 1)",
        "(eq)",
        "(eq == 1)",
        "(eq is defined)",
        "(len | int) == 1",
        "(contains.x) == 1",
        "(lt < 3)",
        "eq",
        "(a, b)",
        "(",
        "",
    ],
)
def test_what_is_no_helper_call_stays_as_it_is(text: str) -> None:
    translated = translate(text)
    assert translated == text or text.startswith("(not yes)")


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("(eq n)", 1, "takes 2 values, not 1"),
        ("(eq n 1 2)", 1, "takes 2 values, not 3"),
        ("(and yes)", 1, "takes 2 or more values"),
        ("(and (equal n 1) yes)", 6, "no helper 'equal'"),
        ("(eq n 1", 7, "ends too early"),
        ("(eq n 'a)", 6, "unexpected"),
        ("(eq ../n 1)", 4, "looks relative"),
        ("(eq this.n 1)", 4, "looks relative"),
        ("(eq @root.n 1)", 4, "looks relative"),
        ("(eq a/b 1)", 4, "looks relative"),
        ("(eq my-var 1)", 4, "no name of a variable"),
        ("(eq n 1) and yes", 9, "follows after the end"),
        ("(and (eq n 1)\n     (eq n", 24, "ends too early"),
    ],
)
def test_errors_say_where(templates: Templates, text: str, offset: int, message: str) -> None:
    with pytest.raises(ConditionSyntaxError, match=message) as caught:
        translate(text)
    assert caught.value.offset == offset
    problem = templates.check_expression(text)
    assert problem is not None
    lines = text[:offset].split("\n")
    assert (problem.line, problem.column) == (len(lines), len(lines[-1]) + 1)


def test_a_misspelt_helper_gets_a_hint() -> None:
    with pytest.raises(ConditionSyntaxError) as caught:
        translate("(and (isdefind x) y)")
    assert caught.value.hint == "did you mean 'isdefined'?"


@given(st.text(st.sampled_from("()\"' abeqnot.[]/@1-\\\n{}"), max_size=25))
def test_any_text_is_translated_or_refused(text: str) -> None:
    with contextlib.suppress(TemplateError):
        assert isinstance(translate(text), str)


def test_absurd_nesting_is_refused() -> None:
    with pytest.raises(TemplateError, match="nested too deeply"):
        translate("(and " + "(not " * 10_000 + "x")


def test_an_undefined_variable_is_an_error(templates: Templates) -> None:
    with pytest.raises(TemplateError, match="'nope' is undefined"):
        templates.evaluate("(eq nope 1)", NAMES)


def test_values_of_different_kinds_do_not_compare(templates: Templates) -> None:
    with pytest.raises(TemplateError, match="cannot be compared"):
        templates.evaluate("(gt text 1)", NAMES)
