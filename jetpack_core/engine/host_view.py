# SPDX-License-Identifier: GPL-3.0-or-later
"""The host as the engine hands it to modules and guards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.contracts.host import Host

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jetpack_core.engine.overlay import Overlay
    from jetpack_core.engine.scope import TaskScope
    from jetpack_core.engine.template_files import TemplateFiles


class EngineHost(Host):
    """A host at one task or item: its scope, and nothing of how it is reached."""

    __slots__ = ("_files", "_groups", "_name", "_overlay", "_planning", "_user", "scope", "warnings")

    def __init__(
        self,
        name: str,
        scope: TaskScope,
        *,
        user: str | None,
        planning: bool,
        groups: Mapping[str, Sequence[str]],
        files: TemplateFiles,
        overlay: Overlay | None = None,
    ) -> None:
        self._name = name
        self.scope = scope
        self._user = user
        self._planning = planning
        self._groups = groups
        self._files = files
        self._overlay = overlay
        self.warnings: list[str] = []

    @property
    def name(self) -> str:
        """The inventory name."""
        return self._name

    @property
    def user(self) -> str | None:
        """The user acted as."""
        return self._user

    @property
    def planning(self) -> bool:
        """Whether this is plan mode."""
        return self._planning

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """The inventory's groups."""
        return self._groups

    @property
    def variables(self) -> Mapping[str, object]:
        """The merged variables."""
        return self.scope.variables

    def planned_packages(self, manager: str) -> Mapping[str, str | None]:
        """Return what earlier tasks would make of packages."""
        return {} if self._overlay is None else self._overlay.packages(manager)

    def render(self, text: str) -> object:
        """Render a template."""
        return self.scope.render(text)

    def evaluate(self, expression: str, extra: Mapping[str, object] | None = None) -> object:
        """Evaluate an expression."""
        return self.scope.evaluate(expression, extra)

    def render_file(self, template: Path) -> str:
        """Render a template file."""
        return self._files.render(template, self.scope)

    def warn(self, message: str) -> None:
        """Keep a warning for the task's result."""
        self.warnings.append(message)
