# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack run`: one module or command on groups of hosts."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, RunOptions, take
from jetpack_core.errors import UsageError
from jetpack_core.records import Position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.cli.adhoc import AdHoc
    from jetpack_core.cli.sources import Sources
    from jetpack_core.content.model import Play, Playbook

_COMMAND = "jetpack.command"
"""The key of `Context.meta` for the words after `--`."""


class AdHocCommand(click.Command):
    """A command that keeps the words after `--` apart, which click would mix with those before."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before `--`, and keep what stands behind it."""
        if "--" in args:
            border = args.index("--")
            ctx.meta[_COMMAND] = tuple(args[border + 1 :])
            args = args[:border]
        return super().parse_args(ctx, args)


@click.command("run", cls=AdHocCommand, options_metavar="[OPTIONS] GROUPS...")
@click.argument(
    "words",
    nargs=-1,
    metavar="MODULE [NAME=VALUE]... | -- COMMAND [ARG]...",
    shell_complete=options.completing("words_of_run"),
)
@options.project_option()
@options.search_options()
@options.extra_vars_option()
@options.host_options()
@options.connection_options()
@options.sudo_options()
@options.lock_option()
@click.option("--plan", "planning", is_flag=True, help="Show what would change, and change nothing.")
@options.output_options()
@click.pass_context
def command(ctx: click.Context, /, words: tuple[str, ...], planning: bool, **flags: Any) -> int:
    r"""Run one module, or one command, on all hosts of some groups.

    \b
    jetpack run all facts
    jetpack run web db copy src=motd dest=/etc/motd mode=0644 --sudo root
    jetpack run web -- systemctl is-active nginx

    Parameters are those of `jetpack doc MODULE`; values may be templates, and JSON lists and objects. A command
    after `--` runs without a shell, its words as they are; use the module `shell` for pipes and the like.
    """
    from jetpack_core.cli.adhoc import read_words
    from jetpack_core.cli.running import STREAMING, run, settings_for
    from jetpack_core.cli.sources import open_inventory, open_sources

    after = ctx.meta.get(_COMMAND)
    _refuse_other_encodings((*words, *(after or ())))
    request = read_words(words, after)
    hosts, wishes = take(HostOptions, flags), take(RunOptions, flags)
    # What a command says is what an ad hoc run is for.
    wishes = replace(wishes, verbosity=wishes.verbosity + STREAMING)
    sources = open_sources(take(ContentOptions, flags), lenient=planning)
    inventory = open_inventory(hosts, sources.project, sources.vault, secrets_needed=not planning)
    playbook = _playbook(request, sources)
    settings = replace(
        settings_for("run", sources, hosts, wishes, planning=planning), show_results=True, provision=False
    )
    return run([playbook], inventory, sources, settings, wishes)


def _refuse_other_encodings(words: Sequence[str]) -> None:
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(word).decode(errors="backslashreplace")
            raise UsageError(f"'{shown}' is not UTF-8 text", hint="send bytes to hosts in a file, with copy") from None


def _playbook(request: AdHoc, sources: Sources) -> Playbook:
    """Make a playbook of one task, whose files are looked for from the current folder."""
    from jetpack_core.cli.adhoc import playbook_text
    from jetpack_core.content.load import load_playbook

    playbook = load_playbook(
        Path("command line"),
        registry=sources.registry,
        roles_paths=sources.roles,
        modules_paths=sources.modules,
        extra_vars=sources.extra_vars,
        vault=sources.vault,
        text=playbook_text(request).encode(errors="surrogateescape"),
    )
    return replace(playbook, plays=tuple(map(_without_place, playbook.plays)))


def _without_place(play: Play) -> Play:
    """Take the lines away, which are those of a text that the user never saw."""
    nowhere = Position("", 0, 0)
    return replace(play, tasks=tuple(replace(task, position=nowhere) for task in play.tasks))
