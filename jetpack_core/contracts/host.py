# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of the host that a module acts on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from jetpack_core.contracts.operations import (
    Barrier,
    Gather,
    HostOperations,
    InThread,
    Operation,
    Reconnect,
    Sleep,
)

if TYPE_CHECKING:
    from pathlib import Path

    from jetpack_core.records import AccountEffect

T = TypeVar("T")


class Scope(ABC):
    """The variables of one host at one task, and what can be computed from them."""

    @property
    @abstractmethod
    def variables(self) -> Mapping[str, object]:
        """The host's variables as the task sees them; read-only."""

    @abstractmethod
    def render(self, text: str) -> object:
        """Render a template; one single `{{ expression }}` keeps its native type.

        Raises TemplateError, or UnknownValueError in plan mode.
        """

    @abstractmethod
    def evaluate(self, expression: str, extra: Mapping[str, object] | None = None) -> object:
        """Evaluate an expression, with `extra` names added. Raises as `render` does."""


class Host(HostOperations, Scope):
    """A host as a module sees it: operations, variables, and nothing of how it is reached.

    With `delegate_to`, operations act on the delegate while `name` and variables stay the original host's.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The inventory name of the host the task is for."""

    @property
    @abstractmethod
    def user(self) -> str | None:
        """The user acted as where the task becomes one, else None."""

    @property
    @abstractmethod
    def planning(self) -> bool:
        """Whether this is plan mode, in which `apply` is not called."""

    @property
    @abstractmethod
    def groups(self) -> Mapping[str, Sequence[str]]:
        """The inventory's groups with their hosts."""

    @abstractmethod
    def progress(self, done: int, total: int | None = None) -> None:
        """Tell how many bytes of a long transfer are done, as often as there is news, from any thread."""

    @abstractmethod
    def render_file(self, template: Path) -> str:
        """Render a template file by the engine for its suffix; `ENV_NAME` variables exist in it."""

    @property
    def secretive(self) -> bool:
        """Whether a secret went into what the task does: what is written is then for its owner only."""
        return False

    def decrypted(self, source: Path) -> bytes | None:
        """Return the content of an encrypted file of the control machine; None for one that is not encrypted.

        Raises SecretError, OSError, or UnknownValueError in plan mode.
        """
        return None

    @abstractmethod
    def warn(self, message: str) -> None:
        """Show a warning with the task's result."""

    def planned_packages(self, manager: str) -> Mapping[str, str | None]:
        """Return what earlier tasks would make of packages, in plan mode: see `PackageEffect`."""
        return {}

    def planned_accounts(self, kind: str) -> Mapping[str, AccountEffect]:
        """Return what earlier tasks would make of accounts of a kind (`user` or `group`), in plan mode, by name."""
        return {}

    def gather(self, operations: Iterable[Operation[T]]) -> Gather[T]:
        """Ask several things in one round trip."""
        return Gather(tuple(operations))

    def in_thread(self, function: Callable[[], T]) -> InThread[T]:
        """Run a blocking function of the control machine."""
        return InThread(function)

    def sleep(self, seconds: float) -> Sleep:
        """Let time pass."""
        return Sleep(seconds)

    def barrier(self, timeout: float) -> Barrier:
        """Wait for the other hosts of the batch; returns the names of the play's hosts that have left the run."""
        return Barrier(timeout)

    def reconnect(self, timeout: float, delay: float = 1.0) -> Reconnect:
        """Drop the connection and wait until the host is back."""
        return Reconnect(timeout, delay)
