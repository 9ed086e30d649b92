# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates render as Jetporch's do, and faults have their place."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jetpack_plugin_handlebars.engine import Handlebars

from jetpack_core.errors import TemplateError

VARIABLES: dict[str, object] = {
    "name": "web<1>",
    "n": 42,
    "zero": 0,
    "ratio": 1.5,
    "yes": True,
    "no": False,
    "nothing": None,
    "empty": [],
    "list": ["a", "b"],
    "hosts": [{"name": "x", "ports": [1, 2]}, {"name": "y", "ports": []}],
    "map": {"k1": "v1", "odd key": "v2", "k3": {"deep": 7}},
    "key": "k1",
    "padded": "  x ",
}


def render(text: str, **more: object) -> str:
    return Handlebars().render(text, {**VARIABLES, **more}, name="motd.hb")


CASES = {
    "text alone": ("plain } { text\n", "plain } { text\n"),
    "no escaping": ("{{name}} {{{name}}} {{&name}}", "web<1> web<1> web<1>"),
    "kinds": ("{{n}} {{ratio}} {{yes}} [{{nothing}}] {{list}} {{map}}", "42 1.5 true [] [a, b] [object]"),
    "paths": ("{{map.k1}} {{map.k3.deep}} {{map.[odd key]}} {{list.1}} {{list.[0]}} {{map/k1}}", "v1 7 v2 b a v1"),
    "if": ("{{#if yes}}a{{/if}}{{#if no}}b{{else}}c{{/if}}{{#if missing}}d{{/if}}", "ac"),
    "truth": (
        "{{#if zero}}a{{/if}}{{#if empty}}b{{/if}}{{#if nothing}}c{{/if}}{{#if map}}d{{/if}}{{#if name}}e{{/if}}",
        "de",
    ),
    "include zero": ("{{#if zero includeZero=true}}a{{/if}}", "a"),
    "else if": ("{{#if no}}a{{else if yes}}b{{else}}c{{/if}}{{#if no}}a{{else if no}}b{{else}}c{{/if}}", "bc"),
    "else unless": ("{{#unless yes}}a{{else}}b{{/unless}}{{#unless missing}}c{{/unless}}", "bc"),
    "inverse": ("{{#if no}}a{{^}}b{{/if}}{{^if no}}c{{/if}}", "bc"),
    "each": ("{{#each list}}{{@index}}{{this}}{{#if @first}}F{{/if}}{{#if @last}}L{{/if}} {{/each}}", "0aF 1bL "),
    "each of a map": ("{{#each map}}{{@key}},{{/each}}", "k1,odd key,k3,"),
    "each of nothing": (
        "{{#each empty}}a{{else}}b{{/each}}{{#each empty}}a{{/each}}{{#each missing}}a{{else}}c{{/each}}",
        "bc",
    ),
    "outside of each": (
        "{{#each hosts}}{{#each ports}}{{../name}}{{this}}{{@../index}}{{../../n}} {{/each}}{{/each}}",
        "x1042 x2042 ",
    ),
    "if keeps this": ("{{#each hosts}}{{#if name}}{{name}}{{../n}}{{/if}}{{/each}}", "x42y42"),
    "names": (
        "{{#each map as |v k|}}{{k}}={{#if (eq k 'k1')}}{{v}}{{/if}};{{/each}}{{#with n as |m|}}{{m}}{{/with}}",
        "k1=v1;odd key=;k3=;42",
    ),
    "with": ("{{#with map.k3}}{{deep}}{{../n}}{{@root.n}}{{/with}}{{#with missing}}a{{else}}b{{/with}}", "74242b"),
    "compare": (
        "{{eq n 42}} {{eq n '42'}} {{ne n 1}} {{gt n 41}} {{gte n 42}} {{lt n 42}} {{lte n 42}} {{gt 'b' 'a'}}",
        "true false true true true false true true",
    ),
    "logic": (
        "{{and yes n}} {{and yes zero}} {{or no name}} {{not yes}} {{and yes yes no}}",
        "true false true false false",
    ),
    "length": ("{{len list}} {{len map}} {{len name}} {{len n}} {{len 'ä'}}", "2 3 6 0 2"),
    "lookup": ("{{lookup map key}} {{lookup list 1}}", "v1 b"),
    "texts": (
        "{{to_upper_case name}} {{to_lower_case 'A'}} [{{trim padded}}] [{{trim_start padded}}] [{{trim_end padded}}]",
        "WEB<1> a [x] [x ] [  x]",
    ),
    "contains": (
        "{{contains name 'eb'}} {{contains list 'b'}} {{starts_with name 'web'}} {{ends_with name 'x'}}",
        "true true true false",
    ),
    "isdefined": (
        "{{isdefined n}} {{isdefined missing}} {{isdefined map.k9}} {{#if (not (isdefined missing))}}a{{/if}}",
        "true false false a",
    ),
    "a helper as a block": ("{{#eq n 42}}a{{else}}b{{/eq}}", "a"),
    "deep": ("{{#if (and (eq name 'web<1>') (not (gt n (len list))))}}a{{else}}b{{/if}}", "b"),
    "comments": ("a{{! x }}b{{!-- }} --}}c", "abc"),
    "white space": ("a \n {{~name~}} \n b {{~! x ~}} c", "aweb<1>bc"),
    "lines of tags": ("a\n  {{#if yes}}\nb\n  {{else}}\nc\n  {{/if}}\n{{! x }}\nd\n", "a\nb\nd\n"),
    "tags beside text stay": ("a\n {{name}}\nb {{#if yes}}\nc{{/if}}\n", "a\n web<1>\nb \nc\n"),
    "windows lines": ("a\r\n{{#if yes}}\r\nb\r\n{{/if}}\r\nc", "a\r\nb\r\nc"),
    "as it is": (r"\{{name}} \\{{n}} {{{{raw}}}} {{x}} {{{{/raw}}}}", r"{{name}} \42  {{x}} "),
    "several backslashes": (r"\\\{{n}} \\\\{{n}}", r"\\42 \\\42"),
    "literals": ("{{#if true}}a{{/if}}{{eq nothing null}}{{eq -1.5 -1.5}}{{eq \"it's\" 'it\\'s'}}", "atruetruetrue"),
}


@pytest.mark.parametrize("name", CASES)
def test_renders(name: str) -> None:
    text, wanted = CASES[name]
    assert render(text) == wanted


FAULTS = {
    "missing": ("a\n  {{nme}}", "motd.hb:2:5: 'nme' is not defined", "isdefined"),
    "missing within": ("{{#each hosts}}{{n}}{{/each}}", "motd.hb:1:18: 'n' is not defined", "../n"),
    "missing key": ("{{map.k9}}", "'map.k9' is not defined", ""),
    "each of what is missing": ("{{#each missing}}{{/each}}", "'missing' is not defined", ""),
    "each of text": ("{{#each name}}{{/each}}", "each needs a list or a map, and this is text", ""),
    "no end": ("{{#if yes}}\na", "motd.hb:1:", "{{/"),
    "other end": ("{{#if yes}}{{/each}}", "the end of 'each', where 'if' is open", "{{/if}}"),
    "end of nothing": ("{{/if}}", "which did not begin", ""),
    "else of nothing": ("{{else}}", "an else without a block", ""),
    "two elses": ("{{#if yes}}{{else}}{{else}}{{/if}}", "a second else", ""),
    "open tag": ("a {{name", "motd.hb:1:3: this tag has no end", "}}"),
    "open text": ("{{eq 'a}}", "has no end", ""),
    "partial": ("{{> other}}", "there are no partials", ""),
    "unknown helper": ("{{shout name}}", "motd.hb:1:3: there is no helper 'shout'", "to_upper_case"),
    "unknown block": ("{{#shout name}}{{/shout}}", "shout", ""),
    "arguments": ("{{eq n}}", "'eq' takes 2 arguments, and not 1", ""),
    "order": ("{{gt n 'a'}}", "gt: a number and text have no order", ""),
    "not text": ("{{trim n}}", "trim: text is needed, and this is a number", ""),
    "empty tag": ("{{ }}", "nothing in it", ""),
    "too far out": ("{{../n}}", "leads out of the template", ""),
    "three braces": ("{{{name}}", "this tag has no end", "braces"),
    "parenthesis": ("{{#if (eq n 1}}{{/if}}", "no end", ""),
    "deep": ("{{#if yes}}" * 101, "more than 100 blocks", ""),
    "no code": ("{{name.__class__}}", "'name.__class__' is not defined", ""),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_told_with_their_place(name: str) -> None:
    text, message, hint = FAULTS[name]
    with pytest.raises(TemplateError) as caught:
        render(text)
    assert str(caught.value).startswith("motd.hb:")
    assert message in caught.value.message
    assert hint in caught.value.hint


@given(st.text(st.sampled_from("{}#/~!^ab.=\"'()[]|@ \n\\&>*"), max_size=40))
def test_any_text_renders_or_is_refused_in_words(text: str) -> None:
    with suppress(TemplateError):
        render(text, a={"b": [1]}, b=["x"])


@given(st.text())
def test_values_are_never_rendered_again(value: str) -> None:
    assert render("[{{value}}]", value=value) == f"[{value}]"


@given(st.text().filter(lambda text: "{{" not in text))
def test_text_without_tags_stays_as_it_is(text: str) -> None:
    assert render(text) == text


def test_a_template_of_endless_text_is_refused() -> None:
    many = list(range(400))
    with pytest.raises(TemplateError, match="longer than"):
        render("{{#each a}}{{#each ../a}}" + "x" * 100 + "{{/each}}{{/each}}", a=many)


@pytest.mark.parametrize("template", ["{{a}}", "{{eq a a}}"])
def test_values_that_are_nested_without_end_are_refused(template: str) -> None:
    deep: object = 1
    for _ in range(20_000):
        deep = [deep]
    with pytest.raises(TemplateError, match="within one another"):
        render(template, a=deep)


def test_numbers_of_very_many_digits_are_refused_or_missing() -> None:
    digits = "9" * 5000
    with pytest.raises(TemplateError, match="a number of 5000 digits"):
        render("{{eq 1 " + digits + "}}")
    with pytest.raises(TemplateError, match="is not defined"):
        render("{{list." + digits + "}}")
