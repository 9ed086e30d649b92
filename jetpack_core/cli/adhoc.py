# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the words of `jetpack run` and write them as a playbook of one task."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)=(.*)", re.ASCII | re.DOTALL)
_SYNTAX: Final = "jetpack run GROUPS... MODULE [NAME=VALUE...], or jetpack run GROUPS... -- COMMAND [ARG...]"


@dataclass(frozen=True, slots=True)
class AdHoc:
    """One task to run on groups of hosts."""

    groups: tuple[str, ...]
    module: str
    parameters: Mapping[str, object]
    name: str = ""
    """What the task is called; the module's name where it is empty."""


def read_words(words: Sequence[str], command: Sequence[str] | None) -> AdHoc:
    """Read the words before `--`, and the command after it where there is one. Raises UsageError."""
    if command is not None:
        return _read_command(words, command)
    names = [word for word in words if not _ASSIGNMENT.fullmatch(word)]
    if list(words[: len(names)]) != names:
        late = names[-1]
        raise UsageError(f"{late!r} stands after the parameters", hint=f"write {_SYNTAX}")
    if len(names) < 2:  # noqa: PLR2004 - a group and a module
        raise UsageError("say on which groups to run what", hint=f"write {_SYNTAX}")
    *groups, module = names
    return AdHoc(_split(groups), module.removeprefix("!"), dict(_parameter(word) for word in words[len(names) :]))


def _read_command(words: Sequence[str], command: Sequence[str]) -> AdHoc:
    assignment = next((word for word in words if _ASSIGNMENT.fullmatch(word)), None)
    if not words or not command or assignment is not None:
        wrong = f"{assignment!r} stands before `--`" if assignment else "a group or the command is missing"
        raise UsageError(wrong, hint=f"write {_SYNTAX}")
    return AdHoc(_split(words), "command", {"cmd": [literal(word) for word in command]}, shlex.join(command))


def _split(groups: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for group in groups for part in group.split(":") if part)


def _parameter(word: str) -> tuple[str, object]:
    """Return a parameter; a value that is a JSON list or object is taken as that."""
    name, _, text = word.partition("=")
    if text.startswith(("[", "{")) and not text.startswith(("{{", "{%", "{#")):
        try:
            return name, json.loads(text)
        except json.JSONDecodeError:
            return name, text
    return name, text


def literal(text: str) -> str:
    """Return a template that renders to a text as it is, braces and all."""
    marks = ("{{", "{%", "{#")
    return f"{{{{ {json.dumps(text, ensure_ascii=False)} }}}}" if any(mark in text for mark in marks) else text


def playbook_text(request: AdHoc) -> str:
    """Write a request as a playbook; JSON texts are YAML texts, so nothing in them is mistaken for YAML."""
    lines = [
        "- name: jetpack run",
        f"  groups: {json.dumps(request.groups)}",
        "  tasks:",
        f"    - !{request.module}",
    ]
    if request.name:
        lines.append(f"      name: {json.dumps(request.name, ensure_ascii=False)}")
    lines += [
        f"      {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in request.parameters.items()
    ]
    return "\n".join(lines) + "\n"
