# SPDX-License-Identifier: GPL-3.0-or-later
"""The host as the engine hands it to modules and guards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jetpack_core.contracts.fields import IN_PROCESS_LIST
from jetpack_core.contracts.host import Host
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jetpack_core.contracts.operations import Run
    from jetpack_core.engine.overlay import Overlay
    from jetpack_core.engine.scope import TaskScope
    from jetpack_core.engine.template_files import TemplateFiles
    from jetpack_core.records import AccountEffect


class EngineHost(Host):
    """A host at one task or item: its scope, and nothing of how it is reached."""

    __slots__ = (
        "_files",
        "_groups",
        "_name",
        "_on_progress",
        "_overlay",
        "_planning",
        "_secretive",
        "_user",
        "scope",
        "warnings",
    )

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
        on_progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self._name = name
        self.scope = scope
        self._user = user
        self._planning = planning
        self._groups = groups
        self._files = files
        self._overlay = overlay
        self._secretive = False
        self._on_progress = on_progress
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

    def planned_accounts(self, kind: str) -> Mapping[str, AccountEffect]:
        """Return what earlier tasks would make of users or groups."""
        return {} if self._overlay is None else self._overlay.accounts(kind)

    @property
    def secretive(self) -> bool:
        """Whether a secret went into what the task does."""
        return self._secretive

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note whether a secret is looked at meanwhile."""
        vault = self.scope.vault
        before = vault.touches if vault is not None else 0
        try:
            yield
        finally:
            if vault is not None and vault.touches != before:
                self._secretive = True

    def render(self, text: str) -> object:
        """Render a template."""
        with self.watching():
            return self.scope.render(text)

    def _admitted(self, command: Run) -> Run:
        """Refuse a command that would show a secret in the process list. Raises TaskError."""
        if self._secretive and self.scope.vault is not None:
            # Some shells can set a variable with an odd name by the words of a command only.
            odd = [value for name, value in command.env.items() if not (name.isascii() and name.isidentifier())]
            if self.scope.vault.redactor.holds([*command.argv, *odd]):
                raise TaskError(f"{command.argv[0]}: {IN_PROCESS_LIST}")
        return command

    def evaluate(self, expression: str, extra: Mapping[str, object] | None = None) -> object:
        """Evaluate an expression."""
        return self.scope.evaluate(expression, extra)

    def render_file(self, template: Path) -> str:
        """Render a template file."""
        with self.watching():
            return self._files.render(template, self.scope)

    def decrypted(self, source: Path) -> bytes | None:
        """Return the content of an encrypted file of the control machine; None for one that is not encrypted."""
        with self.watching():
            return self._files.decrypted(source)

    def progress(self, done: int, total: int | None = None) -> None:
        """Tell the run how far a transfer is."""
        if self._on_progress is not None:
            self._on_progress(done, total)

    def warn(self, message: str) -> None:
        """Keep a warning for the task's result."""
        self.warnings.append(message)
