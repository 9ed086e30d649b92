# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the template files that tasks name, and check their syntax before any host is contacted."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, get_args

from jetpack_core.content.files import place_in, read_bytes, shown
from jetpack_core.content.nodes import Source
from jetpack_core.contracts.encrypted import is_age
from jetpack_core.contracts.fields import TemplateSource, readable
from jetpack_core.records import Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from jetpack_core.content.model import Parameter, Play, Task
    from jetpack_core.content.problems import Problems
    from jetpack_core.contracts.module import Module
    from jetpack_core.registry import Registry
    from jetpack_core.variables.templates import Templates

_KIND: Final = "templates"


def check_template_files(plays: Iterable[Play], registry: Registry, templates: Templates, problems: Problems) -> None:
    """Note template files that cannot be read or compiled; those whose names are templates are left for the run."""
    for file in dict.fromkeys(_files(plays)):
        if file.exists() and not file.is_file() and not file.is_dir():
            # A pipe or device, which the parameter refuses: opening it would wait for somebody to write into it.
            continue
        content = read_bytes(file, problems)
        if content is not None and is_age(content):
            continue
        text = None if content is None else _decode(content, shown(file), problems)
        # A file for another template engine is that engine's to judge.
        if text is None or registry.template_engine(file.suffix) is not None:
            continue
        wrong = templates.check_file(text)
        if wrong is not None:
            problems.register(Source(shown(file), text))
            problems.add(
                Position(shown(file), wrong.line, wrong.column), wrong.message, wrong.hint, code="template-syntax"
            )


def _decode(content: bytes, file: str, problems: Problems) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        message = f"the byte 0x{content[error.start]:02x} is not UTF-8, and a template is text"
        hint = "save it as UTF-8, or send the file as it is with !copy"
        problems.add(place_in(content, error.start, file), message, hint, code="unreadable-file")
        return None


def _files(plays: Iterable[Play]) -> Iterator[Path]:
    for play in plays:
        for task in (*play.tasks, *play.handlers):
            yield from (file for _, file in template_files(task))


def template_files(task: Task) -> Iterator[tuple[Parameter, Path]]:
    """Yield the template files a task names, as far as that is known before the run."""
    for name in template_fields(task.module_class):
        parameter = task.parameters.get(name)
        if parameter is not None and not parameter.templated:
            found = task.context.find_source(_KIND, str(parameter.value))
            # One that may not be read was told already, where it is named.
            if found is not None and readable(found):
                yield parameter, found


@cache
def template_fields(model: type[Module]) -> tuple[str, ...]:
    """Return the names of a module's fields that name a template file."""
    marker = get_args(TemplateSource)[1]
    return tuple(name for name, info in model.model_fields.items() if any(one is marker for one in info.metadata))
