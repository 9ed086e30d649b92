# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible's tasks register, and what Jetpack's save in its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from jetpack_core.conversion import names
from jetpack_core.conversion.ledger import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping


class Result(StrEnum):
    """What kind of task a registered name belongs to."""

    COMMAND = "command"
    STAT = "stat"
    PACKAGES = "packages"
    LOOP = "loop"
    NOTHING = "nothing"


@dataclass
class Token:
    """A piece of a template."""

    kind: str
    text: str


_KINDS: Final = {
    **dict.fromkeys(("command", "shell", "script", "raw"), Result.COMMAND),
    "stat": Result.STAT,
    **dict.fromkeys(("apt", "dnf", "yum", "package", "pip", "apk", "pacman", "zypper", "homebrew"), Result.PACKAGES),
}
_COMMAND_KEYS: Final = frozenset({"rc", "stdout", "stderr"})
_USE_NOTIFY: Final = "let the task notify a handler, which runs only when something changed"


def kind_of(module: str, *, loops: bool) -> Result:
    """Return what a task of a module registers."""
    found = _KINDS.get(module, Result.NOTHING)
    return Result.LOOP if loops and found is not Result.NOTHING else found


def of_result(tokens: list[Token], place: int, result: Result, keys: list[str], ends: list[int]) -> int:
    """Rewrite a registered name with the keys behind it. Raises Refused."""
    name = tokens[place].text
    if result is Result.NOTHING:
        raise Refused(f"{name}: this module saves no result", _USE_NOTIFY)
    if result is Result.LOOP:
        raise Refused(
            f"{name}: the results of a loop are not gathered", "write the tasks one by one, or loop in a script"
        )
    if not keys:
        return place + 1
    if result is Result.STAT:
        return _of_stat(tokens, place, keys, ends)
    key = keys[0]
    if result is Result.PACKAGES:
        if key == "changed":
            return _replace(tokens, place, ends[0], f"({name}.changed | length > 0)")
    elif key in {"stdout_lines", "stderr_lines"}:
        return _replace(tokens, place, ends[0], f"{name}.{key.removesuffix('_lines')}.splitlines()")
    elif key == "failed":
        return _replace(tokens, place, ends[0], f"({name}.rc != 0)")
    elif key in _COMMAND_KEYS:
        return place + 1
    instead = _USE_NOTIFY if key == "changed" else "see the parameter `save` in docs/reference/modules.md"
    raise Refused(f"{name}.{key} is not part of what is saved", instead)


def _of_stat(tokens: list[Token], place: int, keys: list[str], ends: list[int]) -> int:
    name = tokens[place].text
    if keys[0] != "stat":
        raise Refused(f"{name}.{keys[0]} is not part of what is saved", "see !stat in docs/reference/modules.md")
    if len(keys) == 1:
        return _replace(tokens, place, ends[0], name)
    if keys[1] == "mode":
        return _replace(tokens, place, ends[1], f"('0' ~ {name}.mode[2:])")
    if keys[1] not in names.STAT_KEYS:
        raise Refused(f"{name}.stat.{keys[1]} is not part of what is saved", "see !stat in docs/reference/modules.md")
    return _replace(tokens, place, ends[1], f"{name}.{names.STAT_KEYS[keys[1]]}")


def _replace(tokens: list[Token], place: int, end: int, text: str) -> int:
    tokens[place].text = text
    del tokens[place + 1 : end]
    return place + 1


def tested(tokens: list[Token], place: int, results: Mapping[str, Result]) -> int:
    """Rewrite `NAME is failed` and the like; `place` is that of the test's name. Raises Refused."""
    first = place
    while tokens[first].text != "is":
        first -= 1
    words = [token.text for token in tokens[first : place + 1] if token.text.strip()]
    at = first - 1
    while at >= 0 and not tokens[at].text.strip():
        at -= 1
    name, test = tokens[at].text, words[-1]
    result = results.get(name, Result.NOTHING)
    is_negated = "not" in words
    if test in {"skipped", "skip"}:
        return _replace(tokens, at, place + 1, f"{name} is {'' if is_negated else 'not '}defined")
    if test in {"changed", "change"}:
        if result is not Result.PACKAGES:
            raise Refused(f"whether {name} changed something is not saved", _USE_NOTIFY)
        return _replace(tokens, at, place + 1, f"{name}.changed | length {'==' if is_negated else '>'} 0")
    if result is not Result.COMMAND:
        raise Refused(f"whether {name} failed is not saved", "use `and: ignore_errors`, or a command's `failed_when`")
    failed = test in {"failed", "failure"}
    return _replace(tokens, at, place + 1, f"{name}.rc {'!=' if failed != is_negated else '=='} 0")
