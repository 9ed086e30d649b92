# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack completion`: let the shell complete verbs, flags, hosts, groups, tags and modules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from jetpack_core.errors import UsageError

SHELLS: Final = ("bash", "zsh", "fish")
PROGRAM: Final = "jetpack"
_VARIABLE: Final = "_JETPACK_COMPLETE"
_BASH_LOADS: Final = Path("/usr/share/bash-completion/bash_completion")
_ZSH_LOADS: Final = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }"
"""What a `.zshrc` may not do itself, and without which the script ends with an error."""
_MARK: Final = "# completion of jetpack"


@click.command("completion")
@click.argument("shell", required=False, type=click.Choice(SHELLS))
@click.option("--install", is_flag=True, help="Let every new shell of yours have it, from now on.")
def command(shell: str | None, install: bool) -> None:
    """Print what makes a shell complete this command, or install it for your user.

    The SHELL is the one of $SHELL where none is named. Verbs, flags, hosts and groups of the inventory, tags of the
    playbooks, modules and runs are completed.
    """
    shell = shell or Path(os.environ.get("SHELL", "")).name
    if shell not in SHELLS:
        raise UsageError("it is not known which shell is meant", hint=f"name one of {', '.join(SHELLS)}")
    script = _script(shell)
    if not install:
        click.echo(script)
        return
    try:
        told = _install(shell, script)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {(error.strerror or str(error)).lower()}") from None
    click.echo(f"{told}; it works in the next shell that is opened", err=True)


def _script(shell: str) -> str:
    from click.shell_completion import get_completion_class

    from jetpack_core.cli.main import main

    made = get_completion_class(shell)
    if made is None:
        raise UsageError(f"{shell} cannot be completed by this version of click")
    try:
        return made(main, {}, PROGRAM, _VARIABLE).source()
    except RuntimeError as error:
        # The shell's own version was looked at.
        raise UsageError(str(error)) from None


def _install(shell: str, script: str) -> str:
    """Put the script where the shell looks. Returns what was done; raises OSError."""
    home = Path.home()
    if shell == "fish":
        return _written(_config(home) / "fish" / "completions" / f"{PROGRAM}.fish", script)
    if shell == "bash" and _BASH_LOADS.exists():
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
        return _written(data / "bash-completion" / "completions" / PROGRAM, script)
    file = _config(home) / "jetpack" / f"completion.{shell}"
    start = home / ".bashrc"
    if shell == "zsh":
        start = Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"
        script = f"{_ZSH_LOADS}\n{script}"
    line = f'source "{file}"  {_MARK}'
    text = start.read_text(errors="surrogateescape") if start.exists() else ""
    if _MARK not in text:
        with start.open("a", errors="surrogateescape") as opened:
            opened.write(("" if text.endswith("\n") or not text else "\n") + line + "\n")
    return f"{_written(file, script)}, and {start} reads it"


def _config(home: Path) -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")


def _written(file: Path, script: str) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(script + "\n")
    return f"the completion is in {file}"
