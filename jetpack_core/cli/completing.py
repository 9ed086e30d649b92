# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shell offers to complete: names that are in the project, and in what is installed.

Completion never fails and never says anything: what cannot be read offers nothing.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import click

    from jetpack_core.inventory.model import Inventory


def hosts(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer hosts of the inventory; several stand with colons between."""
    return _after_colon(incomplete, lambda: _inventory(ctx).hosts)


def limits(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer hosts of the inventory, and behind an @ those that failed."""
    from jetpack_core.cli.resuming import LAST_FAILED

    last = incomplete.rpartition(":")[2]
    return _after_colon(incomplete, lambda: [LAST_FAILED]) if last.startswith("@") else hosts(ctx, param, incomplete)


def groups(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer groups of the inventory."""
    return _after_colon(incomplete, lambda: _inventory(ctx).groups)


def tags(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer tags of the project's playbooks."""
    return _after_colon(incomplete, lambda: _tags(ctx))


def words_of_run(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer groups, and once one is there, modules as well."""
    offered = groups(ctx, param, incomplete)
    return offered + _modules(ctx, incomplete) if ctx.params.get("words") else offered


def documented(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer what `jetpack doc` explains."""
    from jetpack_core.cli.invocation import invocation
    from jetpack_core.registry import Kind

    def every() -> Iterator[tuple[str, str]]:
        registry = invocation(ctx).load_plugins()
        for kind in Kind:
            if kind is not Kind.COMMAND:
                yield from ((name, one.reference.summary) for name, one in registry.entries(kind).items())

    return [CompletionItem(name, help=text) for name, text in _quietly(every) if name.startswith(incomplete)]


def runs(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the names of runs that are kept, the newest first."""
    from jetpack_core.cli.log import newest_runs

    names = _quietly(lambda: [folder.name[:8] for folder in newest_runs()])
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _modules(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    from jetpack_core.cli.invocation import invocation
    from jetpack_core.registry import Kind

    entries = _quietly(lambda: invocation(ctx).load_plugins().entries(Kind.MODULE).items())
    return [CompletionItem(name, help=one.reference.summary) for name, one in entries if name.startswith(incomplete)]


def _after_colon(incomplete: str, names: Callable[[], Iterable[str]]) -> list[CompletionItem]:
    before, colon, last = incomplete.rpartition(":")
    return [CompletionItem(f"{before}{colon}{name}") for name in _quietly(names) if name.startswith(last)]


def _quietly(look: Callable[[], Iterable[Any]]) -> list[Any]:
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            return list(look())
        except Exception:  # noqa: BLE001 - whatever is wrong, there is nothing to offer
            return []


def _inventory(ctx: click.Context) -> Inventory:
    from jetpack_core.cli.options import HostOptions
    from jetpack_core.cli.sources import open_inventory

    with ctx:
        return open_inventory(HostOptions(inventory=_texts(ctx, "inventory")), _project(ctx), _vault())


def _tags(ctx: click.Context) -> set[str]:
    from jetpack_core.cli.options import ContentOptions
    from jetpack_core.cli.running import known_tags
    from jetpack_core.cli.sources import load_playbooks, open_sources

    options = ContentOptions(
        project=ctx.params.get("project"), playbook=_texts(ctx, "playbook"), roles=_texts(ctx, "roles")
    )
    with ctx:
        playbooks = load_playbooks(open_sources(options, lenient=True))
    return known_tags(playbooks)


def _project(ctx: click.Context) -> Any:
    from jetpack_core.cli.project import find_project

    return find_project(ctx.params.get("project"))


def _vault() -> Any:
    from jetpack_core.cli.secret_keys import open_vault

    return open_vault((), lenient=True)


def _texts(ctx: click.Context, name: str) -> tuple[str, ...]:
    """Return the paths of a flag; while completing, they may not have been taken apart yet."""
    return tuple(part for text in ctx.params.get(name) or () for part in str(text).split(":") if part)
