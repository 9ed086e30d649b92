# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering, native types, names, and errors that say what is wrong."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.errors import TemplateError, UnknownValueError
from jetpack_core.registry import Registry
from jetpack_core.variables.form import Form
from jetpack_core.variables.templates import Templates

NAMES: dict[str, Any] = {
    "port": 8080,
    "ratio": 1.5,
    "yes": True,
    "nothing": None,
    "text": "abc",
    "octal": "0o640",
    "digits": "0123",
    "list": [1, 2, 3],
    "map": {"items": [1], "keys": "k", "a": {"b": "deep"}, "port": 1},
    "app_port": 80,
    "result": {"stdout": "x"},
    "_result": 7,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("{ not a template }", "{ not a template }"),
        ("{{ port }}", 8080),
        ("{{port}}", 8080),
        ("{{- port -}}", 8080),
        ("{{ port }}{# why #}", 8080),
        ("{{ ratio }}", 1.5),
        ("{{ yes }}", True),
        ("{{ nothing }}", None),
        ("{{ list }}", [1, 2, 3]),
        ("{{ map.a }}", {"b": "deep"}),
        ("{{ octal }}", "0o640"),
        ("{{ digits }}", "0123"),
        ("{{ '5' }}", "5"),
        ("{{ 5 }}", 5),
        ("{{ list | map('string') }}", ["1", "2", "3"]),
        ("{{ (1, [2], (3,)) }}", [1, [2], [3]]),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ map.a.items() }}", [["b", "deep"]]),
        ("{{ text | e }}", "abc"),
        ("{{ _result }}", 7),
        ("{{ result.stdout }}", "x"),
        (" {{ port }}", " 8080"),
        ("{{ port }}\n", "8080\n"),
        ("{{ port }}{{ port }}", "80808080"),
        ("{% if yes %}{{ port }}{% endif %}", "8080"),
        ("{% raw %}{{ port }}{% endraw %}", "{{ port }}"),
        ("x {{ list | map('string') }}", "x ['1', '2', '3']"),
        ("{% for n in list %}{{ n }}{% if not loop.last %},{% endif %}{% endfor %}", "1,2,3"),
        ("{% set x = port + 1 %}{{ x }}", "8081"),
        ("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(port) }}", "<8080>"),
        ("trailing\n\n{{ port }}\n\n", "trailing\n\n8080\n\n"),
    ],
)
def test_rendering(templates: Templates, text: str, expected: object) -> None:
    result = templates.render(text, NAMES)
    assert result == expected
    assert type(result) is type(expected)


def test_a_map_is_read_by_its_keys(templates: Templates) -> None:
    assert templates.evaluate("map.items", NAMES) == [1]
    assert templates.evaluate("map.keys", NAMES) == "k"
    assert templates.render("{% for k, v in map.a.items() %}{{ k }}={{ v }}{% endfor %}", NAMES) == "b=deep"
    assert templates.evaluate("map.items() | length", NAMES) == 4
    assert templates.evaluate("map.get('port', 5)", NAMES) == 1
    assert templates.evaluate("map.values is defined", NAMES) is False


def test_text_files_stay_text(templates: Templates) -> None:
    assert templates.render_text("{{ port }}", NAMES, name="f") == "8080"
    assert templates.render_text("a\n", NAMES, name="f") == "a\n"


def test_results_are_copies(templates: Templates) -> None:
    names = {"map": {"a": [1]}}
    result = templates.render("{{ map }}", names)
    assert isinstance(result, dict)
    result["a"].append(2)
    assert names == {"map": {"a": [1]}}


def test_variables_may_be_any_mapping(templates: Templates) -> None:
    class Lazy(Mapping[str, object]):
        def __getitem__(self, key: str) -> object:
            if key == "port":
                return {"of": key}
            raise KeyError(key)

        def __iter__(self) -> Iterator[str]:
            return iter(["port"])

        def __len__(self) -> int:
            return 1

    names = {"hosts": Lazy()}
    assert templates.evaluate("port.of", Lazy()) == "port"
    assert templates.evaluate("hosts['port'].of", names) == "port"
    assert templates.evaluate("hosts.port.of", names) == "port"
    assert templates.evaluate("hosts.nope is defined", names) is False
    assert templates.evaluate("hosts | to_json", names) == '{"port":{"of":"port"}}'
    assert templates.evaluate("hosts", names) == {"port": {"of": "port"}}


def test_undefined_is_tolerated_where_it_is_asked_for(templates: Templates) -> None:
    assert templates.evaluate("nope is defined", NAMES) is False
    assert templates.evaluate("nope.a['b'][0] is defined", NAMES) is False
    assert templates.evaluate("nope.a | default('x')", NAMES) == "x"
    assert templates.evaluate("map.zip.zap | d(5)", NAMES) == 5


def _error(templates: Templates, text: str) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        templates.render(text, NAMES)
    return caught.value


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{{ app_prot }}", "'app_prot' is undefined, in: {{ app_prot }}", "did you mean 'app_port'?"),
        ("listen {{ map.a.c }}", "'map.a.c' is undefined, in: listen {{ map.a.c }}", "did you mean 'map.a.b'?"),
        ("{{ map['prt'] }}", "'map.prt' is undefined, in: {{ map['prt'] }}", "did you mean 'map.port'?"),
        ("{{ nope.deep.er }}", "'nope' is undefined, in: {{ nope.deep.er }}", None),
        ("{{ list[7] }}", "'list[7]' is undefined: 'list' has 3 elements, in: {{ list[7] }}", ""),
        ("{{ text.size }}", "'text.size' is undefined: 'text' is text, in: {{ text.size }}", ""),
        ("{{ nothing.x }}", "'nothing.x' is undefined: 'nothing' is null, in: {{ nothing.x }}", ""),
        (
            "{% for n in list %}{{ n.name }}{% endfor %}",
            "'n.name' is undefined: 'n' is a number, in: {% for n in list %}{{ n.name }}{% endfor %}",
            "",
        ),
        ("{{ text.upper }}", "'upper' is a function: call it, as upper(), in: {{ text.upper }}", ""),
        ("{{ port + text }}", "cannot compute a number + text, in: {{ port + text }}", ""),
        ("{{ text + port }}", "cannot compute text + a number; `~` joins as text, in: {{ text + port }}", ""),
        ("{{ port < text }}", "a number cannot be compared with text, in: {{ port < text }}", ""),
        ("{{ port() }}", "a number cannot be called, in: {{ port() }}", ""),
        ("{% for x in port %}{% endfor %}", "a number cannot be looped over, in: {% for x in port %}{% endfor %}", ""),
        ("{{ port | length }}", "filter 'length': a number has no length, in: {{ port | length }}", ""),
        ("{{ text | b64decode }}", "filter 'b64decode': the text is not valid base64, in: {{ text | b64decode }}", ""),
        ("{{ text | to_json(1, 2, 3) }}", "filter 'to_json': wrong arguments; it takes (indent, sort)", ""),
        ("{{ 1 / 0 }}", "division by zero, in: {{ 1 / 0 }}", ""),
        ("{{ text | lenght }}", "there is no filter 'lenght', at column 11 of", "did you mean 'length'?"),
        ("{{ text is mach('a') }}", "there is no test 'mach', at column 12 of", "did you mean 'match'?"),
        ("{{ text is not mach('a') }}", "there is no test 'mach', at column 16 of", "did you mean 'match'?"),
        ("ok\n{{ a b }}", "expected token '}}', got 'b', at line 2, column 6 of: {{ a b }}", ""),
        ("{% include 'x' %}", "include is not supported", ""),
        ("{{ namespace }}", "a function is no value", ""),
    ],
)
def test_errors(templates: Templates, text: str, message: str, hint: str | None) -> None:
    error = _error(templates, text)
    assert error.message.startswith(message)
    assert hint is None or error.hint == hint


def test_errors_of_files_name_the_line(templates: Templates) -> None:
    cases = [
        ("one\ntwo {{ nope }}\n", "nginx.j2:2: 'nope' is undefined"),
        (
            "{% for n in list %}\n{% if n == 2 %}\n{{ n | int(base='q') }}\n{{ n.x }}{% endif %}{% endfor %}",
            "nginx.j2:4",
        ),
        ("one\ntwo {{ a b }}\n", "nginx.j2:2:10: expected token"),
        ("{% macro m() %}\n{{ nope }}\n{% endmacro %}\n{{ m() }}", "nginx.j2:2: 'nope' is undefined"),
    ]
    for text, start in cases:
        with pytest.raises(TemplateError) as caught:
            templates.render_text(text, NAMES, name="nginx.j2")
        assert caught.value.message.startswith(start)


def test_a_long_line_is_cut(templates: Templates) -> None:
    error = _error(templates, "x" * 500 + "{{ nope }}")
    assert len(error.message) < 150


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("{{ a b }}", 1, 6),
        ("first\nsecond {{ x | nope }}", 2, 15),
        ("{# {{ a b }} #}\n{{ a b }}", 2, 6),
        ("{% raw %}{{ a b }}{% endraw %}{{ a b }}", 1, 36),
        ("{{ '}}' ~ a b }}", 1, 13),
        ("a\r\nb {{ a b }}", 2, 8),
        ("  {%- if x -%}  {{ a b }}", 1, 22),
        ("{% for %}", 1, 8),
        ("{{ x", 1, 5),
        ("{% nope %}", 1, 4),
        ("é {{ ü ü }}", 1, 8),
    ],
)
def test_problems_point_at_the_place(templates: Templates, text: str, line: int, column: int) -> None:
    problem = templates.check_template(text)
    assert problem is not None
    assert (problem.line, problem.column) == (line, column)


def test_problems_of_expressions(templates: Templates) -> None:
    assert templates.check_expression("a == 1 and b.c is defined") is None
    assert templates.check_template("no template { } at all") is None
    cases = [("a = 1", 3), ("a ==", 5), ("a !b", 3), ("{{ a }}", 1), ("", 1), ("  ", 1), ("(a", 3), ("a | nope", 5)]
    for text, column in cases:
        problem = templates.check_expression(text)
        assert problem is not None, text
        assert (problem.line, problem.column) == (1, column), text


def mentioned(templates: Templates, text: str, form: Form = Form.VALUE) -> tuple[set[str], set[str], set[str]]:
    found = templates.mentions(text, form)
    return set(found.names), set(found.needed), set(found.sure)


@pytest.mark.parametrize(
    ("text", "names", "needed", "sure"),
    [
        ("(eq item.x (len foo))", "item foo", "item foo", "item foo"),
        ("item.x == other and later", "item other later", "item other later", "item other"),
        ("x | default(y)", "x y", "y", ""),
        ("a if b else c", "a b c", "a b c", "b"),
        ("a is defined and a == b", "a b", "b", ""),
    ],
)
def test_what_an_expression_mentions_needs_and_looks_at(
    templates: Templates, text: str, names: str, needed: str, sure: str
) -> None:
    wanted = set(names.split()), set(needed.split()), set(sure.split())
    assert mentioned(templates, text, Form.EXPRESSION) == wanted


def test_what_a_template_mentions(templates: Templates) -> None:
    text = "{% for i in xs %}{{ i }}{{ y }}{% set z = 1 %}{{ z }}{% endfor %}{% if a %}{{ b }}{% endif %}{{ range(c) }}"
    assert mentioned(templates, text, Form.FILE) == ({"xs", "y", "a", "b", "c"},) * 2 + ({"xs", "a", "c"},)
    assert mentioned(templates, "none") == (set(), set(), set())
    paths = templates.mentions("{{ a.b['c'][0].d }} {{ e[f].g }} {{ h.items() }}", Form.VALUE).paths
    assert paths == {("a", "b", "c", 0, "d"), ("e",), ("f",), ("h",)}
    with pytest.raises(TemplateError):
        templates.mentions("{{ a", Form.VALUE)


def test_what_is_too_large_is_refused(templates: Templates) -> None:
    for text in (
        "{{ range(1000000) }}",
        "{{ 'a' * 10 ** 9 }}",
        "{{ 10 ** 9 * [1] }}",
        "{{ 9 ** 9 ** 9 ** 9 ** 9 ** 9 }}",
        "{{ 2 ** 1000000 }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ " + "(" * 5000 + ")" * 5000 + " }}",
    ):
        with pytest.raises(TemplateError):
            templates.render(text, {})


def test_a_text_is_compiled_once() -> None:
    templates = Templates(Registry())
    first = templates._value("{{ a }}")
    templates.render("{{ a }}", {"a": 1})
    assert templates._values["{{ a }}"] is first


def test_rendering_does_not_change_the_variables(templates: Templates) -> None:
    names = {"list": [1], "map": {"a": 1}}
    for text in ("{{ list.append(2) }}", "{{ map.update(b=1) }}", "{{ map.pop('a') }}", "{{ list.sort() }}"):
        with pytest.raises(TemplateError, match="not accessible"):
            templates.render(text, names)
    templates.render("{% set list = 5 %}{{ list }}", names)
    assert names == {"list": [1], "map": {"a": 1}}


text_parts = st.lists(
    st.sampled_from(["{{", "}}", "{%", "%}", "{#", "#}", " ", "a", ".b", "|", "length", "if", "for", "in", "(", ")"])
    | st.sampled_from(["[", "]", "'", '"', "1", "+", "endif", "-", "~", "is", "set", "=", ",", "\n", "raw", "\\", "**"])
    | st.text(max_size=3),
    max_size=12,
)


@given(text_parts.map("".join))
def test_any_text_renders_or_fails_in_our_words(templates: Templates, text: str) -> None:
    names = {"a": {"b": [1, "x"]}, "length": 3}
    acts: tuple[Callable[[], object], ...] = (
        lambda: templates.render(text, names),
        lambda: templates.render_text(text, names, name="f"),
        lambda: templates.render_shell(text, names),
        lambda: templates.evaluate(text, names),
        lambda: templates.mentions(text, Form.EXPRESSION),
        lambda: templates.mentions(text, Form.VALUE),
    )
    for act in acts:
        with contextlib.suppress(TemplateError, UnknownValueError):
            act()
    for problem in (templates.check_template(text), templates.check_expression(text), templates.check_shell(text)):
        if problem is not None:
            lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            assert 1 <= problem.line <= len(lines)
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


def test_jinja2_is_loaded_by_the_first_template_only() -> None:
    code = (
        "import sys\n"
        "from jetpack_core.registry import Registry\n"
        "from jetpack_core.variables.templates import Templates\n"
        "t = Templates(Registry())\n"
        "assert t.render('a { b', {}) == 'a { b' and t.check_template('x') is None\n"
        "assert 'jinja2' not in sys.modules and 'yaml' not in sys.modules\n"
        "assert t.render('{{ 1 }}', {}) == 1\n"
        "assert 'yaml' not in sys.modules and 'packaging' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
