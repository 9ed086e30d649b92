# SPDX-License-Identifier: GPL-3.0-or-later
"""Go through one task on one host as a run would, as far as that can be told without the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final

from jetpack_core.analysis.texts import looped_over
from jetpack_core.content.fields import fields_of
from jetpack_core.content.parameter_reading import code_of
from jetpack_core.content.parameters import UNSAFE, render_value
from jetpack_core.content.template_files import template_fields
from jetpack_core.content.values import sentence, validate
from jetpack_core.contracts.modifier import Consequence, Modifier, Route
from jetpack_core.contracts.unknown import Unknown, find_unknown
from jetpack_core.engine.scope import TaskScope
from jetpack_core.engine.task_shape import TaskShape
from jetpack_core.errors import JetpackError, UnknownValueError
from jetpack_core.modifiers.condition import Condition
from jetpack_core.records import Status

if TYPE_CHECKING:
    from jetpack_core.analysis.texts import TaskTexts, TemplateFile, Text, Texts
    from jetpack_core.content.fields import Reading
    from jetpack_core.content.model import ModifierUse, Parameter, Task
    from jetpack_core.variables.templates import Templates

_ENOUGH: Final = 100
"""Items of a loop that are looked at; those after them are most likely like them."""
_ITEM: Final = ("item", "item_index")


Look = Callable[[frozenset[str]], Mapping[str, object]]
"""Returns those of some variables that there are."""


class Sign(Enum):
    """What stands for a value that is not there."""

    UNKNOWN = "unknown"
    """Only a run can tell."""
    FAILED = "failed"
    """It cannot be had: that was told."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong when a text is rendered, or a value used."""

    texts: Sequence[Text]
    error: JetpackError | None
    """What was raised; None where only names are missing that a rendering may not reach."""
    variables: Mapping[str, object]
    doubtful: str
    """Why the task may have been skipped before; empty when it gets there for sure."""


@dataclass(frozen=True, slots=True)
class WrongValue:
    """A parameter whose value a host's variables make wrong."""

    parameter: str
    code: str
    message: str
    hint: str
    doubtful: str
    """Why the task may have been skipped before; empty when it gets there for sure."""


@dataclass(slots=True)
class Examined:
    """What is known of a task on a host."""

    look: Look
    """Where its variables come from."""
    faults: list[Fault] = field(default_factory=list)
    wrong: list[WrongValue] = field(default_factory=list)
    notifies: set[str] = field(default_factory=set)
    notifies_unknown: bool = False
    """It may notify more than that."""
    doubtful: str = ""
    """Why it may be skipped; empty when it runs for sure, once the host gets there."""
    delegates: set[str] = field(default_factory=set)
    acting: set[int] = field(default_factory=set)
    """The numbers of the items that are not skipped for sure; that of a task without a loop is 0."""


class Examiner:
    """Examines tasks on hosts."""

    def __init__(self, templates: Templates, texts: Texts) -> None:
        self._templates = templates
        self._texts = texts
        self._shapes: dict[int, TaskShape] = {}

    def examine(self, task: Task, variables: Look, host: str) -> Examined:
        """Return what is known of a task on a host.

        :param variables: returns those of some variables that the task finds there.
        """
        found = Examined(variables)
        texts = self._texts.of(task)
        shape = self._shape(task)
        scope = TaskScope(self._templates, variables(texts.names))
        if self._guards(task, shape.once_guards, texts, scope, found):
            for number, names in enumerate(self._items(task, shape, texts, scope, found)):
                self._item(task, shape, texts, scope.with_names(names), found, host, number)
        return found

    def _shape(self, task: Task) -> TaskShape:
        key = id(task.parameters)
        if key not in self._shapes:
            self._shapes[key] = TaskShape(task)
        return self._shapes[key]

    def _attempt(
        self, texts: Sequence[Text], scope: TaskScope, found: Examined, run: Callable[..., object], *arguments: object
    ) -> object:
        """Return what something makes of variables, or a sign; what is wrong is noted."""
        try:
            value = run(*arguments)
        except UnknownValueError:
            found.faults.append(Fault(texts, None, scope.variables, found.doubtful))
            return Sign.UNKNOWN
        except JetpackError as error:
            found.faults.append(Fault(texts, error, scope.variables, found.doubtful))
            return Sign.FAILED
        except Exception:  # noqa: BLE001 - what a plugin cannot do with unknown values is for the run to tell
            return Sign.UNKNOWN
        return value

    def _guards(
        self, task: Task, guards: Sequence[Modifier], texts: TaskTexts, scope: TaskScope, found: Examined
    ) -> bool:
        """Ask the guards; tell whether the task may go on."""
        for use in _uses(task, guards):
            if not isinstance(use.modifier, Condition):
                self._render_all(texts.modifiers.get(use.name, ()), scope, found)
                found.doubtful = found.doubtful or f"whether `{use.name}` lets it run"
                continue
            expression = use.modifier.value
            value = self._attempt(texts.modifiers[use.name], scope, found, _truth, scope, expression)
            if value is Sign.UNKNOWN:
                found.doubtful = found.doubtful or f"whether the condition {expression} holds"
            elif value is not True:
                return False
        return True

    def _render_all(self, texts: Sequence[Text], scope: TaskScope, found: Examined) -> None:
        for text in texts:
            self._attempt((text,), scope, found, scope.render, text.text)

    def _items(
        self, task: Task, shape: TaskShape, texts: TaskTexts, scope: TaskScope, found: Examined
    ) -> Sequence[Mapping[str, object]]:
        """Return the names that are added for each item; none of them for a task without a loop."""
        for use in _uses(task, shape.expand):
            items = self._attempt(texts.modifiers.get(use.name, ()), scope, found, use.modifier.expand, scope)
            if items is Sign.FAILED:
                return ()
            if items is Sign.UNKNOWN and _is_path(texts.modifiers.get(use.name, ())):
                # A list that is known, with something unknown in it.
                items = looped_over(texts, scope.variables) or items
            if isinstance(items, Sequence):
                return [{"item": item, "item_index": index} for index, item in enumerate(items[:_ENOUGH])]
            found.doubtful = found.doubtful or "whether there are items to loop over"
            return [dict.fromkeys(_ITEM, Unknown("the items are known in a run only"))]
        return ({},)

    def _item(
        self, task: Task, shape: TaskShape, texts: TaskTexts, scope: TaskScope, found: Examined, host: str, number: int
    ) -> None:
        if shape.route:
            scope = scope.with_names({"delegate_host": host})
        if not self._guards(task, shape.item_guards, texts, scope, found):
            return
        found.acting.add(number)
        self._route(task, shape, texts, scope, found, host)
        for use in task.modifiers:
            if type(use.modifier).question is not Modifier.question:
                self._attempt(texts.modifiers.get(use.name, ()), scope, found, use.modifier.question, scope)
        self._parameters(task, texts, scope, found)
        self._after(task, shape, texts, scope, found)

    def _route(
        self, task: Task, shape: TaskShape, texts: TaskTexts, scope: TaskScope, found: Examined, host: str
    ) -> None:
        route = Route(host, None)
        for use in _uses(task, shape.route):
            made = self._attempt(
                texts.modifiers.get(use.name, ()),
                scope,
                found,
                use.modifier.route,
                scope,
                route,
            )
            route = made if isinstance(made, Route) else route
        if route.host != host:
            found.delegates.add(route.host)

    def _after(self, task: Task, shape: TaskShape, texts: TaskTexts, scope: TaskScope, found: Examined) -> None:
        consequence = Consequence(Status.MODIFIED)
        for use in _uses(task, shape.after):
            made = self._attempt(
                texts.modifiers.get(use.name, ()),
                scope,
                found,
                use.modifier.after,
                scope,
                consequence,
            )
            if isinstance(made, Consequence):
                consequence = made
            else:
                found.notifies_unknown = True
        found.notifies.update(consequence.notify)

    def _parameters(self, task: Task, texts: TaskTexts, scope: TaskScope, found: Examined) -> None:
        if task.constant is not None:
            self._expressions(task, texts, scope, found)
            for file in texts.files:
                self._file(file, scope, found)
            return
        values, open_paths, known = self._rendered(task, texts, scope, found)
        self._expressions(task, texts, scope, found)
        if known:
            self._validate(task, values, open_paths, found)
        for file in (*texts.files, *self._named_files(task, values, open_paths)):
            self._file(file, scope, found)

    def _rendered(
        self, task: Task, texts: TaskTexts, scope: TaskScope, found: Examined
    ) -> tuple[dict[str, object], list[tuple[str | int, ...]], bool]:
        """Return the values of parameters, where they are still open, and whether they can be judged together."""
        fields = fields_of(task.module_class).by_name
        values = {name: one.value for name, one in task.parameters.items() if not one.templated}
        unsafe = str(values.get(UNSAFE)).lower() in {"true", "yes", "on", "1", "y", "t"}
        open_paths: list[tuple[str | int, ...]] = []
        failed = False
        for name, parameter in task.parameters.items():
            if not parameter.templated:
                continue
            reading = fields[name].reading
            value = self._attempt(
                texts.parameters.get(name, ()),
                scope,
                found,
                partial(_rendered_value, unsafe=unsafe),
                parameter,
                reading,
                scope,
            )
            failed = failed or value is Sign.FAILED
            if isinstance(value, Sign):
                values[name] = parameter.value
                open_paths.append((fields[name].shown,))
            elif value is not None or fields[name].required:
                values[name] = value
        return values, open_paths, not failed

    def _expressions(self, task: Task, texts: TaskTexts, scope: TaskScope, found: Examined) -> None:
        """Evaluate the expressions that a module evaluates itself."""
        for name, several in texts.parameters.items():
            if not task.parameters[name].templated:
                for text in several:
                    self._attempt((text,), scope, found, scope.evaluate, text.text)

    def _validate(
        self, task: Task, values: dict[str, object], open_paths: list[tuple[str | int, ...]], found: Examined
    ) -> None:
        _, wrong = validate(task.module_class, values, task.context, open_paths)
        fields = fields_of(task.module_class).by_name
        shown = {fields[name].shown: name for name in task.parameters}
        for fault in wrong:
            name = shown.get(str(fault.path[0])) if fault.path else None
            found.wrong.append(WrongValue(name or "", code_of(fault), sentence(fault), fault.hint, found.doubtful))

    def _named_files(
        self, task: Task, values: Mapping[str, object], open_paths: list[tuple[str | int, ...]]
    ) -> Sequence[TemplateFile]:
        """Return the template files whose names became known by rendering."""
        files: list[TemplateFile] = []
        fields = fields_of(task.module_class).by_name
        for name in template_fields(task.module_class):
            parameter = task.parameters.get(name)
            if parameter is not None and parameter.templated and (fields[name].shown,) not in open_paths:
                path = task.context.find_source("templates", str(values.get(name)))
                if path is not None and self._texts.is_template_file(path):
                    files.append(self._texts.file(path))
        return files

    def _file(self, file: TemplateFile, scope: TaskScope, found: Examined) -> None:
        names = file.text.mentions.names
        environment = {name: Unknown(_ENVIRONMENT) for name in names if name.startswith("ENV_")}
        # The names in a file whose own name was rendered were not known before.
        unseen = {name: value for name, value in found.look(names).items() if name not in scope.variables}
        scope = scope.with_names({**unseen, **environment})
        self._attempt((file.text,), scope, found, scope.render_text, file.text.text, str(file.path))


_ENVIRONMENT: Final = "it comes from the environment of the run"


def _rendered_value(parameter: Parameter, reading: Reading, scope: TaskScope, *, unsafe: bool) -> object:
    """Return the value of a parameter, with nothing unknown in it. Raises TemplateError and UnknownValueError."""
    value = render_value(parameter.value, reading, scope, None, unsafe=unsafe)
    unknown = find_unknown(value)
    if unknown is not None:
        unknown.refuse()
    return value


def _is_path(texts: Sequence[Text]) -> bool:
    """Tell whether what is looped over is a variable, or a value in one, as it stands."""
    return any(text.text.strip() == ".".join(map(str, path)) for text in texts for path in text.mentions.paths)


def _truth(scope: TaskScope, expression: str) -> bool:
    """Evaluate a condition. Raises JetpackError when it is neither true nor false."""
    value = scope.evaluate(expression)
    if not isinstance(value, bool):
        raise JetpackError(
            f"the condition {expression} is neither true nor false but {value!r}",
            hint="compare it, such as: x == 1, x is defined, x | length > 0",
        )
    return value


def _uses(task: Task, modifiers: Sequence[Modifier]) -> list[ModifierUse]:
    return [use for use in task.modifiers if any(use.modifier is one for one in modifiers)]
