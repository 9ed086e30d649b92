# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory of a host in which a test may do as it likes, whatever the connection."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import replace

from jetpack_core.errors import OperationError
from jetpack_core.records import FileKind, FileStat
from jetpack_core.testing.host import TestHost

PLAIN_NAME = "plain"
HOSTILE_NAME = "-a 'b\" $(touch x); `c`\n*é\\{{ d }}"
"""A directory name with everything that trips careless quoting."""


class Sandbox:
    """A directory on a host; names are relative to it."""

    def __init__(self, host: TestHost, name: str = PLAIN_NAME) -> None:
        self.host = host
        self._top = posixpath.join(host.ask(host.temp_directory("sandbox")), name)
        host.ask(host.make_directory(self._top))

    def path(self, name: str = "") -> str:
        """Return an absolute path; the directory itself without a name."""
        return posixpath.join(self._top, name) if name else self._top

    def template(self, name: str = "") -> str:
        """Return the same path as a template, for values that are rendered."""
        return f"{{{{ {json.dumps(self.path(name))} }}}}"

    def write(self, name: str, content: str | bytes = "", *, mode: int = 0o644) -> str:
        """Put a file there and return its path."""
        data = content.encode() if isinstance(content, str) else content
        self.host.ask(self.host.write(self.path(name), data, mode=mode))
        return self.path(name)

    def make_directory(self, name: str, *, mode: int = 0o755) -> str:
        """Make a directory, with those above it, and return its path."""
        self.host.ask(self.host.make_directory(self.path(name), mode=mode, parents=True))
        return self.path(name)

    def link(self, name: str, target: str) -> str:
        """Make a symbolic link, or change one, and return its path."""
        self.host.ask(self.host.link(self.path(name), target, replace=True))
        return self.path(name)

    def remove(self, name: str) -> None:
        """Take something away, with all below it."""
        self.host.ask(self.host.remove(self.path(name), recursive=True))

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        return self.host.ask(self.host.read(self.path(name)))

    def stat(self, name: str, *, follow: bool = False) -> FileStat:
        """Look at something, with its checksum."""
        return self.host.ask(self.host.stat(self.path(name), follow=follow, checksum=True))

    def snapshot(self) -> Mapping[str, FileStat]:
        """Describe the directory and all below it by path; the times and sizes of directories do not count."""
        top = self.host.ask(self.host.stat(self._top))
        return {now.path: _lasting(now) for now in (top, *self.host.ask(self.host.walk(self._top, checksum=True)))}

    def close(self) -> None:
        """Remove it; what a test made unreadable is left to the connection's own cleaning."""
        try:
            self.host.ask(self.host.remove(posixpath.dirname(self._top), recursive=True))
        except OperationError:
            return


def _lasting(now: FileStat) -> FileStat:
    return replace(now, size=0, mtime=0) if now.kind is FileKind.DIRECTORY else now
