# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets edit`: edit secrets in clear, in a private folder, and encrypt what changed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from jetpack_core.cli import options
from jetpack_core.cli.invocation import warn
from jetpack_core.cli.secrets.common import PATH, count, make_keeper, recipient_options
from jetpack_core.errors import JetpackError, UsageError

if TYPE_CHECKING:
    from jetpack_core.secret_files.keeper import Keeper

_QUIET_VIM: Final = ("-n", "-i", "NONE", "--cmd", "set nobackup nowritebackup noundofile")
"""No swap file, no memory of registers, no backups: whatever vim would keep outside of the private folder."""


@click.command("edit")
@click.argument("file", type=PATH)
@options.identity_option()
@recipient_options()
def command(file: Path, identity: tuple[Path, ...], recipients: tuple[str, ...], passphrase: bool) -> None:
    """Open FILE in $VISUAL or $EDITOR with its secrets in clear, and encrypt what changed when the editor ends.

    Values that are encrypted have the tag !age; give it to others to encrypt them, or take it away. Values that you
    do not change keep their ciphertext, so that a diff shows what you changed and nothing else. A file that is not
    there yet is made; one that is called NAME.age is encrypted as a whole.
    """
    from jetpack_core.secret_files.keeper import SUFFIX, read_file
    from jetpack_core.secrets import age

    keeper = make_keeper(file, identity=identity, recipients=recipients, passphrase=passphrase)
    content = read_file(file) if file.exists() else b""
    keeper.audience(file)
    whole = file.suffix == SUFFIX or age.is_age(content)
    change = _whole(keeper, file, content) if whole else _values(keeper, file, content)
    click.echo(change, err=True)


def _whole(keeper: Keeper, file: Path, content: bytes) -> str:
    from jetpack_core.secret_files.document import Document
    from jetpack_core.secret_files.keeper import SUFFIX
    from jetpack_core.secrets import age

    clear = keeper.open_file(content, file) if content else b""
    inner = Path(file.name.removesuffix(SUFFIX))

    def check(edited: bytes) -> bytes:
        if inner.suffix in {".yml", ".yaml"}:
            Document(edited, str(file), clear=True)
        return edited

    edited = _edited(clear, inner.name, check)
    if edited is None:
        return f"{file} was not changed"
    _write(file, content, keeper.seal_file(edited, file, armored=age.is_armored(content) if content else True))
    return f"encrypted {file}"


def _values(keeper: Keeper, file: Path, content: bytes) -> str:
    from jetpack_core.secret_files.document import Document
    from jetpack_core.secret_files.editing import open_for_editing, resealed, revealed
    from jetpack_core.secret_files.spans import Value

    closed: list[Value] = []
    document = Document(content, str(file))
    clear = open_for_editing(keeper, document, file, closed.append)
    if closed:
        warn(f"{count(len(closed), 'value')} of {file} that no key at hand opens: shown encrypted; leave as they are")
    changed: list[int] = []

    def seal_again(edited: bytes) -> bytes:
        done = resealed(
            document, clear, Document(edited, str(file), clear=True), lambda text, keys: keeper.seal(text, file, keys)
        )
        changed[:] = [len(done.sealed)]
        return done.text.encode()

    result = _edited(revealed(document, clear).encode(), file.name, seal_again)
    if result is None:
        return f"{file} was not changed"
    _write(file, content, result)
    return f"wrote {file}: {count(sum(changed), 'value')} encrypted anew"


def _write(file: Path, before: bytes, now: bytes) -> None:
    """Write an edited file. Raises UsageError where somebody else has changed it meanwhile; nothing is lost then."""
    from jetpack_core.secret_files import atomic
    from jetpack_core.secret_files.keeper import read_file

    if (read_file(file) if file.exists() else b"") == before:
        atomic.write(file, now)
        return
    mine = file.with_name(f"{file.name}.mine")
    atomic.write_new(mine, now)
    raise UsageError(f"{file} was changed by somebody else meanwhile", hint=f"your version, encrypted, is {mine}")


def _edited(clear: bytes, name: str, finish: Callable[[bytes], bytes]) -> bytes | None:
    """Return what `finish` makes of the edited text, asking for another edit while it finds problems.

    None where nothing was changed. Raises what `finish` raises where the user gives up.
    """
    from jetpack_core.secret_files.private import in_memory, private_folder

    if not in_memory(os.environ):
        warn("no folder in memory was found, so the editor's file is on the disk until it is removed")
    with private_folder(os.environ) as folder:
        file = folder / name
        file.touch(mode=0o600)
        file.write_bytes(clear)
        while True:
            _run_editor(file)
            edited = file.read_bytes()
            if edited == clear:
                return None
            try:
                return finish(edited)
            except JetpackError as error:
                _ask_again(error)


def _ask_again(error: JetpackError) -> None:
    """Ask whether to edit again. Raises the error where the user does not want to or cannot be asked."""
    if not sys.stdin.isatty():
        raise error
    click.echo(str(error), err=True)
    if not click.confirm("Edit again? Otherwise your changes are lost", default=True, err=True):
        raise UsageError("nothing was written") from None


def _run_editor(file: Path) -> None:
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    if not words:
        raise UsageError("$VISUAL or $EDITOR names no program")
    if Path(words[0]).name in {"vim", "nvim"}:
        words += _QUIET_VIM
    # Ctrl-C is for the editor.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = subprocess.call([*words, str(file)], preexec_fn=_listen)
    except OSError as error:
        raise UsageError(f"the editor {words[0]} cannot be run: {error.strerror}", hint="set $EDITOR") from None
    finally:
        signal.signal(signal.SIGINT, before)
    if code:
        raise UsageError(f"the editor {words[0]} ended with {code}", hint="nothing was written")


def _listen() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
