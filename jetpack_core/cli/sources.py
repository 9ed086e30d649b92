# SPDX-License-Identifier: GPL-3.0-or-later
"""Load what the flags and the project file name: plugins, inventory, playbooks and variables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jetpack_core.cli.extra_vars import overlay_maps, read_extra_vars
from jetpack_core.cli.invocation import loaded_registry, warn
from jetpack_core.cli.options import from_environment
from jetpack_core.cli.project import Project, find_project
from jetpack_core.cli.secret_keys import open_vault
from jetpack_core.errors import ContentError, JetpackError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jetpack_core.cli.options import ContentOptions, HostOptions
    from jetpack_core.content.model import Playbook
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.registry import Registry
    from jetpack_core.secrets.vault import Vault


@dataclass(frozen=True, slots=True)
class Sources:
    """What a verb found to work on before it looks into playbooks and inventory."""

    registry: Registry
    project: Project
    playbooks: tuple[Path, ...]
    roles: tuple[Path, ...]
    modules: tuple[Path, ...]
    extra_vars: Mapping[str, object]
    vault: Vault
    """Decrypts what is secret."""


def open_sources(options: ContentOptions, *, lenient: bool = False, plugins_needed: bool = True) -> Sources:
    """Find the project, check the plugins it requires, and resolve the flags against it.

    :param lenient: secrets that no key fits are unknown, instead of an error; for what changes nothing.
    :param plugins_needed: whether a plugin that the project requires must be there.

    Raises ContentError, PluginError, and UsageError.
    """
    registry = loaded_registry()
    vault = open_vault(options.identity, lenient=lenient)
    project = find_project(options.project, vault)
    if plugins_needed:
        _check_plugins(project)
    return Sources(
        registry,
        project,
        playbooks=_absolute(options.playbook) or project.playbook,
        roles=(*_absolute(options.roles), *_absolute(from_environment("JET_ROLES_PATH")), *project.roles),
        modules=(
            *_absolute(options.modules),
            *_absolute(from_environment("JET_MODULES_PATH")),
            *project.modules,
        ),
        extra_vars=overlay_maps(project.extra_vars, read_extra_vars(options.extra_vars, vault)),
        vault=vault,
    )


def _check_plugins(project: Project) -> None:
    if project.plugins:
        from jetpack_core.cli.requirements import check_requirements

        check_requirements(project.plugins, str(project.file))


def _absolute(texts: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(_shown(Path(text)) for text in texts)


def _shown(path: Path) -> Path:
    """Return a path as the user wrote it, which is how errors and logs show it."""
    if path.parts[:1] == ("~",):
        raise UsageError(f"'~' is not expanded in {path}", hint="leave it to the shell, or write the path in full")
    return path


def load_playbooks(sources: Sources) -> tuple[Playbook, ...]:
    """Load all playbooks. Raises ContentError with the problems of all, UsageError for none."""
    loaded: list[Playbook] = []
    problems = Gathered()
    load_each_playbook(sources, loaded, problems)
    problems.raise_if_any()
    return tuple(loaded)


def load_each_playbook(sources: Sources, loaded: list[Playbook], problems: Gathered) -> None:
    """Load those playbooks that are all right, and gather the problems of the others. Raises UsageError for none."""
    from jetpack_core.content.load import load_playbook

    if not sources.playbooks:
        hint = "name one with -p, or as `playbook:` in .jetpack.yml; `jetpack init` makes a project"
        raise UsageError("there is no playbook to run", hint=hint)
    for path in sources.playbooks:
        problems.run(
            lambda path=path: loaded.append(  # type: ignore[misc]
                load_playbook(
                    path,
                    registry=sources.registry,
                    roles_paths=sources.roles,
                    modules_paths=sources.modules,
                    extra_vars=sources.extra_vars,
                    vault=sources.vault,
                )
            )
        )


def open_inventory(
    options: HostOptions, project: Project, vault: Vault | None = None, *, secrets_needed: bool = False
) -> Inventory:
    """Load the inventories of the flags or of the project, and the project's secrets over them.

    :param vault: Decrypts what is secret.
    :param secrets_needed: A secrets inventory that is not there is an error; a warning otherwise.

    Raises ContentError with all problems, and UsageError where no inventory is named.
    """
    from jetpack_core.inventory.load import load_inventory

    paths = _absolute(options.inventory) or project.inventory
    if not paths:
        hint = "name one with -i, or as `inventory:` in .jetpack.yml; `jetpack local` needs none"
        raise UsageError("there is no inventory", hint=hint)
    inventory = load_inventory([*paths, *_secrets(project, options, needed=secrets_needed)], vault=vault)
    for warning in inventory.warnings:
        warn(warning)
    return inventory


def _secrets(project: Project, options: HostOptions, *, needed: bool) -> list[Path]:
    wanted = (*project.secrets_inventory, *_absolute(options.secrets))
    missing = [path for path in wanted if not path.exists()]
    if missing:
        message = f"the secrets inventory {missing[0]} is not there"
        if needed:
            setting = f"`secrets_inventory:` in {project.file}"
            where = setting if missing[0] in project.secrets_inventory else "--secrets"
            raise UsageError(message, hint=f"fetch it, or change {where}")
        warn(f"{message}; its variables will be missing")
    return [path for path in wanted if path.exists()]


def load_content(
    sources: Sources, options: HostOptions, *, secrets_needed: bool = False
) -> tuple[tuple[Playbook, ...], Inventory]:
    """Load playbooks and inventory. Raises ContentError with the problems of both."""
    loaded: list[tuple[Playbook, ...]] = []
    found: list[Inventory] = []
    problems = Gathered()
    problems.run(lambda: loaded.append(load_playbooks(sources)))
    problems.run(
        lambda: found.append(open_inventory(options, sources.project, sources.vault, secrets_needed=secrets_needed))
    )
    problems.raise_if_any()
    check_groups(loaded[0], found[0])
    return loaded[0], found[0]


def check_groups(playbooks: Sequence[Playbook], inventory: Inventory, hint: str = "") -> None:
    """Raise ContentError for plays on groups that are not in the inventory.

    :param hint: what to do about it; without one, the nearest group there is.
    """
    from jetpack_core.content.problems import Problems
    from jetpack_core.inventory.names import nearest

    problems = Problems()
    for play in (play for playbook in playbooks for play in playbook.plays):
        for group in play.groups:
            if group not in inventory.groups:
                what = hint or nearest(group, inventory.groups) or "list what it has: jetpack show-inventory"
                problems.add(play.position, f"the inventory has no group {group!r}", what, code="unknown-group")
    problems.raise_if_any()


class Gathered:
    """Collects the content problems of several loads, so that all of them are told at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.errors: list[JetpackError] = []

    def run(self, load: Callable[[], None]) -> None:
        """Load one thing, and keep what is wrong with it."""
        try:
            load()
        except ContentError as error:
            self.problems += error.problems
        except JetpackError as error:
            self.errors.append(error)

    def raise_if_any(self) -> None:
        """Raise what was collected: all problems in content at once, or else the first other error."""
        if self.problems:
            raise ContentError(dict.fromkeys(self.problems))
        if self.errors:
            raise self.errors[0]
