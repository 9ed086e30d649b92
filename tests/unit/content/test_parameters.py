# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters: text becomes typed values at load, or for a host where templates stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.content.checks import split_words
from jetpack_core.content.model import Task
from jetpack_core.content.parameters import build
from jetpack_core.contracts.module import Module
from jetpack_core.errors import ParameterError, TemplateError
from jetpack_core.registry import Registry
from jetpack_core.variables.templates import Templates
from tests.unit.content.conftest import Load, write

ReadTask = Callable[[str], Task]


class HostScope:
    """Renders with given variables."""

    def __init__(self, **variables: object) -> None:
        self._templates = Templates(Registry())
        self._variables: Mapping[str, object] = variables

    def render(self, text: str) -> object:
        return self._templates.render(text, self._variables)

    def render_shell(self, text: str) -> str:
        return self._templates.render_shell(text, self._variables)


def values(module: Module) -> dict[str, object]:
    return {name: getattr(module, name) for name in type(module).model_fields}


def test_constant_parameters_are_converted_at_load(task: ReadTask) -> None:
    found = task("- !place\n  content: 5\n  dest: /a/\n  mode: 0o640\n  recurse: yes\n  owner: 0\n")
    assert found.constant is not None
    assert values(found.constant) == {
        "src": None,
        "content": "5",
        "dest": "/a",
        "owner": "0",
        "mode": 0o640,
        "recurse": True,
        "attributes": None,
    }
    assert build(found, HostScope()) is found.constant


def test_scalars_keep_their_text(task: ReadTask) -> None:
    for text in ("1.10", "yes", "0644", "null ", "2026-11-21", "1e3"):
        found = task(f"- !place\n  content: '{text}'\n  dest: /a\n").constant
        assert values(found)["content"] == text  # type: ignore[arg-type]
    found = task("- !place\n  content: 1.10\n  dest: /a\n").constant
    assert values(found)["content"] == "1.10"  # type: ignore[arg-type]


def test_untyped_data_is_typed_by_how_it_is_written(task: ReadTask) -> None:
    found = task("- !keep\n  variables: {a: 1, b: '1', c: [true, no], d: }\n").constant
    assert values(found)["vars"] == {"a": 1, "b": "1", "c": [True, "no"], "d": None}  # type: ignore[arg-type]


def test_empty_value_counts_as_not_given(task: ReadTask) -> None:
    found = task("- !place\n  owner:\n  mode: ~\n  content: ''\n  dest: /a\n").constant
    assert (values(found)["owner"], values(found)["mode"], values(found)["content"]) == (None, None, "")  # type: ignore[arg-type]


def test_alias_and_own_name_are_both_accepted(task: ReadTask) -> None:
    for name in ("true", "is_true"):
        found = task(f"- !judge\n  {name}: a == 1\n")
        assert values(found.constant) == {"is_true": "a == 1", "all_true": []}  # type: ignore[arg-type]


def test_templates_wait_for_the_host(task: ReadTask) -> None:
    found = task("- !pick\n  package: ['{{ name }}-dev', git]\n  count: '{{ number }}'\n")
    assert found.constant is None
    assert {name: one.templated for name, one in found.parameters.items()} == {"package": True, "count": True}
    made = build(found, HostScope(name="curl", number=3))
    assert values(made)["package"] == ["curl-dev", "git"]
    assert values(made)["count"] == 3


def test_native_lists_and_numbers_of_templates_fit_their_fields(task: ReadTask) -> None:
    found = task("- !pick\n  package: '{{ names }}'\n")
    assert values(build(found, HostScope(names=["a", 1.5])))["package"] == ["a", "1.5"]
    found = task("- !place\n  content: '{{ port }}'\n  owner: '{{ flag }}'\n  dest: /a\n")
    assert values(build(found, HostScope(port=8080, flag=True)))["content"] == "8080"
    assert values(build(found, HostScope(port=8080, flag=True)))["owner"] == "true"


def test_mode_from_a_variable_must_be_text(task: ReadTask) -> None:
    found = task("- !place\n  content: a\n  dest: /a\n  mode: '{{ mode }}'\n")
    assert values(build(found, HostScope(mode="0o600")))["mode"] == 0o600
    with pytest.raises(ParameterError) as caught:
        build(found, HostScope(mode=420))
    assert caught.value.problems == (("mode", "a mode is text, not the number 420; write it as 0o644 or '0644'"),)


def test_nothing_from_a_template_counts_as_not_given(task: ReadTask) -> None:
    found = task("- !place\n  content: a\n  dest: /a\n  owner: '{{ owner }}'\n")
    assert values(build(found, HostScope(owner=None)))["owner"] is None


def test_all_that_is_wrong_for_a_host_is_told_at_once(task: ReadTask) -> None:
    text = "- !place\n  content: a\n  dest: '{{ dest }}'\n"
    found = task(f"{text}  attributes: {{mode: '{{{{ mode }}}}', owner: '{{{{ owner }}}}'}}\n")
    with pytest.raises(ParameterError) as caught:
        build(found, HostScope(dest="relative", mode="999", owner=[1]))
    assert caught.value.module == "place"
    assert caught.value.problems == (
        ("dest", "a path on a host must be absolute, not 'relative'"),
        ("attributes.owner", "must be text, not a list"),
        ("attributes.mode", "'999' is not an octal file mode; write it as 0o644 or '0644'"),
    )


def test_templates_that_fail_are_told_with_their_parameters(task: ReadTask) -> None:
    found = task("- !place\n  content: '{{ contents }}'\n  dest: '{{ nowhere }}'\n")
    with pytest.raises(ParameterError) as caught:
        build(found, HostScope())
    assert [name for name, _ in caught.value.problems] == ["content", "dest"]


def test_fields_together_are_judged_at_load_or_for_the_host(task: ReadTask) -> None:
    found = task("- !place\n  content: '{{ c }}'\n  src: '{{ s }}'\n  dest: /a\n")
    with pytest.raises(ParameterError) as caught:
        build(found, HostScope(c="a", s="site.yml"))
    assert caught.value.problems == (("parameters", "give either 'src' or 'content'"),)


def test_shell_text_is_rendered_under_its_rules(task: ReadTask) -> None:
    found = task("- !run\n  cmd: echo {{ word }}; ls\n")
    assert values(build(found, HostScope(word="a-b")))["cmd"] == "echo a-b; ls"
    with pytest.raises((ParameterError, TemplateError)):
        build(found, HostScope(word="a; rm -rf /"))


def test_unsafe_lifts_the_rules(task: ReadTask) -> None:
    for unsafe in ("true", "'{{ yes }}'"):
        found = task(f"- !run\n  cmd: echo {{{{ word }}}}\n  unsafe: {unsafe}\n")
        assert values(build(found, HostScope(word="a; b", yes=True)))["cmd"] == "echo a; b"


def test_words_are_split_before_values_are_put_in(task: ReadTask) -> None:
    found = task("- !words\n  cmd: touch \"a b\" {{ name }} --x={{ other | default('c d') }}\n")
    assert values(build(found, HostScope(name="x y; z")))["cmd"] == ["touch", "a b", "x y; z", "--x=c d"]
    constant = task("- !words\n  cmd: echo 'a b' c\n").constant
    assert values(constant)["cmd"] == ["echo", "a b", "c"]  # type: ignore[arg-type]


@given(st.lists(st.text("ab'\" \\$;{}|", min_size=0, max_size=8), min_size=1, max_size=4))
def test_splitting_keeps_quoted_words(words: list[str]) -> None:
    import shlex

    if not any("{{" in word or "{%" in word or "{#" in word for word in words) and "{{" not in shlex.join(words):
        assert split_words(shlex.join(words)) == words


def test_raw_text_and_expressions_are_not_rendered(task: ReadTask) -> None:
    found = task("- !pick\n  pattern: '{{ not_a_template'\n")
    assert values(found.constant)["pattern"] == "{{ not_a_template"  # type: ignore[arg-type]
    found = task("- !run\n  cmd: a\n  failed_when: rc > 2\n")
    assert found.parameters["failed_when"].rendering == "raw"
    assert found.parameters["cmd"].rendering == "shell"


def test_sources_are_found_beside_the_playbook_and_in_its_folders(load: Load, tmp_path: object) -> None:
    from pathlib import Path

    write(Path(), {"files/a": "", "b": "", "templates/c": "", "templates/a": ""})
    text = "- name: p\n  groups: [all]\n  tasks:\n"
    for name in ("a", "b"):
        text += f"    - !place\n      src: {name}\n      dest: /x\n"
    text += "    - !paint\n      src: c\n      dest: /x\n"
    tasks = load(text).plays[0].tasks
    assert [values(task.constant)["src"] for task in tasks] == [Path("files/a"), Path("b"), Path("templates/c")]  # type: ignore[arg-type]
