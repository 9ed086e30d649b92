# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan mode: what earlier tasks would have made of a host, so that later plans read it.

An answer from here is either certain or UnknownValueError; where nothing planned touches a path, the host is asked.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from jetpack_core.contracts.operations import Get, List, Operation, Read, Reply, Run, Stat, Walk
from jetpack_core.errors import OperationCode, OperationError, UnknownValueError
from jetpack_core.records import AccountEffect, FileKind, FileStat, PathEffect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jetpack_core.records import Effect


class Overlay:
    """The planned state of one host's paths and accounts."""

    def __init__(self) -> None:
        self._paths: dict[str, tuple[PathEffect, str]] = {}
        self.accounts: dict[tuple[str, str], bool] = {}
        self.changes = 0
        """How many planned changes it knows the effects of."""
        self.cause = ""
        """The last task that would change the host, whose effects may be more than is written here."""

    def add(self, effects: Iterable[Effect], cause: str) -> None:
        """Note what a task would do."""
        self.cause = cause
        for effect in effects:
            self.changes += 1
            if isinstance(effect, AccountEffect):
                self.accounts[effect.kind, effect.name] = effect.present
            else:
                self._add_path(effect, cause)

    def _add_path(self, effect: PathEffect, cause: str) -> None:
        path = effect.state.path
        if effect.tree or not effect.state.exists:
            for below in [known for known in self._paths if known.startswith(f"{path}/")]:
                del self._paths[below]
        self._paths[path] = (effect, cause)

    def answer(self, operation: Operation[object]) -> Reply | None:
        """Answer a reading operation from what is planned; None where the host itself can tell."""
        if not self._paths:
            return None
        try:
            match operation:
                case Stat():
                    return self._stat(operation)
                case Read() | Get():
                    return self._read(operation)
                case List() | Walk():
                    self._require_untouched(operation.path)
                case Run():
                    for word in operation.argv:
                        self._require_untouched(word)
                case _:
                    pass
        except (OperationError, UnknownValueError) as error:
            return Reply(error=error)
        return None

    def _stat(self, operation: Stat) -> Reply | None:
        state = self._state(operation.path)
        if state is None:
            return None
        if operation.follow and state.kind is FileKind.SYMLINK:
            raise self._unknown(operation.path)
        if operation.checksum and state.is_file and state.checksum is None:
            if state.content is None:
                raise self._unknown(operation.path)
            state = replace(state, checksum=hashlib.sha256(state.content).hexdigest())
        if operation.content and state.is_file and state.content is None and state.size <= operation.content:
            raise self._unknown(operation.path)
        if state.content is not None and (not operation.content or len(state.content) > operation.content):
            state = replace(state, content=None)
        return Reply(state)

    def _read(self, operation: Read | Get) -> Reply | None:
        state = self._state(operation.path)
        if state is None:
            return None
        if not state.exists:
            raise OperationError(OperationCode.NOT_FOUND, operation.path)
        if state.content is None or isinstance(operation, Get):
            raise self._unknown(operation.path)
        return Reply(state.content)

    def _require_untouched(self, path: str) -> None:
        """See that nothing planned changes a path, or anything below it."""
        below = any(known.startswith(f"{path}/") for known in self._paths)
        if below or (path.startswith("/") and self._state(path) is not None):
            raise self._unknown(path)

    def _state(self, path: str) -> FileStat | None:
        """Return the planned state of a path, None where no task touches it. Raises UnknownValueError."""
        known = self._paths.get(path)
        if known is not None:
            return known[0].state
        parent = path
        while parent not in {"/", ""}:
            parent = parent.rpartition("/")[0] or "/"
            above = self._paths.get(parent)
            if above is None:
                continue
            effect, _ = above
            if not effect.state.exists:
                return FileStat(path)
            if effect.tree or effect.state.kind is FileKind.SYMLINK:
                raise self._unknown(path)
        return None

    def _unknown(self, path: str) -> UnknownValueError:
        cause = self._cause_of(path)
        return UnknownValueError(f"{path} depends on {cause}, which would change it first")

    def _cause_of(self, path: str) -> str:
        for known, (_, cause) in reversed(self._paths.items()):
            if path == known or path.startswith(f"{known}/") or known.startswith(f"{path}/"):
                return cause
        return self.cause
