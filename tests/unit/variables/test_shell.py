# SPDX-License-Identifier: GPL-3.0-or-later
"""Values in shell commands: harmless, quoted where quoting protects, or refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jetpack_core.errors import TemplateError
from jetpack_core.variables.shell import Quoted, quote
from jetpack_core.variables.templates import Templates

SHELLS = tuple(path for path in ("/bin/sh", shutil.which("bash")) if path)
no_nul = st.characters(exclude_characters="\0", exclude_categories=["Cs"])


def _run(shell: str, command: str, folder: Path | None = None) -> bytes:
    done = subprocess.run(
        [shell, "-c", command],
        capture_output=True,
        check=False,
        timeout=10,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/nonexistent"},
    )
    return done.stdout


@settings(max_examples=25, deadline=None)
@given(st.text(no_nul, max_size=30))
@example("it's")
@example("$(id) `id` \\ \" ' \n ! * ~ # -n")
@example("")
def test_quoting_round_trips_through_a_real_shell(value: str) -> None:
    for shell in SHELLS:
        assert _run(shell, f"printf '[%s]' {quote(value)}") == f"[{value}]".encode()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(no_nul, max_size=8), min_size=1, max_size=4))
def test_a_quoted_list_is_as_many_words(values: list[str]) -> None:
    assert _run("/bin/sh", f"printf '[%s]' {quote(values)}") == "".join(f"[{one}]" for one in values).encode()


LITERALS = ("'", '"', "\\", " ", "\n", "$", "$(", "(", ")", "`", "#", "{", "}", "${", "${v", ":-", ";", "|", "&")
WORDS = ("echo ", "x", "case x in ", " x)", ";;", " esac", "<", "<<", "<<E\n", "\nE\n", "v=", "$'", '$"', "$((")
VALUE = "\0value\0"
pieces = st.lists(st.sampled_from([*LITERALS, *WORDS, VALUE, VALUE, VALUE]), min_size=2, max_size=12)
ATTACKS = (
    "$(:>pwned)",
    "`:>pwned`",
    "';:>pwned;'",
    '";:>pwned;"',
    "\\';:>pwned;#",
    "\n:>pwned\n",
    ");:>pwned;(",
    "};:>pwned;{",
    "E\n:>pwned\n",
    "' $(:>pwned) '",
    "a;:>pwned",
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pieces, st.sampled_from(ATTACKS))
def test_a_value_is_never_run_as_code(templates: Templates, parts: list[str], attack: str) -> None:
    _attempt(templates, parts, attack)


@pytest.mark.parametrize(
    "parts",
    [
        ["echo ", '"', VALUE, '"'],
        ["echo ", "$", VALUE],
        ["echo ", "`", "echo ", VALUE, "`"],
        ["echo ", "\\", " ", "#", "'", "\n", VALUE],
        ['"', "$(", "case x in ", " x)", "echo ", '"', VALUE],
        ["echo ", "${v", ":-", "'", "}", "'", "}", " ", "'", VALUE],
        ["echo ", "<<E\n", VALUE, "\nE\n"],
        ["$$", "{v", "<<", "}", "\n", VALUE],
        ["{", '"', " x", "$$", "((", ";", VALUE],
    ],
)
def test_places_where_quoting_fails(templates: Templates, parts: list[str]) -> None:
    for attack in ATTACKS:
        _attempt(templates, parts, attack)


def _attempt(templates: Templates, parts: list[str], attack: str) -> None:
    """Run a command with an attacking value in it, if it is let through, and see that the attack did nothing."""
    text = "".join("{{ x | quote }}" if part == VALUE else part for part in parts)
    if templates.check_shell(text) is not None:
        return
    try:
        command = templates.render_shell(text, {"x": attack})
    except TemplateError:
        return
    harmless = templates.render_shell(text, {"x": "a b"})
    for shell in SHELLS:
        # After a syntax error of the author's, bash goes on with the next line, which can be inside a value.
        if subprocess.run([shell, "-n", "-c", harmless], capture_output=True, check=False).returncode:
            continue
        with TemporaryDirectory() as folder:
            _run(shell, command, Path(folder))
            assert list(Path(folder).glob("pwned*")) == [], command


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo plain; ls | wc", "echo plain; ls | wc"),
        ("echo {{ safe }} | wc", "echo a-b_c/d.e:f,g=h@i%j+k | wc"),
        ('echo "{{ safe }}"', 'echo "a-b_c/d.e:f,g=h@i%j+k"'),
        ("echo {{ number }}", "echo 5"),
        ("cp {{ bad | quote }} /b", "cp 'a;b' /b"),
        ("{% set q = bad | quote %}echo {{ q }}", "echo 'a;b'"),
        ("{% for one in list %}{{ one | quote }} {% endfor %}", "a 'b c' "),
        ("ls {{ list | quote }}", "ls a 'b c'"),
        ('x="$(basename {{ bad | quote }})"; echo "$x"', 'x="$(basename \'a;b\')"; echo "$x"'),
        ("# don't\necho {{ bad | quote }}", "# don't\necho 'a;b'"),
        ("{% if number == 5 %}x{% endif %}", "x"),
        ("{{ 'é' | quote }}", "'é'"),
        ("--name={{ bad | quote }}", "--name='a;b'"),
    ],
)
def test_commands(templates: Templates, text: str, expected: str) -> None:
    names = {"safe": "a-b_c/d.e:f,g=h@i%j+k", "number": 5, "bad": "a;b", "list": ["a", "b c"]}
    assert templates.render_shell(text, names) == expected


@pytest.mark.parametrize(
    "text",
    [
        "echo {{ x }}",
        "echo '{{ x }}'",
        "echo {{ x | quote ~ '' }}",
        "echo {{ (x | quote) + '' }}",
        "echo {{ x | quote | upper }}",
        "echo {{ (x | quote)[0:] }}",
        "echo {{ x | quote | replace('q', 'r') }}",
        "echo {{ [x] | map('quote') | join(' ') }}",
        "echo {{ '%s' | format(x | quote) }}",
        "echo {{ '{}'.format(x | quote) }}",
        "{% set y %}{{ x | quote }}{% endset %}echo {{ y }}",
        "{% macro m() %}{{ x | quote }}{% endmacro %}echo {{ m() }}",
        "{% filter b64decode %}{{ encoded }}{% endfilter %}",
        "{% call x.upper() %}{% endcall %}",
        "{% block b %}{{ x }}{% endblock %}",
        "{{ [x] }}",
        "{{ {'a': x} }}",
        "{{ encoded | b64decode }}",
        "{{ newline }}",
        "{{ wide }}",
        "echo \0 {{ number }}",
    ],
)
def test_what_could_be_code_is_refused(templates: Templates, text: str) -> None:
    names = {"x": "q;rm", "encoded": "JChpZCk=", "newline": "a\nid", "wide": "a\u00a0b", "number": 1}
    with pytest.raises(TemplateError):
        templates.render_shell(text, names)


@pytest.mark.parametrize("place", ["'{}'", '"{}"', "`{}`", "${}", "cat <<E\n{}\nE", "$'a' {}", "${{v:-{}}}", "\\{}"])
def test_quoting_where_it_does_not_protect_is_refused(templates: Templates, place: str) -> None:
    text = place.replace("{}", "\1").replace("{{", "{").replace("}}", "}").replace("\1", "{{ x | quote }}")
    with pytest.raises(TemplateError, match=r"x \| quote.*is quoted, but stands"):
        templates.render_shell(text, {"x": "a b"})


def test_the_refusal_names_the_expression_and_what_to_do(templates: Templates) -> None:
    with pytest.raises(TemplateError) as caught:
        templates.render_shell("useradd {{ name }} -c {{ user.comment }}", {"name": "a", "user": {"comment": "x;y"}})
    assert "{{ user.comment }}" in caught.value.message
    assert "';'" in caught.value.message
    assert all(word in caught.value.hint for word in ("| quote", "env:", "stdin:", "unsafe: true"))


def test_only_the_direct_result_of_quote_is_marked() -> None:
    quoted = quote("a b")
    assert type(quoted) is Quoted
    assert quote(quoted) is quoted
    for derived in (quoted + "", "" + quoted, quoted[:], quoted.strip(), f"{quoted}", quoted.replace("a", "b")):
        assert type(derived) is str


def test_what_cannot_be_quoted() -> None:
    for value in (None, {"a": 1}, "a\0b", [None]):
        with pytest.raises((TypeError, ValueError)):
            quote(value)
