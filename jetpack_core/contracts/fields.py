# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of module parameters, beyond pydantic's own.

Text from YAML arrives as it was written; each type turns it into its value or says how to write it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, BeforeValidator, SecretStr, WithJsonSchema

from jetpack_core.contracts.sources import NO_FILE

if TYPE_CHECKING:
    from pydantic import ValidationInfo


class PlainText(str):
    """A scalar that stood in YAML without quotes; the types that care (such as `Mode`) can tell."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ParameterContext:
    """What the types need to know of the place a parameter was written in."""

    find_source: Callable[[str, str], Path | None]
    """(kind of folder, such as `files`; relative or absolute path) -> the file or folder, or None."""
    searched: Callable[[str], Sequence[str]]
    """The folders that are searched for a kind, as the error shows them."""


def _host_path(value: str) -> str:
    if value.startswith("~"):
        message = "'~' is not expanded on hosts; write the directory, such as /home/{{ username }}"
        raise ValueError(message)
    if not value.startswith("/"):
        message = f"a path on a host must be absolute, not {value!r}"
        raise ValueError(message)
    if "\0" in value:
        message = "a path cannot hold a NUL character"
        raise ValueError(message)
    return value if value == "/" else value.rstrip("/") or "/"


HOST_PATH: Final = WithJsonSchema({"type": "string", "format": "host-path"})
"""The note by which a field is known to name a path on the host."""

HostPath = Annotated[str, AfterValidator(_host_path), HOST_PATH]
"""An absolute path on the host; a trailing slash is dropped."""


def _no_directory(value: object) -> object:
    if isinstance(value, str) and value.endswith("/"):
        message = f"this is the file's own name, so it cannot end with a slash: {value!r}"
        raise ValueError(message)
    return value


FileName = Annotated[HostPath, BeforeValidator(_no_directory)]
"""An absolute path of a file on the host; one with a trailing slash is refused."""


def _account(value: object) -> object:
    """Take a number for a name, as a template may render one."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and (not text or any(char in text for char in "\0\n:/")):
        message = f"{text!r} is not the name or number of an account"
        raise ValueError(message)
    return text


Account = Annotated[str, BeforeValidator(_account), WithJsonSchema({"type": "string"})]
"""The name of a user or group, or its number."""

_MODE_HINT: Final = "write it as 0o644 or '0644'"
_MODE_LIMIT: Final = 0o7777


def _mode(value: object) -> int:
    if isinstance(value, Mode):
        return int(value)
    if not isinstance(value, str):
        message = f"a mode is text, not the number {value!r}; {_MODE_HINT}"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueError only
    digits = value[2:] if value[:2] in {"0o", "0O"} else value
    if digits is value and isinstance(value, PlainText):
        message = f"{value} without quotes is ambiguous; {_MODE_HINT}"
        raise ValueError(message)
    if not digits or set(digits) - set("01234567") or int(digits, 8) > _MODE_LIMIT:
        message = f"{value!r} is not an octal file mode; {_MODE_HINT}"
        raise ValueError(message)
    return int(digits, 8)


class Mode(int):
    """Permission bits of a file; prints as 0o644."""

    def __repr__(self) -> str:
        return f"0o{int(self):o}"

    __str__ = __repr__


FileMode = Annotated[
    int,
    BeforeValidator(_mode),
    AfterValidator(Mode),
    WithJsonSchema({"type": "string", "pattern": "^0o[0-7]{1,4}$|^[0-7]{3,4}$"}),
]
"""A file mode, written 0o644 or '0644'."""


class Expression(str):
    """The source of an expression; it is evaluated by the module, not rendered beforehand."""

    __slots__ = ()


ExpressionText = Annotated[str, AfterValidator(Expression), WithJsonSchema({"type": "string", "format": "expression"})]
"""A condition such as `rc == 0`; see `Host.evaluate`."""


def readable(path: Path) -> bool:
    """Tell whether the user who runs this may read a file or folder."""
    return os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)


def _near(name: str, folders: Sequence[str]) -> str:
    """Return a question whether a file of a similar name is meant, or nothing."""
    wanted = Path(name)
    here = [wanted.parent] if wanted.is_absolute() else [Path(folder) / wanted.parent for folder in folders]
    try:
        names = [one.name for folder in here if folder.is_dir() for one in folder.iterdir()]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(wanted.name, names, n=1)
    return f"; did you mean {str(wanted.with_name(near[0]))!r}?" if near else ""


def source(folder: str) -> BeforeValidator:
    """Return the validator of a control-side path that is looked up in a folder of the role or playbook.

    :param folder: `files`, `templates` or `modules`.
    """

    def find(value: object, info: ValidationInfo) -> Path:
        if isinstance(value, Path):
            return value
        context = info.context
        if not isinstance(value, str) or not isinstance(context, ParameterContext):
            message = f"a path is text, not {value!r}"
            raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueError only
        if value.startswith("~"):
            message = "'~' is not expanded; write the directory in full"
            raise ValueError(message)
        found = context.find_source(folder, value)
        if found is None or not found.exists():
            places = ", ".join(map(str, context.searched(folder)))
            message = f"no file {value!r}" if value.startswith("/") else f"no file {value!r} in {places}"
            raise ValueError(f"{message}{_near(value, context.searched(folder))}")
        if not found.is_file() and not found.is_dir():
            # Opening a pipe would wait for somebody to write into it.
            message = f"the file {value!r} {NO_FILE}"
            raise ValueError(message)
        if not readable(found):
            message = f"the file {value!r} is there, and you may not read it"
            raise ValueError(message)
        return found

    return BeforeValidator(find)


Source = Annotated[Path, source("files"), WithJsonSchema({"type": "string", "format": "source-path"})]
"""A file or folder of the control machine, from the role's or playbook's `files`."""

TemplateSource = Annotated[Path, source("templates"), WithJsonSchema({"type": "string", "format": "source-path"})]
"""A file of the control machine, from the role's or playbook's `templates`."""

ExecutableSource = Annotated[Path, source("modules"), WithJsonSchema({"type": "string", "format": "source-path"})]
"""An executable of the control machine, from `--modules`, `modules/` and the role's `modules/`."""


class ShellText(str):
    """A command line rendered under the safety rules for shell text."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a text parameter is rendered, where the default (plain template) is not right; used in Annotated."""

    style: str
    """`raw`: not at all; `argv`: split first, then each word; `shell`: with the safety check on values."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """A note on a field that others can read on the host, as in a process list; no secret may be rendered into it."""


EXPOSED: Final = Exposed()
IN_PROCESS_LIST: Final = "a secret would show in the process list; hand it over by `env:` or `stdin:`"

Secret = SecretStr
"""Text that is never shown."""
