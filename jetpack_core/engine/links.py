# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan mode: which names of one host's paths mean the same, as far as symbolic links have been looked at."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from jetpack_core.records import FileKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.records import FileStat

_MOST: Final = 40
"""Links on one way, as Linux allows."""


class Links:
    """The symbolic links of a host that lie on the ways to the paths that were asked for."""

    def __init__(self) -> None:
        self._targets: dict[str, str] = {}
        self._others: set[str] = set()

    def learn(self, now: FileStat) -> None:
        """Take note of what is at a path, or would be by then; links not followed."""
        if now.kind is FileKind.SYMLINK and now.target:
            self._others.discard(now.path)
            self._targets[now.path] = now.target
        else:
            self._targets.pop(now.path, None)
            self._others.add(now.path)

    def is_link(self, path: str) -> bool:
        """Tell whether a link is known to be at a path."""
        return path in self._targets

    def real(self, path: str, *, follow: bool) -> str:
        """Return the path without the links on the way to it; with `follow`, of what it points to."""
        return deque(self._walk(path, follow=follow), maxlen=1).pop()

    def crossed(self, path: str, *, follow: bool) -> list[str]:
        """Return the links on the way."""
        return [one for one in list(self._walk(path, follow=follow))[:-1] if one in self._targets]

    def unseen(self, path: str, *, follow: bool) -> list[str]:
        """Return what lies on the way, as far as it is known, and has not been looked at."""
        way = list(self._walk(path, follow=follow))[:-1]
        return [one for one in way if one not in self._others and one not in self._targets]

    def _walk(self, path: str, *, follow: bool) -> Iterator[str]:
        """Yield each place on the way to a path, and last the path itself; it is a link only unless `follow`."""
        here, links = "", 0
        ahead = deque(part for part in path.split("/") if part not in {"", "."})
        while ahead:
            part = ahead.popleft()
            here = here.rpartition("/")[0] if part == ".." else f"{here}/{part}"
            target = self._targets.get(here) if ahead or follow else None
            if (ahead or follow) and part != "..":
                yield here
            if target is not None and links < _MOST:
                links += 1
                here = "" if target.startswith("/") else here.rpartition("/")[0]
                ahead.extendleft(reversed([one for one in target.split("/") if one not in {"", "."}]))
        yield here or "/"
