# SPDX-License-Identifier: GPL-3.0-or-later
"""The templates and expressions of a task, and what each mentions; a text is looked at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from jetpack_core.content.fields import EXPRESSION, RAW, SHELL, Reading, fields_of
from jetpack_core.content.files import shown
from jetpack_core.content.template_files import template_fields, template_files
from jetpack_core.contracts.encrypted import is_age
from jetpack_core.errors import TemplateError
from jetpack_core.records import Position
from jetpack_core.variables.form import Form
from jetpack_core.variables.mentions import Mentions
from jetpack_core.variables.templates import is_template

if TYPE_CHECKING:
    from pathlib import Path

    from jetpack_core.content.model import ModifierUse, Parameter, Task
    from jetpack_core.registry import Registry
    from jetpack_core.variables.templates import Templates

_EVALUATED: Final = ("condition", "cond", "items")
"""Modifiers whose text is an expression."""
_PLAIN_EXPRESSIONS: Final = "jetpack_core.modules.control."
"""Modules whose expressions know the host's variables and nothing else; that of a command also knows its `rc`."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a task."""

    text: str
    form: Form
    position: Position
    mentions: Mentions


@dataclass(frozen=True)
class TemplateFile:
    """A template file that a task renders."""

    path: Path
    text: Text


@dataclass(frozen=True)
class TaskTexts:
    """All texts of a task."""

    parameters: Mapping[str, tuple[Text, ...]]
    """By the names of fields; those that are rendered, and expressions that know the variables only."""
    modifiers: Mapping[str, tuple[Text, ...]]
    """By the names of modifiers."""
    files: tuple[TemplateFile, ...]
    more_files: bool = False
    """It also renders a template file whose name is a template, so that what it mentions is not known."""

    @cached_property
    def every(self) -> tuple[Text, ...]:
        """Return all of them."""
        groups = [*self.modifiers.values(), *self.parameters.values()]
        return (*(text for group in groups for text in group), *(file.text for file in self.files))

    @cached_property
    def names(self) -> frozenset[str]:
        """Return every variable the task mentions."""
        return frozenset().union(*(text.mentions.names for text in self.every))

    @cached_property
    def asked(self) -> frozenset[str]:
        """Return the variables of which the task asks anywhere whether they are there."""
        return frozenset().union(*(text.mentions.names - text.mentions.needed for text in self.every))


def looped_over(texts: TaskTexts, values: Mapping[str, object]) -> Sequence[object]:
    """Return the items of a loop over a variable, as far as a path leads to them; none where that cannot be told."""
    for text in texts.modifiers.get("items", ()):
        for path in text.mentions.paths:
            value: object = values.get(str(path[0]))
            for key in path[1:]:
                value = dict.get(value, str(key)) if isinstance(value, dict) else None
            if isinstance(value, list):
                return list(list.__iter__(value))
            if isinstance(value, dict):
                return [{"key": key, "value": one} for key, one in dict.items(value)]
    return ()


class Texts:
    """Finds the texts of tasks."""

    def __init__(self, registry: Registry, templates: Templates) -> None:
        self._registry = registry
        self._templates = templates
        self._mentions: dict[tuple[str, Form], Mentions] = {}
        self._contents: dict[Path, str | None] = {}
        self._tasks: dict[int, TaskTexts] = {}

    def of(self, task: Task) -> TaskTexts:
        """Return the texts of a task; those of a role's task are the same in each invocation."""
        key = id(task.parameters)
        if key not in self._tasks:
            self._tasks[key] = self._find(task)
        return self._tasks[key]

    def _find(self, task: Task) -> TaskTexts:
        return TaskTexts(
            {name: found for name, one in task.parameters.items() if (found := self._parameter(task, name, one))},
            {use.name: found for use in task.modifiers if (found := tuple(self._modifier(use)))},
            tuple(self.file(file) for _, file in template_files(task) if self._content(file) is not None),
            any(
                name in task.parameters and task.parameters[name].templated
                for name in template_fields(task.module_class)
            ),
        )

    def text(self, text: str, form: Form, position: Position) -> Text:
        """Return a text with what it mentions."""
        key = (text, form)
        if key not in self._mentions:
            try:
                self._mentions[key] = self._templates.mentions(text, form)
            except TemplateError:
                # What cannot be compiled was told when it was loaded.
                self._mentions[key] = Mentions()
        return Text(text, form, position, self._mentions[key])

    def file(self, path: Path) -> TemplateFile:
        """Return a template file."""
        return TemplateFile(path, self.text(self._content(path) or "", Form.FILE, Position(shown(path), 1, 1)))

    def is_template_file(self, path: Path) -> bool:
        """Tell whether a file is one that Jetpack's own templates render."""
        return self._content(path) is not None

    def _content(self, path: Path) -> str | None:
        """Return a template's text; None for one that is encrypted, or of another engine."""
        if path not in self._contents:
            self._contents[path] = None
            if self._registry.template_engine(path.suffix) is None and path.is_file():
                try:
                    content = path.read_bytes()
                    self._contents[path] = None if is_age(content) else content.decode()
                except (OSError, ValueError):
                    # Told when it was loaded.
                    self._contents[path] = None
        return self._contents[path]

    def _parameter(self, task: Task, name: str, parameter: Parameter) -> tuple[Text, ...]:
        reading = fields_of(task.module_class).by_name[name].reading
        plain = task.module_class.__module__.startswith(_PLAIN_EXPRESSIONS)
        return tuple(self._in_value(parameter.value, reading, parameter.position, plain=plain))

    def _in_value(self, value: object, reading: Reading, position: Position, *, plain: bool) -> Iterator[Text]:
        if isinstance(value, str):
            if reading.style == EXPRESSION:
                if plain:
                    yield self.text(value, Form.EXPRESSION, position)
            elif reading.style != RAW and is_template(value):
                yield self.text(value, Form.COMMAND if reading.style == SHELL else Form.VALUE, position)
        elif isinstance(value, Mapping):
            for key, one in value.items():
                yield from self._in_value(one, reading.of_key(str(key)), position, plain=plain)
        elif isinstance(value, list | tuple):
            for one in value:
                yield from self._in_value(one, reading.of_item, position, plain=plain)

    def _modifier(self, use: ModifierUse) -> Iterator[Text]:
        value: object = getattr(use.modifier, "value", None)
        if use.name in _EVALUATED and isinstance(value, str):
            yield self.text(value, Form.EXPRESSION, use.position)
        else:
            yield from self._in_value(value, Reading(), use.position, plain=False)
