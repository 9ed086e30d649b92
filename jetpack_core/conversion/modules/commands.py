# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands and scripts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jetpack_core.conversion.arguments import split_pairs
from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.made import Made

if TYPE_CHECKING:
    from jetpack_core.conversion.arguments import Arguments

_ONE_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_OWN = frozenset(
    {"chdir", "creates", "removes", "executable", "stdin", "warn", "stdin_add_newline", "strip_empty_ends"}
)


def _line(given: Arguments, name: str = "cmd") -> object:
    """Take the command; in the short form, options stand between its words."""
    argv = given.take("argv")
    if argv is not None:
        return argv
    text = given.raw(name, "_raw_params")
    if text is None:
        text = given.free
        pairs, _ = split_pairs(text)
        for key, value in pairs.items():
            if key in _OWN:
                given.values.setdefault(key, value)
                text = _without(text, key, str(value))
    if not str(text).strip():
        raise Refused("no command is given", "say `cmd:`")
    return given.rewritten(text if isinstance(text, list) else str(text).strip())


def _without(text: str, key: str, value: str) -> str:
    for written in (f"{key}={value}", f'{key}="{value}"', f"{key}='{value}'"):
        text = text.replace(f"{written} ", "", 1) if f"{written} " in text else text.replace(written, "", 1)
    return text


def _common(given: Arguments, made: Made) -> list[Made]:
    made.put("cwd", given.text("chdir"))
    stdin = given.text("stdin")
    if stdin is not None:
        made.put("stdin", stdin if given.truth("stdin_add_newline") is False else stdin + "\n")
    given.drop("warn", "strip_empty_ends", "stdin_add_newline", "_uses_shell")
    creates = given.text("creates")
    if "removes" in given.values:
        raise Refused("`removes`", "look with !stat and `save`, then write a condition")
    if creates and "*" in creates:
        raise Refused("`creates` with a pattern", "name one path in `with: skip_if_exists`")
    if creates:
        made.before["skip_if_exists"] = creates
    given.done()
    return [made.put("save", given.register or None)]


def command(given: Arguments) -> list[Made]:
    """Convert command."""
    line = _line(given)
    if isinstance(line, str) and _ONE_TEMPLATE.fullmatch(line):
        given.look("the command is one template, whose value is taken for one word", "write its words, or use !shell")
    made = Made("command", {"cmd": line})
    given.drop("executable", "expand_argument_vars")
    return _common(given, made)


def shell(given: Arguments) -> list[Made]:
    """Convert shell and raw."""
    made = Made("shell", {"cmd": _line(given)})
    return _common(given, made.put("shell", given.text("executable")))


def script(given: Arguments) -> list[Made]:
    """Convert script; its words are the script and its arguments."""
    line = _line(given)
    given.values["words"] = line
    words = given.words("words") or [""]
    made = Made("script", {"src": words[0]}).put("args", words[1:] or None)
    return _common(given, made.put("executable", given.text("executable")))
