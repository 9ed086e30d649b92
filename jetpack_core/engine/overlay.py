# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan mode: what earlier tasks would have made of a host, so that later plans read it.

An answer from here is either certain or UnknownValueError; where nothing planned touches a path, the host is asked.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.operations import Get, List, Operation, Read, Reply, Run, Stat, Walk
from jetpack_core.engine.links import Links
from jetpack_core.errors import OperationCode, OperationError, UnknownValueError
from jetpack_core.records import AccountEffect, FileKind, FileStat, PackageEffect, PathEffect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jetpack_core.records import Effect

_LEAVES_A_LINK: Final = frozenset({FileKind.MISSING, FileKind.SYMLINK})


class Overlay:
    """The planned state of one host's paths, accounts and packages."""

    def __init__(self) -> None:
        self._paths: dict[str, tuple[PathEffect, str]] = {}
        self._doubts: dict[str, str] = {}
        self._links = Links()
        self._accounts: dict[str, dict[str, AccountEffect]] = {}
        self._packages: dict[str, dict[str, str | None]] = {}
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
                self._add_account(effect)
            elif isinstance(effect, PackageEffect):
                self._packages.setdefault(effect.manager, {})[effect.name] = effect.version
            else:
                self._add_path(effect, cause)

    def accounts(self, kind: str) -> Mapping[str, AccountEffect]:
        """Return the users or groups that tasks would make, remove or change, by name."""
        return self._accounts.get(kind, {})

    def _add_account(self, effect: AccountEffect) -> None:
        known = self._accounts.setdefault(effect.kind, {})
        before = known.get(effect.name)
        if before is not None and effect.present and not effect.home:
            effect = replace(effect, home=before.home)
        known[effect.name] = effect

    def packages(self, manager: str) -> Mapping[str, str | None]:
        """Return the packages that tasks would change, with the version each would have."""
        return self._packages.get(manager, {})

    def doubt(self, paths: Iterable[str], cause: str) -> None:
        """Note paths, with all below them, that a task may change or not: nothing is known of them from here on."""
        self.cause = cause
        for path in paths:
            self.changes += 1
            self._doubts[self._links.real(path, follow=False)] = cause
            self._doubts[self._links.real(path, follow=True)] = cause

    def _add_path(self, effect: PathEffect, cause: str) -> None:
        if not effect.known:
            self.doubt([effect.state.path], cause)
            return
        path = self._links.real(effect.state.path, follow=False)
        if self._links.is_link(path) and effect.state.kind not in _LEAVES_A_LINK:
            # Whether the link is replaced, or what it leads to is changed, is the module's own affair.
            self.doubt([path], cause)
            return
        if effect.tree or not effect.state.exists:
            for below in [known for known in self._paths if _is_below(known, path)]:
                del self._paths[below]
        self._links.learn(replace(effect.state, path=path))
        self._paths[path] = (effect, cause)

    def questions(self, operations: Iterable[Operation[object]]) -> Sequence[Stat]:
        """Return what is to be asked with operations: a link on the way makes one path another one."""
        paths: dict[str, None] = {}
        for one in operations:
            if isinstance(one, Stat | Read | Get | List | Walk):
                paths |= dict.fromkeys(self._links.unseen(one.path, follow=_follows(one)))
        return [Stat(path) for path in paths]

    def learn(self, operation: Operation[object], reply: Reply) -> None:
        """Take note of what the host answered."""
        if isinstance(operation, Stat) and not operation.follow and isinstance(reply.value, FileStat):
            self._links.learn(reply.value)

    def settle(self, operation: Operation[object], reply: Reply) -> Reply:
        """Return a reply of the host, or that it may be another one once earlier tasks have run."""
        known = self.answer(operation)
        if known is None and isinstance(reply.value, FileStat) and not reply.value.exists:
            path = reply.value.path
            if any(_is_below(doubted, path) for doubted in self._doubts):
                return Reply(error=self._unknown(path))
        return known or reply

    def answer(self, operation: Operation[object]) -> Reply | None:
        """Answer a reading operation from what is planned; None where the host itself can tell."""
        if not self._paths and not self._doubts:
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
        state = self._state(operation.path, follow=operation.follow)
        if state is None:
            return None
        if operation.follow and state.kind is FileKind.SYMLINK:
            # A circle of links.
            raise self._unknown(operation.path)
        if operation.checksum and state.is_file and state.checksum is None:
            if state.content is None:
                raise self._unknown(operation.path)
            state = replace(state, checksum=hashlib.sha256(state.content).hexdigest())
        if operation.content and state.is_file and state.content is None and state.size <= operation.content:
            raise self._unknown(operation.path)
        if state.content is not None and (not operation.content or len(state.content) > operation.content):
            state = replace(state, content=None)
        return Reply(replace(state, path=operation.path))

    def _read(self, operation: Read | Get) -> Reply | None:
        state = self._state(operation.path, follow=True)
        if state is None:
            return None
        if not state.exists:
            raise OperationError(OperationCode.NOT_FOUND, operation.path)
        if state.content is None or isinstance(operation, Get):
            raise self._unknown(operation.path)
        return Reply(state.content)

    def _require_untouched(self, path: str) -> None:
        """See that nothing planned changes a path, or anything below it."""
        if not path.startswith("/"):
            return
        real = self._links.real(path, follow=True)
        below = any(_is_below(known, real) for known in (*self._paths, *self._doubts))
        if below or self._state(path, follow=True) is not None:
            raise self._unknown(path)

    def _state(self, path: str, *, follow: bool) -> FileStat | None:
        """Return the planned state of a path, None where no task touches it. Raises UnknownValueError."""
        planned_links = [one for one in self._links.crossed(path, follow=follow) if one in self._paths]
        path = self._links.real(path, follow=follow)
        if any(path == doubted or _is_below(path, doubted) for doubted in self._doubts):
            raise self._unknown(path)
        known = self._paths.get(path)
        if known is not None:
            return known[0].state
        parent = path
        while parent != "/":
            parent = parent.rpartition("/")[0] or "/"
            above = self._paths.get(parent)
            if above is None:
                continue
            effect, _ = above
            if not effect.state.exists:
                return FileStat(path)
            if effect.tree:
                raise self._unknown(path)
        if planned_links:
            # The host does not have the link yet, so it cannot be asked by this name.
            raise self._unknown(planned_links[0])
        return None

    def _unknown(self, path: str) -> UnknownValueError:
        cause = self._cause_of(self._links.real(path, follow=True))
        return UnknownValueError(f"{path} depends on {cause}, which would change it first")

    def _cause_of(self, path: str) -> str:
        causes = {**{known: cause for known, (_, cause) in self._paths.items()}, **self._doubts}
        for known, cause in reversed(causes.items()):
            if path == known or _is_below(path, known) or _is_below(known, path):
                return cause
        return self.cause


def _follows(operation: Stat | Read | Get | List | Walk) -> bool:
    return operation.follow if isinstance(operation, Stat) else True


def _is_below(path: str, above: str) -> bool:
    return path.startswith(above if above == "/" else f"{above}/") and path != above
