# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a file of the control machine on the host: sent to a private directory, run, and removed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator

from jetpack_core.contracts.fields import ExecutableSource, Source
from jetpack_core.contracts.sources import SourceFile
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Run
    from jetpack_core.records import CommandResult


def _regular_file(path: Path) -> Path:
    if not path.is_file():
        message = f"{path} is not a file"
        raise ValueError(message)
    return path


ScriptSource = Annotated[Source, AfterValidator(_regular_file)]
"""A file of the role's or playbook's `files`."""

ProgramSource = Annotated[ExecutableSource, AfterValidator(_regular_file)]
"""A file of the modules' folders."""

_HEAD: Final = 4096
"""Bytes; no system reads a longer interpreter line."""


def interpreter_of(source: Path) -> tuple[str, ...]:
    """Return the words to put before a script's path to run it, as the kernel would; none for a binary.

    Naming the interpreter lets scripts run from directories that are mounted `noexec`.
    Raises TaskError for a file that cannot be read, or that was saved with Windows line ends.
    """
    try:
        with SourceFile(source) as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise TaskError(f"{source} cannot be read: {error.strerror}") from error
    if not head.startswith(b"#!"):
        return () if b"\0" in head else ("/bin/sh",)
    line = head[2:].split(b"\n", 1)[0]
    if line.endswith(b"\r"):
        raise TaskError(f"{source} has Windows line ends", hint="save it with plain newlines")
    # Linux passes all behind the interpreter as one argument: execve(2).
    return tuple(line.decode(errors="surrogateescape").strip().split(None, 1)) or ("/bin/sh",)


async def run_file(
    host: Host, source: Path, run: Callable[[tuple[str, ...]], Run], *, executable: str | None = None
) -> CommandResult:
    """Send `source`, run it, and remove it whatever happens, in one round trip.

    :param run: Makes the operation, given the first words of the command.
    :param executable: The program to run it with; None takes the file's own interpreter line.
    """
    words = (executable,) if executable else await host.in_thread(partial(interpreter_of, source))
    return await host.run_file(source, run((*words, source.name)), place=len(words))
