# SPDX-License-Identifier: GPL-3.0-or-later
"""Every `jetpack` command that a page shows, in a block or in a sentence, has a verb and flags that there are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

import click
import pytest

from jetpack_core.cli.main import main
from tests.unit.docs.pages import PAGES

_FENCED: Final = re.compile(r"^```(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"(?<!`)`(jetpack [^`]+)`(?!`)")
_SHELL: Final = re.compile(r"^(\||\|\||&&|;|>|>>|&)$")
_PRINTED: Final = frozenset({"yaml", "python", "toml", "json"})
"""Blocks of these languages have no commands of their own."""


def shown(text: str) -> Iterator[str]:
    """Yield the commands of a page."""
    for block in _FENCED.finditer(text):
        if block["language"] in _PRINTED:
            continue
        # With a prompt, only what stands behind it is typed; the rest is printed.
        console = block["language"] == "console"
        for line in block["text"].splitlines():
            yield from re.findall(
                r"(?:^|[;|(&] ?)(jetpack .*)", line[2:] if line.startswith("$ ") else "" if console else line
            )
    prose = _FENCED.sub("", text)
    yield from re.findall(r"^    (jetpack .*)$", prose, re.MULTILINE)
    yield from _INLINE.findall(prose)


def words(command: str) -> list[str]:
    """Return a command's words up to what is the shell's; an ellipsis stands for more."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found = []
    for word in lexer:
        if _SHELL.match(word) or set(word) <= set(";|&><()"):
            break
        if word != "...":
            found.append(word)
    return found[1:]


def unknown(command: str) -> str:
    """Return which word of a command there is not; empty where there are all."""
    context, verb = main.make_context("jetpack", [], resilient_parsing=True), None
    rest = words(command)
    while rest and isinstance(context.command, click.Group) and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name.isupper():
            return ""
        verb = context.command.get_command(context, name)
        if verb is None:
            return name
        context = click.Context(verb, context, info_name=name)
    known = {flag for param in context.command.params for flag in (*param.opts, *param.secondary_opts)}
    known |= {"--help", "-h", "--version", "--traceback"}
    flags = [word.partition("=")[0] for word in (rest[: rest.index("--")] if "--" in rest else rest)]
    wrong = [flag for flag in flags if re.match(r"--?[a-z]", flag) and flag not in known and flag[:2] not in known]
    return " ".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_there(page: str) -> None:
    commands = sorted(set(shown(PAGES[page].read_text())))
    assert [f"{command}: {wrong}" for command in commands if (wrong := unknown(command))] == []


def test_commands_are_found_wherever_they_stand() -> None:
    page = (
        "say `jetpack frob x`.\n\n    jetpack plan --frob\n\n```console\n$ a; jetpack apply --oops\njetpack said\n```\n"
    )
    assert list(shown(page)) == ["jetpack apply --oops", "jetpack plan --frob", "jetpack frob x"]
    assert [unknown(one) for one in shown(page)] == ["--oops", "--frob", "frob"]
    assert unknown("jetpack run web -- ls --all") == ""
    assert unknown("jetpack secrets set FILE KEY | cat --frob") == ""
    assert sum(len(list(shown(path.read_text()))) for path in PAGES.values()) > 150
