# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin contract on one page.

A plugin is a pip package with an entry point in the group `jetpack` that names a module. The module imports nothing
but this one, and implements the hooks below with `@hookimpl`. Each hook returns references: a name, where the class or
function is, and one line about it. What a reference points at is imported on first use, so a plugin costs
nothing until it is needed. The built-in modules register in just this way, in `jetpack_core/builtins.py`.

Versioning: hooks and contracts follow semantic versioning of the package `jetpack-core`; a hook is deprecated for
one minor release before it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pluggy import HookimplMarker, HookspecMarker

PROJECT: Final = "jetpack"
hookspec: Final = HookspecMarker(PROJECT)
hookimpl: Final = HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True)
class Reference:
    """A named thing that is imported when it is first used."""

    name: str
    """The name in playbooks, settings or on the command line."""
    target: str
    """`package.module:Name`."""
    summary: str
    """One line for lists and help."""


@hookspec
def jetpack_register_modules() -> Sequence[Reference]:
    """Name modules, subclasses of `jetpack_core.contracts.module.Module`; called once, when plugins load."""


@hookspec
def jetpack_register_modifiers() -> Sequence[Reference]:
    """Name modifiers, subclasses of `jetpack_core.contracts.modifier.Modifier`."""


@hookspec
def jetpack_register_connections() -> Sequence[Reference]:
    """Name connections, subclasses of `jetpack_core.contracts.connection.Connection`."""


@hookspec
def jetpack_register_provisioners() -> Sequence[Reference]:
    """Name provisioners, subclasses of `jetpack_core.contracts.provisioner.Provisioner`."""


@hookspec
def jetpack_register_filters() -> Sequence[Reference]:
    """Name template filters: functions of a value and further arguments, without side effects."""


@hookspec
def jetpack_register_tests() -> Sequence[Reference]:
    """Name template tests (`x is NAME`): functions of a value and further arguments that return a bool."""


@hookspec
def jetpack_register_template_engines() -> Sequence[Reference]:
    """Name template engines, subclasses of `jetpack_core.contracts.template_engine.TemplateEngine`.

    The reference's name is the suffix it renders, such as `.hb`.
    """


@hookspec
def jetpack_register_commands() -> Sequence[Reference]:
    """Name command line verbs: `click.Command` objects; called for `--help` and for verbs that are not built in."""


@hookspec
def jetpack_register_views() -> Sequence[Reference]:
    """Name views, subclasses of `jetpack_core.contracts.view.View`; a plugin's views receive every run's events."""
