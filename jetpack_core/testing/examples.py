# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the docstrings of modules, made into modules."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from jetpack_core.contracts.fields import ParameterContext
from jetpack_core.contracts.module import Module

_TASK_KEYS = frozenset({"name", "with", "and"})


@dataclass(frozen=True, slots=True)
class Example:
    """One task of an example."""

    module: str
    parameters: Mapping[str, object]

    @property
    def templated(self) -> bool:
        """Tell whether a value is known only once it is rendered."""
        return "{{" in str(self.parameters)


def examples_of(module: type[Module]) -> tuple[Example, ...]:
    """Return the tasks of the block after `Example::` in a module's docstring; raises yaml.YAMLError."""
    block = textwrap.dedent(inspect.cleandoc(module.__doc__ or "").partition("Example::")[2])
    tasks = yaml.load(block, TaskLoader) or []  # noqa: S506 - the loader makes text, lists and mappings only
    return tuple(Example(name, _without_task_keys(values)) for name, values in tasks)


class TaskLoader(yaml.BaseLoader):
    """Reads scalars as text, and `!name` before a mapping as a pair of the two."""


def _tagged(loader: yaml.BaseLoader, tag: str, node: yaml.Node) -> tuple[str, object]:
    if isinstance(node, yaml.MappingNode):
        return tag, loader.construct_mapping(node, deep=True)
    return tag, {}


TaskLoader.add_multi_constructor("!", _tagged)


def _without_task_keys(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name not in _TASK_KEYS}


def make_module(module: type[Module], parameters: Mapping[str, object], sources: Sequence[Path] = ()) -> Module:
    """Make a module as the engine does, from text; a source is looked for in the given folders.

    Raises pydantic.ValidationError.
    """

    def find(kind: str, name: str) -> Path | None:  # noqa: ARG001 - every kind of source is in the same folders
        return next((folder / name for folder in sources if (folder / name).exists()), None)

    context = ParameterContext(find, lambda _: [str(folder) for folder in sources])
    return module.model_validate(dict(parameters), context=context)
