# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack check`: find mistakes without touching a host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, take

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jetpack_core.cli.sources import Sources
    from jetpack_core.content.model import Play, Playbook, Task
    from jetpack_core.inventory.model import Inventory


@click.command("check")
@options.content_options()
@options.inventory_option()
def command(**flags: Any) -> None:
    """Find mistakes in playbooks, roles, templates, inventory and plugins, without touching a host.

    All of them are told at once. Without an inventory, playbooks alone are checked.
    """
    from jetpack_core.cli.sources import Gathered, load_playbooks, open_inventory, open_sources

    sources = open_sources(take(ContentOptions, flags))
    hosts = take(HostOptions, flags)
    playbooks: list[Playbook] = []
    inventories: list[Inventory] = []
    found = Gathered()
    found.run(lambda: playbooks.extend(load_playbooks(sources)))
    if hosts.inventory or sources.project.inventory:
        found.run(lambda: inventories.append(open_inventory(hosts, sources.project)))
    found.run(lambda: _check_templates(playbooks, sources))
    for inventory in inventories:
        found.run(lambda inventory=inventory: _check_groups(playbooks, inventory))  # type: ignore[misc]
    found.raise_if_any()
    click.echo(_summary(playbooks, inventories))


def _summary(playbooks: Sequence[Playbook], inventories: Sequence[Inventory]) -> str:
    plays = [play for playbook in playbooks for play in playbook.plays]
    counts = [_count(len(plays), "play"), _count(sum(len(_tasks(play)) for play in plays), "task")]
    counts += [_count(len(inventory.hosts), "host") for inventory in inventories]
    return f"{', '.join(counts)}: no problems"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _tasks(play: Play) -> tuple[Task, ...]:
    return (*play.tasks, *play.handlers)


def _check_groups(playbooks: Sequence[Playbook], inventory: Inventory) -> None:
    """Raise ContentError for plays on groups that are not there; templated names are left out."""
    from jetpack_core.content.problems import Problems
    from jetpack_core.inventory.names import nearest

    problems = Problems()
    for play in (play for playbook in playbooks for play in playbook.plays):
        for group in play.groups:
            if "{{" not in group and group not in inventory.groups:
                problems.add(play.position, f"the inventory has no group {group!r}", nearest(group, inventory.groups))
    problems.raise_if_any()


def _check_templates(playbooks: Sequence[Playbook], sources: Sources) -> None:
    """Raise ContentError for template files that cannot be compiled."""
    from jetpack_core.content.problems import Problems
    from jetpack_core.records import Position
    from jetpack_core.variables.templates import Templates

    templates = Templates(sources.registry)
    problems = Problems()
    for file in dict.fromkeys(_template_files(playbooks)):
        if sources.registry.template_engine(file.suffix) is None:
            wrong = templates.check_template(_text(file))
            if wrong is not None:
                problems.add(Position(str(file), wrong.line, wrong.column), wrong.message, "")
    problems.raise_if_any()


def _text(file: Path) -> str:
    from jetpack_core.errors import UsageError

    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read the template {file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"the template {file} is not UTF-8 text, at byte {error.start}") from None


def _template_files(playbooks: Sequence[Playbook]) -> Iterator[Path]:
    for play in (play for playbook in playbooks for play in playbook.plays):
        for task in _tasks(play):
            yield from _templates_of(task)


def _templates_of(task: Task) -> Iterator[Path]:
    """Yield the template files that a task names without templating their names."""
    from jetpack_core.contracts.fields import TemplateSource

    marker = get_args(TemplateSource)[1]
    for name, info in task.module_class.model_fields.items():
        parameter = task.parameters.get(name)
        if parameter is not None and not parameter.templated and any(one is marker for one in info.metadata):
            found = task.context.find_source("templates", str(parameter.value))
            if found is not None:
                yield found
