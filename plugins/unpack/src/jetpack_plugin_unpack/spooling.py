# SPDX-License-Identifier: GPL-3.0-or-later
"""The members of an archive in batches, for a host that gets them one by one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from jetpack_core.errors import StaleError
from jetpack_plugin_unpack.control import opened
from jetpack_plugin_unpack.onhost.streams import copy_parts

if TYPE_CHECKING:
    from jetpack_plugin_unpack.onhost.comparing import Step

_IN_MEMORY: Final = 1 << 20
"""Bytes; a larger member goes through a temporary file."""
_BATCH: Final = 8 << 20
_MOST: Final = 500

Batch = list[tuple["Step", bytes | Path]]


class Spool:
    """Hands out the contents of members; used as a context manager.

    :param digest: What the archive must be, for it was vetted.
    :param wanted: The steps that need a member's content, by its index.
    """

    def __init__(
        self, path: Path, request: Mapping[str, object], digest: str, wanted: Mapping[int, Sequence[Step]]
    ) -> None:
        self._path = path
        self._request = request
        self._digest = digest
        self._wanted = wanted
        self._stack = ExitStack()
        self._contents: Iterator[tuple[Sequence[Step], bytes | Path]] = iter(())
        self._large: list[Path] = []
        self.size = 0
        """How many bytes were handed out."""

    def __enter__(self) -> Self:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="jetpack-unpack-"))
        self._contents = self._read(Path(folder))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def next_batch(self) -> Batch:
        """Return the next contents, none at the end; the files of the batch before are removed. Raises TaskError."""
        for path in self._large:
            path.unlink()
        self._large.clear()
        batch: Batch = []
        held = 0
        while held < _BATCH and len(batch) < _MOST:
            steps, content = next(self._contents, ((), b""))
            if not steps:
                break
            batch += [(step, content) for step in steps]
            size = len(content) if isinstance(content, bytes) else content.stat().st_size
            held += size * len(steps)
            self.size += size * len(steps)
        return batch

    def _read(self, folder: Path) -> Iterator[tuple[Sequence[Step], bytes | Path]]:
        with opened(self._path, self._request) as archive:
            if archive.digest() != self._digest:
                raise StaleError(str(self._request["src"]))
            for member, content in archive.members():
                steps = self._wanted.get(member.index)
                if not steps or content is None:
                    continue
                parts = copy_parts(content, None if member.size < 0 else member.size)
                if 0 <= member.size <= _IN_MEMORY:
                    yield steps, b"".join(parts)
                    continue
                path = folder / str(member.index)
                with path.open("wb") as stream:
                    stream.writelines(parts)
                self._large.append(path)
                yield steps, path
