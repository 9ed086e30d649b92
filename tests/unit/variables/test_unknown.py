# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan mode's unknown values: nothing computed from one can pass for known."""

from __future__ import annotations

import copy

import pytest

from jetpack_core.contracts.unknown import Unknown, find_unknown
from jetpack_core.errors import UnknownValueError
from jetpack_core.variables.data import Replace
from jetpack_core.variables.layers import Layer, flatten
from jetpack_core.variables.merge import ListRule
from jetpack_core.variables.templates import Templates

REASON = "task 'ask' did not run"
NAMES = {
    "u": Unknown(REASON),
    "known": 1,
    "result": {"rc": Unknown(REASON), "cmd": "x"},
    "items": ["a", Unknown(REASON)],
    "deep": {"a": [{"b": Unknown(REASON)}]},
}


@pytest.mark.parametrize(
    "expression",
    [
        "u",
        "u.stdout",
        "u['stdout']",
        "u[0]",
        "u()",
        "u.run()",
        "u == 1",
        "1 == u",
        "u != 1",
        "u > 1",
        "1 < u",
        "u in [1]",
        "1 in u",
        "not u",
        "u and known",
        "known and u",
        "1 if u else 2",
        "u + 1",
        "1 + u",
        "-u",
        "u * 2",
        "2 * u",
        "u % 2",
        "'%s' % u",
        "'%d' % u",
        "'%s %s' % (known, u)",
        "u ~ 'x'",
        "[1, 2][u]",
        "{1: 2}[u]",
        "[1, 2][u:]",
        "u is defined",
        "u is undefined",
        "u is none",
        "u is string",
        "u is sameas(1)",
        "u is eq(1)",
        "1 is eq(u)",
        "u is json_equal(1)",
        "u | default('x')",
        "u | d('x', true)",
        "u | length",
        "u | string",
        "u | to_json",
        "u | first",
        "u | ternary(1, 2)",
        "known | default(u)",
        "'a' | replace('a', u)",
        "['a'] | join(u)",
        "range(u)",
        "u | map('upper') | list",
        "result",
        "result.rc",
        "result['rc'] is defined",
        "result | to_json",
        "result | to_yaml",
        "result | string",
        "result | tojson",
        "items",
        "items | join(' ')",
        "items[1] is defined",
        "items | last",
        "items | map('upper') | list",
        "items | select('defined') | list",
        "'b' in items",
        "', '.join(items)",
        "'{}'.format(u)",
        "'{0.rc}'.format(result)",
        "deep",
        "deep.a[0].b",
        "deep.a | map(attribute='b') | list",
        "[u]",
        "{'a': u}",
        "dict(a=u)",
        "(eq u 1)",
        "(isdefined u)",
        "(not u)",
        "(and true u)",
    ],
)
def test_any_use_is_unknown(templates: Templates, expression: str) -> None:
    with pytest.raises(UnknownValueError, match=REASON):
        templates.evaluate(expression, NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "a {{ u }}",
        "{{ u }}",
        "{{ result }}",
        "a {{ result }}",
        "a {{ items }}",
        "{% if u %}a{% endif %}",
        "{% for one in u %}a{% endfor %}",
        "{% for one in items %}{{ one }}{% endfor %}",
        "{% for one in items %}{{ one is defined }}{% endfor %}",
        "{% set x = u %}{{ x }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(u) }}",
        "{% filter replace('a', u) %}a{% endfilter %}",
        "{% with x = u %}{{ x or 1 }}{% endwith %}",
    ],
)
def test_any_use_in_a_template_is_unknown(templates: Templates, text: str) -> None:
    for render in (templates.render, lambda text, names: templates.render_text(text, names, name="f")):
        with pytest.raises(UnknownValueError, match=REASON):
            render(text, NAMES)


def test_a_shell_command_is_unknown_too(templates: Templates) -> None:
    for text in ("echo {{ u }}", "echo {{ u | quote }}", "echo {{ result.rc }}"):
        with pytest.raises(UnknownValueError, match=REASON):
            templates.render_shell(text, NAMES)


def test_what_does_not_touch_it_is_known(templates: Templates) -> None:
    assert templates.render("{{ result.cmd }} {{ known }}", NAMES) == "x 1"
    assert templates.evaluate("true or u", NAMES) is True
    assert templates.evaluate("known if known else u", NAMES) == 1
    assert templates.evaluate("items | length", NAMES) == 2
    assert templates.render("{% if known == 2 %}{{ u }}{% endif %}", NAMES) == ""


def test_it_travels_through_layers_and_copies() -> None:
    merged = flatten([Layer("low", {"u": {"a": 1}}), Layer("facts", {"u": NAMES["u"]})])
    assert find_unknown(merged) is NAMES["u"]
    assert find_unknown({"a": [1, (2,)]}) is None
    copied = find_unknown(copy.deepcopy([Unknown("r")]))
    assert copied is not None
    assert copied.reason == "r"


@pytest.mark.parametrize("above", [{"a": 1}, [1], None])
def test_what_may_keep_some_of_it_keeps_it_unknown(above: object) -> None:
    assert find_unknown(flatten([Layer("facts", {"u": NAMES["u"]}), Layer("play vars", {"u": above})])) is NAMES["u"]


@pytest.mark.parametrize("above", [1, "text", Replace({"a": 1}), Replace(None)])
def test_what_replaces_it_is_known(above: object) -> None:
    assert find_unknown(flatten([Layer("facts", {"u": NAMES["u"]}), Layer("play vars", {"u": above})])) is None


def test_a_list_that_replaces_makes_it_known() -> None:
    layers = [Layer("facts", {"u": NAMES["u"]}), Layer("-e", {"u": [1]}, ListRule.REPLACE)]
    assert flatten(layers) == {"u": [1]}
