# SPDX-License-Identifier: GPL-3.0-or-later
"""Values from hosts are data: in no way of rendering do they become a template, code or an open door."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.errors import TemplateError
from jetpack_core.variables.templates import Templates

HOSTILE = (
    "{{ 7*7 }}",
    "{% for x in range(3) %}{{ x }}{% endfor %}",
    "{# gone #}",
    "{{ ''.__class__.__mro__ }}",
    "__class__",
    "{0.__class__}",
    "%(a)s %s %n",
    "{% raw %}",
    "{{",
    "}}",
    "\\1 \\g<0>",
    "'; import os #",
)
WAYS = (
    "{{ x }}",
    "a {{ x }} b",
    "{% set y = x %}{{ y }}",
    "{% for one in [x] %}{{ one }}{% endfor %}",
    "{% macro m(v) %}{{ v }}{% endmacro %}{{ m(x) }}",
    "{% set y %}{{ x }}{% endset %}{{ y }}",
    "{% filter trim %}{{ x }}{% endfilter %}",
    "{{ m.k }}",
    "{{ m['k'] }}",
    "{{ [m] | map(attribute='k') | first }}",
    "{{ [m] | map(attribute='k') | join }}",
    "{{ x | default('d') }}",
    "{{ x | string }}",
    "{{ '%s' | format(x) }}",
    "{{ '{}'.format(x) }}",
    "{{ '{v}'.format(v=x) }}",
    "{{ '{v}'.format_map({'v': x}) }}",
    "{{ [x] | join(',') }}",
    "{{ x ~ '' }}",
    "{{ x | b64encode | b64decode }}",
    "{{ x | to_json | from_json }}",
    "{{ x | to_yaml | from_yaml }}",
    "{{ {'k': x} | to_yaml | from_yaml | combine({}) | dict2items | map(attribute='value') | first }}",
    "{{ 'Q' | replace('Q', x) }}",
    "{{ x | regex_replace('never-there', '') }}",
    "{{ x | regex_search('(?s).*') }}",
    "{{ ternary is undefined and x }}",
    "{{ true | ternary(x, 1) }}",
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_stays_the_text_it_is(templates: Templates, way: str, value: str) -> None:
    result = str(templates.render(way, {"x": value, "m": {"k": value}}))
    assert result.removeprefix("a ").removesuffix(" b") == value.strip()


@given(st.text(st.sampled_from("{}%#_x7*.|()'\"\\ \n") | st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_value_stays_the_text_it_is(templates: Templates, value: str) -> None:
    names = {"x": value}
    assert templates.render("{{ x }}", names) == value
    assert templates.render("<{{ x }}>", names) == f"<{value}>"
    assert templates.render_text("{{ x }}\n", names, name="f") == f"{value}\n"
    assert templates.evaluate("x", names) == value
    assert templates.evaluate("x ~ '!'", names) == value + "!"
    assert templates.evaluate("(eq x x)", names) is True
    assert templates.evaluate("[x] | to_json | from_json", names) == [value]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_is_no_command(templates: Templates, value: str) -> None:
    if not value.replace("_", "").isalnum():
        with pytest.raises(TemplateError):
            templates.render_shell("echo {{ x }}", {"x": value})
    assert "49" not in templates.render_shell("echo {{ x | quote }}", {"x": value})


@pytest.mark.parametrize(
    "text",
    [
        "{{ x.__class__ }}",
        "{{ x['__class__'] }}",
        "{{ x | attr('__class__') }}",
        "{{ [x] | map(attribute='__class__') | list }}",
        "{{ [x] | map('attr', '__class__') | list }}",
        "{{ [x] | sum(attribute='__class__') }}",
        "{{ [x] | groupby('__class__') }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ '{0[__class__]}'.format(x) }}",
        "{{ '{x.__class__}'.format_map({'x': x}) }}",
        "{{ ('{0.__class__}' | attr('format'))(x) }}",
        "{{ ['{0.__class__}'] | map('attr', 'format') | list }}",
        "{{ '{0.__class__}' | safe | attr('format') }}",
        "{{ ('{0.__class__}' | safe).format(x) }}",
        "{{ x.upper.__globals__ }}",
        "{{ x.upper().__class__.__mro__ }}",
        "{{ namespace.__init__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ range.__class__ }}",
        "{{ joiner()._used }}",
        "{{ self._TemplateReference__context }}",
        "{{ self.__init__ }}",
        "{{ loop.__class__ }}",
        "{% for i in [1] %}{{ loop._iterator }}{% endfor %}",
        "{% for i in [1] %}{{ loop.__init__ }}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ m._environment }}",
        "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
        "{{ lipsum }}",
        "{{ method }}",
        "{{ shell_value }}",
        "{{ environment }}",
        "{{ context }}",
        "{{ (1).__class__ }}",
        "{{ none.__class__ }}",
        "{{ {}.__class__ }}",
        "{{ dict.__base__ }}",
        "{{ dict.mro() }}",
        "{{ x.encode.__self__ }}",
        "{{ missing.__class__ }}",
        "{{ missing._undefined_exception }}",
        "{{ (x | map('upper')).gi_frame }}",
        "{{ {'a b onload=x': 1} | xmlattr }}",
        "{{ {evil: 1} | xmlattr }}",
        "{% import 'os' as os %}",
        "{% from 'os' import system %}",
        "{% extends x %}",
        "{% include x %}",
    ],
)
def test_known_ways_out_of_the_sandbox_are_closed(templates: Templates, text: str) -> None:
    names = {"x": "value", "evil": "a><script"}
    with pytest.raises(TemplateError):
        templates.render(text, names)
    with pytest.raises(TemplateError):
        templates.render_text(text, names, name="f")


def test_a_hostile_key_hides_no_method(templates: Templates) -> None:
    names = {"fact": {"items": "boom", "get": "boom", "a": 1}}
    text = "{% for k, v in fact.items() %}{{ k }}={{ v }} {% endfor %}{{ fact.get('a') }}"
    assert templates.render(text, names) == "items=boom get=boom a=1 1"


def test_hostile_text_for_parsers_fails_in_our_words(templates: Templates) -> None:
    texts = {
        "bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "deep_flow": "[" * 200_000,
        "deep_block": "- " * 200_000 + "x",
        "deep_json": "[" * 200_000 + "]" * 200_000,
        "python": "!!python/object/apply:os.system ['true']",
        "huge": "x" * 2_000_000,
        "control": "\x01",
        "digits": "9" * 10_000,
        "two": "a\n---\nb",
        "tag": "!secret x",
    }
    for name, text in texts.items():
        reader = "from_json" if name == "deep_json" else "from_yaml"
        if name == "digits":
            assert templates.evaluate("x | from_yaml", {"x": text}) == text
            reader = "from_json"
        with pytest.raises(TemplateError):
            templates.evaluate(f"x | {reader}", {"x": text})
