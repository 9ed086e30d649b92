# SPDX-License-Identifier: GPL-3.0-or-later
"""From a become template to the words of a command line, split before values are put in, so that none can split."""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import BecomeError

if TYPE_CHECKING:
    from jetpack_core.contracts.operations import Become

DEFAULT_TEMPLATE: Final = "sudo -H -u {{ jet_sudo_user }} {{ jet_command }}"
_USER: Final = re.compile(r"\{\{\s*jet_sudo_user\s*\}\}")
_COMMAND: Final = re.compile(r"\{\{\s*jet_command\s*\}\}")
_USER_MARK: Final = "\2"
_COMMAND_MARK: Final = "\1"


@dataclass(frozen=True, slots=True)
class Ladder:
    """The way to another user: a command line, and what it asks."""

    argv: tuple[str | None, ...]
    """None stands for the words of the command, `\\1` within a word for the command quoted as a whole."""
    prompt: str = ""
    """The text by which the program asks for the password, where we choose it."""
    terminal: bool = False
    """Whether the program reads the password from a terminal."""
    password: str | None = field(default=None, repr=False)


def split_template(template: str, user: str) -> tuple[str | None, ...]:
    """Return the words of a template for a user. Raises BecomeError when they do not make sense."""
    if not user or user.startswith("-") or "\0" in user:
        raise BecomeError(f"{user!r} cannot be a user name")
    text = template.strip() or DEFAULT_TEMPLATE
    if any(char in text for char in "\0\1\2"):
        raise BecomeError(f"the sudo template has control characters: {template!r}")
    marked = _COMMAND.sub(_COMMAND_MARK, _USER.sub(_USER_MARK, text))
    if "{{" in marked or "{%" in marked:
        hint = "it may use {{ jet_sudo_user }} and {{ jet_command }} only"
        raise BecomeError(f"the sudo template {template!r} has an unknown placeholder", hint=hint)
    try:
        words = shlex.split(marked)
    except ValueError as error:
        raise BecomeError(f"the sudo template {template!r} cannot be split into words: {error}") from None
    if sum(word.count(_COMMAND_MARK) for word in words) != 1 or _COMMAND_MARK in words[0]:
        hint = "such as: /usr/bin/sudo -u {{ jet_sudo_user }} {{ jet_command }}"
        raise BecomeError(
            f"the sudo template {template!r} must name {{{{ jet_command }}}} once, after a program", hint=hint
        )
    return tuple(_fill(words, position, user) for position in range(len(words)))


def _fill(words: list[str], position: int, user: str) -> str | None:
    word = words[position]
    alone = word == _COMMAND_MARK and position == len(words) - 1
    if alone and words[position - 1] not in {"-c", "--command"}:
        return None
    return word.replace(_USER_MARK, user)


def ladder(become: Become) -> Ladder:
    """Return the way to a user. Raises BecomeError when the template does not make sense."""
    words = split_template(become.template, become.user)
    if become.password is not None and ("\n" in become.password or "\0" in become.password):
        raise BecomeError("a password must be one line")
    program = PurePosixPath(words[0] or "").name
    if program == "sudo" and become.password is not None:
        prompt = f"[jetpack {secrets.token_hex(8)}]"
        return Ladder((words[0], "-S", "-p", prompt, *words[1:]), prompt=prompt, password=become.password)
    if program in {"sudo", "doas"}:
        return Ladder((words[0], "-n", *words[1:]))
    return Ladder(words, terminal=program == "su" or become.password is not None, password=become.password)
