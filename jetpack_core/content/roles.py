# SPDX-License-Identifier: GPL-3.0-or-later
"""Find roles, read their files, and put their invocations into the order they run in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.content.files import shown, top
from jetpack_core.content.model import RoleScope, Task
from jetpack_core.content.nodes import Mapping, Node, Scalar, nothing_at
from jetpack_core.content.problems import suggest
from jetpack_core.content.sections import Section
from jetpack_core.content.sources import role_context
from jetpack_core.content.yaml import read, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.content.problems import Problems
    from jetpack_core.content.tasks import TaskReader
    from jetpack_core.contracts.fields import ParameterContext
    from jetpack_core.variables.data import SourceMap

_ROLE_KEYS: Final = ("name", "defaults", "tasks", "handlers", "dependencies")
_INVOCATION_KEYS: Final = ("role", "vars", "tags")


@dataclass(frozen=True, slots=True)
class Invocation:
    """An entry of `roles` or `dependencies`."""

    role: str
    vars: SourceMap
    tags: frozenset[str]
    node: Node
    """Where the name stands."""


@dataclass(frozen=True, slots=True)
class Role:
    """What the files of a role say."""

    path: Path
    defaults: SourceMap
    tasks: tuple[Task, ...]
    handlers: tuple[Task, ...]
    dependencies: tuple[Invocation, ...]


@dataclass(frozen=True, slots=True)
class RoleRun:
    """A role as it runs in a play."""

    scope: RoleScope
    tasks: tuple[Task, ...]
    handlers: tuple[Task, ...]


class RoleReader:
    """Reads each role once, however often it is invoked.

    :param search: the folders roles are looked for in.
    :param folder: the playbook's.
    """

    def __init__(
        self, search: Sequence[Path], folder: Path, modules_paths: Sequence[Path], tasks: TaskReader, problems: Problems
    ) -> None:
        self._search = search
        self._folder = folder
        self._modules_paths = modules_paths
        self._tasks = tasks
        self._problems = problems
        self._roles: dict[str, Role | None] = {}

    def invocations(self, section: Section, key: str) -> tuple[Invocation, ...]:
        """Return the roles that a play or role names under a key."""
        found = (self._invocation(node, bare=key == "dependencies") for node in section.items(key))
        return tuple(one for one in found if one is not None)

    def runs(self, invocations: Sequence[Invocation]) -> tuple[RoleRun, ...]:
        """Return the roles of a play in the order they run in, each after those it depends on.

        A role that is invoked several times with the same variables runs once, under the tags of all invocations.
        """
        found: dict[tuple[Path, str], RoleScope] = {}
        for invocation in invocations:
            for scope in self._expand(invocation, frozenset(), ()):
                key = (scope.path, repr(scope.vars))
                first = found.setdefault(key, scope)
                found[key] = replace(first, tags=first.tags | scope.tags)
        return tuple(self._run(scope) for scope in found.values())

    def _run(self, scope: RoleScope) -> RoleRun:
        role = self._roles[scope.name]
        tasks, handlers = (role.tasks, role.handlers) if role is not None else ((), ())
        return RoleRun(
            scope,
            tuple(replace(task, role=scope) for task in tasks),
            tuple(replace(task, role=scope) for task in handlers),
        )

    def _invocation(self, node: Node, *, bare: bool) -> Invocation | None:
        if bare and isinstance(node, Scalar) and not node.empty:
            return self._named(node, Section(nothing_at(node.position), "a role", (), self._problems))
        if not isinstance(node, Mapping):
            hint = f"write `- role: {node.text}`" if isinstance(node, Scalar) and node.text else "write `- role: NAME`"
            self._problems.add(node, f"a role is invoked by a mapping, not {node.noun}", hint)
            return None
        section = Section(node, "a role's invocation", _INVOCATION_KEYS, self._problems, {"name": "say `role:`"})
        section.require("role", "write `- role: NAME`")
        name = section.get("role")
        return self._named(name, section) if name is not None else None

    def _named(self, node: Node, section: Section) -> Invocation | None:
        name = to_text(node, self._problems)
        if name is None:
            return None
        if "/" in name or name in {".", ".."}:
            hint = "give the name alone; its folder is searched for, see --roles"
            self._problems.add(node, f"a role is named, not located: {name!r}", hint)
            return None
        tags = frozenset(text for text, _ in section.texts("tags", "write `tags: [NAME]`"))
        return Invocation(name, section.variables("vars"), tags, node)

    def _expand(self, invocation: Invocation, tags: frozenset[str], chain: tuple[str, ...]) -> Iterator[RoleScope]:
        name = invocation.role
        if name in chain:
            way = " -> ".join((*chain[chain.index(name) :], name))
            self._problems.add(invocation.node, f"the role {name!r} depends on itself: {way}")
            return
        role = self._role(name, invocation.node)
        if role is None:
            return
        tags |= invocation.tags
        for dependency in role.dependencies:
            yield from self._expand(dependency, tags, (*chain, name))
        yield RoleScope(name, role.path, role.defaults, invocation.vars, tags, invocation.node.position)

    def _role(self, name: str, node: Node) -> Role | None:
        if name not in self._roles:
            path = self._find(name, node)
            self._roles[name] = self._read(path) if path is not None else None
        return self._roles[name]

    def _find(self, name: str, node: Node) -> Path | None:
        candidates = [folder / name for folder in self._search]
        found = next((path for path in candidates if os.path.lexists(path / "role.yml")), None)
        if found is not None:
            return found
        without = next((path for path in candidates if path.is_dir()), None)
        if without is not None:
            hint = "a role's folder holds the file role.yml; `tasks: [main.yml]` in it is enough"
            self._problems.add(
                node, f"the role {name!r} has no role.yml in {shown(without)}", hint, code="missing-role"
            )
        else:
            places = ", ".join(shown(folder) for folder in self._search)
            near = suggest(name, _role_names(self._search))
            self._problems.add(node, f"there is no role {name!r} in {places}", near, code="missing-role")
        return None

    def _read(self, path: Path) -> Role:
        file = path / "role.yml"
        before = len(self._problems)
        node = read(file, self._problems)
        if node is not None and not isinstance(node, Mapping):
            hint = f"its keys are {', '.join(_ROLE_KEYS)}"
            self._problems.add(node, f"role.yml is a mapping, not {node.noun}", hint)
        content = node if isinstance(node, Mapping) else nothing_at(top(file))
        sound = len(self._problems) == before
        section = Section(content, "a role", _ROLE_KEYS, self._problems)
        section.text("name")
        if sound and section.get("tasks") is None and _is_file(path / "tasks" / "main.yml"):
            hint = "files of tasks run only when they are listed: `tasks: [main.yml]`"
            self._problems.add(top(file), "tasks/main.yml is not listed", hint)
        context = role_context(path, self._folder, self._modules_paths)
        return Role(
            path,
            section.variables("defaults"),
            tuple(self._listed(section, "tasks", path, context)),
            tuple(self._listed(section, "handlers", path, context)),
            self.invocations(section, "dependencies"),
        )

    def _listed(self, section: Section, key: str, role: Path, context: ParameterContext) -> Iterator[Task]:
        for name, node in section.texts(key, "write `[main.yml]`"):
            if name.startswith("~"):
                self._problems.add(node, "'~' is not expanded", "write the directory in full")
                continue
            file = role / key / name
            if not os.path.lexists(file):
                near = suggest(name, _names(role / key))
                self._problems.add(node, f"there is no file {shown(file)}", near, code="missing-file")
                continue
            yield from self._tasks.read_list(read(file, self._problems), context, handlers=key == "handlers")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except (OSError, ValueError):
        return []


def _role_names(folders: Sequence[Path]) -> list[str]:
    return [name for folder in folders for name in _names(folder) if _is_file(folder / name / "role.yml")]
