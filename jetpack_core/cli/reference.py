# SPDX-License-Identifier: GPL-3.0-or-later
"""Write `docs/reference` and the man page from the code: `python -m jetpack_core.cli.reference FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from jetpack_core.cli.describe import describe
from jetpack_core.cli.error_reference import errors_page
from jetpack_core.cli.main import ALIASES, main
from jetpack_core.cli.manual import write_manual
from jetpack_core.cli.plugin_reference import api_page, kit_page
from jetpack_core.registry import Kind, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.cli.describe import EntryDoc, ParameterDoc

_HEAD: Final = "<!-- Written by `python -m jetpack_core.cli.reference docs/reference`; edit the code. -->\n"


def pages() -> dict[str, str]:
    """Return the pages by file name; they describe what is built in, whatever plugins are installed."""
    registry = Registry()
    return {
        "cli.md": _cli_page(registry),
        "errors.md": f"{_HEAD}\n{errors_page()}",
        "filters.md": _page(registry, "Filters and tests", (Kind.FILTER, Kind.TEST), _FILTERS),
        "modifiers.md": _page(registry, "Modifiers", (Kind.MODIFIER,), _MODIFIERS),
        "modules.md": _page(registry, "Modules", (Kind.MODULE,), _MODULES),
        "plugin-api.md": f"{_HEAD}\n{api_page()}",
        "test-kit.md": f"{_HEAD}\n{kit_page()}",
    }


_WIDTH: Final = 100
_MODULES: Final = """\
A task is a module with its parameters, `name`, and the modifiers under `with:` and `and:`. Texts are templates
unless the table says otherwise. `jetpack doc NAME` shows the same on the command line.
"""
_MODIFIERS: Final = """\
Modifiers change how a task runs. They stand under the task's `with:` (before it acts) or `and:` (after it).
"""
_FILTERS: Final = """\
These stand beside the filters and tests of Jinja2 in every template and expression.
"""


def _page(registry: Registry, title: str, kinds: tuple[Kind, ...], intro: str) -> str:
    entries = [one for kind in kinds for one in registry.entries(kind).values()]
    sections = [_section(describe(registry, one)) for one in entries]
    return "\n".join([_HEAD, f"# {title}\n", intro, *sections])


def _section(doc: EntryDoc) -> str:
    parts = [
        f"## {doc.name}" if doc.kind in {"module", "modifier"} else f"## {doc.name} ({doc.kind})",
        doc.summary,
    ]
    if doc.description:
        parts.append(doc.description)
    if doc.usage:
        parts.append(f"`{doc.usage}`")
    if doc.listed:
        parts.append(_table(doc))
    if doc.example:
        parts.append(f"```yaml\n{doc.example}\n```")
    return "\n\n".join(parts) + "\n"


def _table(doc: EntryDoc) -> str:
    rows = ["| parameter | type | default | meaning |", "|---|---|---|---|"]
    rows += [_row(one) for one in doc.listed]
    return "\n".join(rows)


def _row(one: ParameterDoc) -> str:
    also = f" (also written `{'`, `'.join(one.aliases)}`)" if one.aliases else ""
    default = "required" if one.required else f"`{one.default}`" if one.default else ""
    cells = (f"`{one.name}`{also}", one.type, default, one.description)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cli_page(registry: Registry) -> str:
    context = main.make_context("jetpack", [], resilient_parsing=True)
    older = ", ".join(f"`{old}` for `{new}`" for old, new in ALIASES.items())
    intro = f"The command is `jetpack`, or `jetp` for short. Older names of verbs work as well: {older}.\n"
    sections = (section for name in registry.entries(Kind.COMMAND) for section in _verb(name, context))
    return "\n".join([_HEAD, "# Command line\n", intro, *sections])


def _verb(name: str, parent: click.Context) -> Iterator[str]:
    command = main.get_command(parent, name)
    if command is None:
        return
    context = _context(command, name, parent)
    yield _help(context, "##")
    if isinstance(command, click.Group):
        for sub_name in sorted(command.list_commands(context)):
            sub = command.get_command(context, sub_name)
            if sub is not None:
                yield _help(_context(sub, sub_name, context), "###")


def _context(command: click.Command, name: str, parent: click.Context) -> click.Context:
    return click.Context(command, parent, info_name=name, max_content_width=_WIDTH, terminal_width=_WIDTH)


def _help(context: click.Context, marks: str) -> str:
    return f"{marks} {context.command_path}\n\n```text\n{context.get_help().rstrip()}\n```\n"


def write(folder: Path) -> None:
    """Write all pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    write_manual()
