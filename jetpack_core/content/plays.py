# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the plays of a playbook."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.content.encrypted_files import read_layer
from jetpack_core.content.files import shown
from jetpack_core.content.hints import PLAY_KEYS
from jetpack_core.content.model import Amount, Play, Strategy
from jetpack_core.content.nodes import Mapping, Sequence
from jetpack_core.content.problems import suggest
from jetpack_core.content.sections import Section
from jetpack_core.content.sources import play_context
from jetpack_core.contracts.modifier import Modifier
from jetpack_core.errors import JetpackError
from jetpack_core.variables.layers import Layer, flatten
from jetpack_core.variables.merge import ListRule
from jetpack_core.variables.templates import is_template

if TYPE_CHECKING:
    import collections.abc

    from jetpack_core.content.model import Task
    from jetpack_core.content.nodes import Node
    from jetpack_core.content.problems import Problems
    from jetpack_core.content.roles import RoleReader
    from jetpack_core.content.tasks import TaskReader
    from jetpack_core.variables.data import SourceMap
    from jetpack_core.variables.templates import Templates

_KEYS: Final = (
    "name",
    "groups",
    "roles",
    "tasks",
    "handlers",
    "defaults",
    "vars",
    "vars_files",
    "sudo",
    "sudo_template",
    "ssh_user",
    "ssh_port",
    "batch_size",
    "max_failures",
    "strategy",
)
_AMOUNT: Final = re.compile(r"([0-9]{1,9})(%?)")
_WHOLE: Final = 100
_HIGHEST_PORT: Final = 65535
_SUDO_NAMES: Final = ("jet_sudo_user", "jet_command")


class PlayReader:
    """Turns nodes into plays.

    :param folder: the playbook's.
    :param extra: the variables of `-e`.
    """

    def __init__(
        self,
        folder: Path,
        modules_paths: collections.abc.Sequence[Path],
        roles: RoleReader,
        tasks: TaskReader,
        templates: Templates,
        extra: collections.abc.Mapping[str, object],
        problems: Problems,
    ) -> None:
        self._folder = folder
        self._context = play_context(folder, modules_paths)
        self._roles = roles
        self._tasks = tasks
        self._templates = templates
        self._extra = extra
        self._problems = problems

    def read(self, node: Node) -> Play | None:
        """Return a play, or None when it is none; problems are noted."""
        if not isinstance(node, Mapping):
            hint = "begin it with `- name: ...`, and `groups:` and `tasks:` below that"
            self._problems.add(node, f"a play is a mapping, not {node.noun}", hint)
            return None
        section = Section(node, "a play", _KEYS, self._problems, PLAY_KEYS)
        section.require("name", "say in a few words what it does")
        section.require("groups", "say which groups it is for, such as `groups: [all]`")
        defaults, values = section.variables("defaults"), section.variables("vars")
        files = tuple(self._vars_files(section))
        strategy = _strategy(section)
        runs = self._roles.runs(self._roles.invocations(section, "roles"))
        own = self._tasks.read_list(section.get("tasks"), self._context, handlers=False)
        handlers = self._tasks.read_list(section.get("handlers"), self._context, handlers=True)
        tasks = (*(task for run in runs for task in run.tasks), *own)
        if strategy is Strategy.FREE:
            self._refuse_choices(tasks)
        return Play(
            name=section.text("name") or "",
            groups=self._groups(section, defaults, values, files),
            tasks=tasks,
            handlers=(*(task for run in runs for task in run.handlers), *handlers),
            roles=tuple(run.scope for run in runs),
            defaults=defaults,
            vars=values,
            vars_files=files,
            sudo=section.text("sudo"),
            sudo_template=self._sudo_template(section),
            ssh_user=section.text("ssh_user"),
            ssh_port=section.number("ssh_port", 1, _HIGHEST_PORT),
            batch_size=_amount(section, "batch_size"),
            max_failures=_amount(section, "max_failures"),
            strategy=strategy,
            position=section.position,
        )

    def _refuse_choices(self, tasks: collections.abc.Iterable[Task]) -> None:
        """Note modifiers that choose among hosts, which must come to the task together."""
        for use in (use for task in tasks for use in task.modifiers):
            if type(use.modifier).choose is not Modifier.choose:
                hint = "take `strategy: free` from the play, or put the task into a play of its own"
                self._problems.add(use.position, f"{use.name!r} needs hosts that go from task to task together", hint)

    def _groups(
        self,
        section: Section,
        defaults: SourceMap,
        values: SourceMap,
        files: tuple[collections.abc.Mapping[str, object], ...],
    ) -> tuple[str, ...]:
        layers = [Layer("play defaults", defaults), Layer("play vars", values)]
        layers += [Layer("vars_files", one) for one in files]
        layers.append(Layer("-e", self._extra, ListRule.REPLACE))
        groups: list[str] = []
        for text, node in section.texts("groups", "write a list, such as `groups: [all]`"):
            if is_template(text):
                groups += self._rendered(text, node, layers)
            else:
                groups.append(text)
        given = section.get("groups")
        if isinstance(given, Sequence) and not given.items:
            self._problems.add(section.node, "the list `groups` is empty", "name at least one group, such as all")
        return tuple(dict.fromkeys(groups))

    def _rendered(self, text: str, node: Node, layers: collections.abc.Sequence[Layer]) -> list[str]:
        try:
            value = self._templates.render(text, flatten(layers))
        except JetpackError as error:
            hint = error.hint or "groups know the play's defaults, vars and vars_files, and -e"
            self._problems.add(node, error.message, hint, code="template-value")
            return []
        names = value if isinstance(value, list | tuple) else [value]
        if names and all(isinstance(name, str) and name for name in names):
            return [str(name) for name in names]
        self._problems.add(node, f"this must give the name of a group or a list of them, not {value!r}")
        return []

    def _vars_files(self, section: Section) -> collections.abc.Iterator[collections.abc.Mapping[str, object]]:
        for text, node in section.texts("vars_files", "write a list, such as `vars_files: [vars.yml]`"):
            name = self._file_name(text, node)
            if name is None:
                continue
            if name.startswith("~"):
                self._problems.add(node, "'~' is not expanded", "write the directory in full")
                continue
            path = self._folder / name
            if os.path.lexists(path):
                yield read_layer(path, self._problems)
            else:
                self._problems.add(
                    node, f"there is no file {shown(path)}", suggest(path.name, _siblings(path)), code="missing-file"
                )

    def _file_name(self, text: str, node: Node) -> str | None:
        """Return a file's name, in which only `-e` variables are known."""
        if not is_template(text):
            return text
        try:
            return str(self._templates.render(text, self._extra))
        except JetpackError as error:
            hint = "the files are read before any host is known; only -e variables may stand in their names"
            self._problems.add(node, error.message, hint, code="template-value")
            return None

    def _sudo_template(self, section: Section) -> str | None:
        text = section.text("sudo_template")
        if text is None:
            return None
        for name in _SUDO_NAMES:
            if not re.search(rf"\{{\{{\s*{name}\s*\}}\}}", text):
                hint = "such as sudo -u {{ jet_sudo_user }} {{ jet_command }}"
                section.fault("sudo_template", f"lacks {{{{ {name} }}}}", hint)
        rest = re.sub(r"\{\{\s*(?:jet_sudo_user|jet_command)\s*\}\}", "", text)
        if is_template(rest):
            section.fault("sudo_template", "knows only {{ jet_sudo_user }} and {{ jet_command }}")
        return text


def _amount(section: Section, key: str) -> Amount | None:
    text = section.text(key)
    if text is None:
        return None
    match = _AMOUNT.fullmatch(text)
    number, percent = (int(match[1]), bool(match[2])) if match else (0, False)
    if number < 1 or (percent and number > _WHOLE):
        section.fault(key, f'must be a number of hosts from 1, or a share such as "25%", not {text!r}')
        return None
    return Amount(number, percent)


def _strategy(section: Section) -> Strategy:
    text = section.text("strategy")
    try:
        return Strategy(text or Strategy.LINEAR)
    except ValueError:
        section.fault("strategy", f"must be linear or free, not {text!r}")
        return Strategy.LINEAR


def _siblings(path: Path) -> list[str]:
    try:
        return [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return []
