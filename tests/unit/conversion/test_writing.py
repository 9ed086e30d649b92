# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written is read back as the same data."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment

from jetpack_core.content.problems import Problems
from jetpack_core.content.yaml import parse, to_data
from jetpack_core.conversion.expressions import Rewriter
from jetpack_core.conversion.writing import Flow, lines_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "yes",
        "0644",
        "1.5",
        "a: b",
        "# no",
        " x",
        "x ",
        "- a",
        "{{ x }}",
        "a\nb\n",
        "\n",
        "a\n\n b\n\n",
        "~",
        "!x",
        "&a",
        "=",
        "'",
        '"',
        "\\",
    ]
)
SCALARS = TEXTS | st.booleans() | st.integers() | st.none()
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_", min_size=1), inner, max_size=4),
    max_leaves=12,
)


def read(text: str) -> object:
    problems = Problems()
    node = parse(text.encode(), "x.yml", problems)
    data = None if node is None else to_data(node, problems)
    problems.raise_if_any()
    return data


@given(DATA)
def test_data_are_read_back(data: object) -> None:
    text = "\n".join(lines_of({"key": data})) + "\n"
    assert read(text) == {"key": data}


@given(st.lists(SCALARS, max_size=5))
def test_lists_on_one_line_are_read_back(data: list[object]) -> None:
    assert read("\n".join(lines_of({"key": Flow(data)})) + "\n") == {"key": data}


PIECES = st.sampled_from(
    [
        "a",
        " ",
        "\n",
        "{% if x %}",
        "{% endif %}",
        "{% raw %}\n{{ r }}{% endraw %}",
        "{% raw %}{% endraw -%}",
        "{% for i in l %}",
        "{% endfor %}",
        "{{ i }}",
        "{# c #}",
        "{%- set z=1 -%}",
    ]
)


def balanced(pieces: list[str]) -> bool:
    open_tags: list[str] = []
    for piece in pieces:
        if piece.startswith(("{% if", "{% for")):
            open_tags.append(piece[3:5])
        elif piece.startswith("{% end") and (not open_tags or open_tags.pop() != piece[6:8]):
            return False
    return not open_tags


@given(st.lists(PIECES, max_size=14).filter(balanced))
def test_templates_render_as_with_the_settings_of_ansible(pieces: list[str]) -> None:
    text = "".join(pieces)
    values = {"x": True, "l": [1, 2], "i": 0}
    theirs = SandboxedEnvironment(trim_blocks=True, keep_trailing_newline=True).from_string(text)
    ours = SandboxedEnvironment(keep_trailing_newline=True).from_string(Rewriter().template(text))
    assert ours.render(values) == theirs.render(values)
