# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules share that name a repository: a file, a key, and a try whether the repository answers."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from jetpack_core.contracts.fields import HostPath, Source
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.foresight import last_words
from jetpack_core.records import (
    Change,
    CommandResult,
    FileKind,
    FileStat,
    Outcome,
    PathEffect,
    Plan,
    PlanKind,
    TextDiff,
)

_LIMIT: Final = 1024 * 1024
_MODE: Final = 0o644


def _one_or_many(value: object) -> object:
    return value.split() if isinstance(value, str) else value


def _word(value: str) -> str:
    if not value or any(char.isspace() or not char.isprintable() for char in value):
        message = f"{value!r} is not one word"
        raise ValueError(message)
    return value


Words = Annotated[list[Annotated[str, AfterValidator(_word)]], BeforeValidator(_one_or_many)]
"""Words in a list, or in one text with blanks between them."""


def one_line(value: str) -> str:
    """Refuse text that would be more than one line of a file."""
    if any(not char.isprintable() for char in value):
        message = "the text must be one line"
        raise ValueError(message)
    return value


Line = Annotated[str, AfterValidator(one_line)]


@dataclass(frozen=True, slots=True)
class _File:
    """A file that is to be, or not."""

    path: str
    now: FileStat
    content: bytes | None

    @property
    def differs(self) -> bool:
        if self.content is None:
            return self.now.exists
        return not self.now.is_file or self.now.content != self.content

    def write(self, host: Host) -> Operation[object]:
        if self.content is None:
            return host.remove(self.path, expect=self.now)
        return host.write(self.path, self.content, mode=_MODE, expect=self.now)

    def put_back(self, host: Host) -> Operation[object]:
        if self.now.content is None:
            return host.remove(self.path)
        return host.write(self.path, self.now.content, mode=self.now.mode)


@dataclass(frozen=True, slots=True)
class _Work:
    files: tuple[_File, ...]
    folder_missing: bool


class Repository(Module):
    """A repository that a package manager knows, or does not."""

    titled_by: ClassVar[str] = "repository"

    repository: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """A short name; the file and the key are called after it."""

    key: Source | None = None
    """The public key that signs the repository, a file from the role's or playbook's `files`."""

    enabled: bool = True
    """Whether packages are taken from it."""

    remove: bool = False
    """See that the repository, with its key, is not known."""

    refresh: bool = True
    """Fetch the repository's index when something about it changed. If that fails, the change is taken back."""

    @model_validator(mode="after")
    def _removal_is_by_name(self) -> Self:
        if not self.remove:
            self.check_parameters()
        return self

    @abstractmethod
    def check_parameters(self) -> None:
        """Raise ValueError where parameters of a repository that is to be are missing or do not fit."""

    @property
    @abstractmethod
    def path(self) -> str:
        """Where the repository is described."""

    @property
    @abstractmethod
    def key_path(self) -> str:
        """Where the key is kept."""

    @property
    def key_paths(self) -> Sequence[str]:
        """Where a key may have been kept that is no longer the repository's."""
        return (self.key_path,)

    def introduction(self) -> Sequence[str]:
        """Return the command that makes the key known where no trial does, if its file alone does not."""
        return ()

    @abstractmethod
    def text(self) -> str:
        """Return what the file is to say."""

    @abstractmethod
    def trial(self) -> Sequence[str]:
        """Return the command that fetches the index of this repository alone."""

    async def plan(self, host: Host) -> Plan:
        """Compare the file and the key with what they are to be."""
        key_folder: HostPath = self.key_path.rpartition("/")[0]
        keys = (self.key_path, *(path for path in self.key_paths if path != self.key_path))
        asked = [host.stat(path, content=_LIMIT) for path in (self.path, *keys)]
        now, *keys_now, folder = await host.gather([*asked, host.stat(key_folder)])
        files = [_File(self.path, now, None if self.remove else self.text().encode())]
        if self.remove or self.key is not None:
            # First the key that counts, and behind the repository's file those that it names no more.
            key = None if self.remove or self.key is None else self.key.read_bytes()
            files.insert(0, _File(self.key_path, keys_now[0], key))
            files += [_File(stale.path, stale, None) for stale in keys_now[1:]]
        differing = tuple(one for one in files if one.differs)
        if not differing:
            return Plan(PlanKind.NONE)
        kind = PlanKind.REMOVE if self.remove else PlanKind.MODIFY if now.exists else PlanKind.CREATE
        return Plan(
            kind,
            tuple(_change(one) for one in differing),
            tuple(diff for diff in map(_diff, differing) if diff is not None),
            tuple(PathEffect(_state(one)) for one in differing),
            data=_Work(differing, self.key is not None and not self.remove and not folder.exists),
        )

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Write the files and try the repository; where it does not answer, put the files back."""
        work = plan.data
        if not isinstance(work, _Work):
            message = "apply was given another module's plan"
            raise TypeError(message)
        steps: list[Operation[object]] = []
        if work.folder_missing:
            steps.append(host.make_directory(self.key_path.rpartition("/")[0], parents=True))
        steps += [one.write(host) for one in work.files]
        tried = self.refresh and self.enabled and not self.remove
        command = self.trial() if tried else () if self.remove else self.introduction()
        if not command:
            await host.gather(steps)
            return Outcome()
        *_, ended = await host.gather([*steps, Run(tuple(command))])
        if isinstance(ended, CommandResult) and not ended.ok:
            await host.gather([one.put_back(host) for one in work.files])
            message = f"the repository does not work, and was put back as it was: {last_words(ended)}"
            raise TaskError(message, hint="`refresh: false` keeps it without a try" if tried else "")
        return Outcome()


def _change(one: _File) -> Change:
    return Change(one.path, _summary(one.now.content), _summary(one.content))


def _summary(content: bytes | None) -> str | None:
    return None if content is None else f"sha256:{hashlib.sha256(content).hexdigest()}"


def _diff(one: _File) -> TextDiff | None:
    try:
        before, after = (None if text is None else text.decode() for text in (one.now.content, one.content))
    except UnicodeDecodeError:
        return None
    return TextDiff(one.path, before, after)


def _state(one: _File) -> FileStat:
    if one.content is None:
        return FileStat(one.path)
    checksum = hashlib.sha256(one.content).hexdigest()
    return FileStat(one.path, FileKind.FILE, _MODE, size=len(one.content), checksum=checksum, content=one.content)
