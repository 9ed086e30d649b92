# SPDX-License-Identifier: GPL-3.0-or-later
"""The exception tree; each error carries what is known of its host, task and source position."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jetpack_core.records import Position


class JetpackError(Exception):
    """Any failure that is shown to the user without a traceback.

    :param message: What happened, in one sentence without a full stop.
    :param hint: What to do about it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UsageError(JetpackError):
    """A wrong flag, setting or combination of them; nothing ran."""


class PluginError(JetpackError):
    """A plugin is missing, broken, or claims a name that another one has."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a content file."""

    position: Position
    message: str
    hint: str = ""
    source_line: str = ""
    """The text of the line at `position`, shown with a caret below it."""
    code: str = field(default="invalid-content", compare=False)
    """The short name of its kind, listed in docs/reference/errors.md."""

    def __str__(self) -> str:
        lines = [f"{self.position}: {self.message}"]
        if self.source_line:
            shown, caret = _excerpt(self.source_line, self.position.column)
            lines += [f"    {shown}", f"    {caret}^"]
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(lines)


_WIDTH = 120


def _excerpt(line: str, column: int) -> tuple[str, str]:
    """Return the part of a line around a column, and the blanks that put a caret below it."""
    start = max(0, column - 1 - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = "".join(map(_printable, line[start : start + _WIDTH].rstrip("\r\n")))
    return shown, "".join("\t" if char == "\t" else " " for char in shown[: column - 1 - start])


def _printable(char: str) -> str:
    """Return a character that takes one column and does nothing to the terminal."""
    return char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}"


class ContentError(JetpackError):
    """One or more problems in playbooks, roles, inventory or variables; nothing ran."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class TemplateError(JetpackError):
    """A template or expression could not be compiled or rendered."""


class ParameterError(JetpackError):
    """A module's parameters are wrong, known only once they were rendered for a host.

    :param problems: (parameter, message) pairs.
    """

    def __init__(self, module: str, problems: Iterable[tuple[str, str]]) -> None:
        self.module = module
        self.problems = tuple(problems)
        super().__init__("; ".join(f"!{module} {name}: {text}" for name, text in self.problems))


class TaskError(JetpackError):
    """A module says that its task fails on this host."""


class SecretError(JetpackError):
    """A secret, an identity or a recipient cannot be read or used; never holds the secret itself."""


class UnknownValueError(JetpackError):
    """Plan mode: a value is needed that only a task which did not run could tell."""


class OperationCode(StrEnum):
    """Why an operation on a host failed; the same on every connection."""

    NOT_FOUND = "not found"
    EXISTS = "already exists"
    PERMISSION = "permission denied"
    NOT_A_DIRECTORY = "not a directory"
    IS_A_DIRECTORY = "is a directory"
    NOT_EMPTY = "directory not empty"
    NO_SPACE = "no space left"
    READ_ONLY = "read-only file system"
    TOO_LARGE = "too large"
    NO_SUCH_ACCOUNT = "no such user or group"
    TIMEOUT = "timed out"
    STALE = "changed meanwhile"
    OTHER = "failed"


class OperationError(JetpackError):
    """An operation on a host was refused or failed; the host itself is well.

    :param code: The reason, one of a closed set.
    :param subject: The path or command it is about.
    """

    def __init__(self, code: OperationCode, subject: str, detail: str = "") -> None:
        self.code = code
        self.subject = subject
        self.detail = detail
        super().__init__(f"{subject}: {detail or code.value}")


class StaleError(OperationError):
    """The host differs from what the plan saw (`expect`); the engine plans again."""

    def __init__(self, subject: str, detail: str = "") -> None:
        super().__init__(OperationCode.STALE, subject, detail or "changed since it was read")


class SourceChangedError(OperationError):
    """A file of the control machine changed while it was read or sent; nothing was put in place.

    :param doing: What was done with it meanwhile, as a participle.
    """

    def __init__(self, path: str, doing: str = "sent") -> None:
        super().__init__(OperationCode.OTHER, path, f"changed while it was being {doing}")
        self.message = f"the control machine's {path} changed while it was being {doing}"
        self.hint = "run it again once nothing writes to that file any more"


class HeldError(JetpackError):
    """Another run holds the host.

    :param path: The file on the host that says so.
    :param owner: The user of the host to whom the file belongs; empty where that is not known.
    :param line: What the holder wrote into it: data from the host, to be trusted by nobody.
    """

    def __init__(self, path: str, owner: str = "", line: str = "") -> None:
        self.path = path
        self.owner = owner
        self.line = line
        super().__init__("another run holds the host")


class BecomeError(JetpackError):
    """Becoming another user failed: a wrong password, no permission, or no such program."""


class HostUnreachableError(JetpackError):
    """A host cannot be reached, or the connection to it was lost."""


class AuthenticationError(HostUnreachableError):
    """A host refused every credential that was offered."""


class HostKeyError(HostUnreachableError):
    """A host's key is unknown, or not the one that was expected."""
