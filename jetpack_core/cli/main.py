# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `jetpack`: finds verbs, loads the one that is used, and ends it in one place."""

from __future__ import annotations

import copy
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from jetpack_core import __version__
from jetpack_core.cli import collector
from jetpack_core.cli.encoding import ensure_utf8, speak_to_terminals
from jetpack_core.cli.failures import ensure_streams, exit_code_of, flushed
from jetpack_core.cli.invocation import Invocation, invocation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

ALIASES: Final = {"ssh": "apply", "check-ssh": "plan"}
"""The older names of verbs; they work and are not listed."""


class LazyGroup(click.Group):
    """A group whose verbs come from the registry, each imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs, those of plugins included."""
        return list(_summaries(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb, or None where neither the core nor a plugin has it."""
        from jetpack_core.registry import Kind

        name = ALIASES.get(cmd_name, cmd_name)
        registry = invocation(ctx).registry
        if name not in registry.entries(Kind.COMMAND):
            registry = invocation(ctx).load_plugins()
        if name not in registry.entries(Kind.COMMAND):
            return None
        return _with_traceback(registry.command(name))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer verbs by their summaries, so that none of them is imported, or flags."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(name, help=text) for name, text in _summaries(ctx).items() if name.startswith(incomplete)
        ]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that the arguments begin with. Raises UsageError with the nearest name."""
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None:
            ctx.fail(_unknown(ctx, name))
        return name, command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs from their one-line summaries, so that none of them is imported."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(_summaries(ctx).items()))

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> int:
        """Run the command line and exit; with `standalone_mode` false, return the exit code."""
        # Called with arguments, it is a guest in a process that goes on afterwards, such as a test's.
        own_process = standalone_mode and args is None
        if args is None:
            ensure_utf8()
        ensure_streams()
        speak_to_terminals()
        if own_process:
            collector.pause()
        state = Invocation()
        run = super().main
        code = exit_code_of(
            lambda: run(args, prog_name, complete_var, standalone_mode=False, obj=state, **extra),
            traceback_wanted=lambda: state.traceback,
            redact=state.redact,
        )
        code = flushed(code)
        if own_process:
            collector.leave()
        if standalone_mode:
            sys.exit(code)
        return code


def _summaries(ctx: click.Context) -> dict[str, str]:
    from jetpack_core.registry import Kind

    registry = invocation(ctx).load_plugins()
    return {name: one.reference.summary for name, one in registry.entries(Kind.COMMAND).items()}


def _unknown(ctx: click.Context, name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, [*_summaries(ctx), *ALIASES], n=1)
    if near:
        return f"there is no verb {name!r}; did you mean {near[0]!r}?"
    package = f"jetpack-plugin-{name.replace('_', '-')}"
    return f"there is no verb {name!r}; if a plugin has it, install that: pip install {package}"


def _remember_traceback(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        invocation(ctx).traceback = True


_TRACEBACK: Final = click.Option(
    ["--traceback"],
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_remember_traceback,
    help="Show where in the code an error came from.",
)


def _with_traceback(command: click.Command) -> click.Command:
    """Give a verb `--traceback`, so that it works after the verb as well as before it."""
    with_it = copy.copy(command)
    with_it.params = [*command.params, _TRACEBACK]
    return with_it


@click.group(
    cls=LazyGroup,
    params=[_TRACEBACK],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="jetpack")
def main() -> None:
    """Automate hosts from playbooks, roles and inventories, over SSH or on this machine.

    `jetpack VERB --help` explains a verb, `jetpack doc NAME` a module. `jetpack init` begins a project.
    """
