# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the files of the control machine that tasks name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jetpack_core.content.files import shown
from jetpack_core.contracts.fields import ParameterContext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Folders:
    """The folders that are searched for each kind of file, in order."""

    def __init__(self, folders: Mapping[str, Sequence[Path]]) -> None:
        self._folders = folders
        self._found: dict[tuple[str, str], Path] = {}

    def searched(self, kind: str) -> Sequence[str]:
        """Return the folders of a kind as messages show them."""
        return [shown(folder) for folder in self._folders.get(kind, ())]

    def find(self, kind: str, name: str) -> Path | None:
        """Return the first file or folder of a name, or None. What was found once is not looked for again."""
        known = self._found.get((kind, name))
        if known is None:
            known = next((path for path in self._candidates(kind, name) if _exists(path)), None)
            if known is not None:
                self._found[kind, name] = known
        return known

    def _candidates(self, kind: str, name: str) -> Sequence[Path]:
        if not name:
            return ()
        path = Path(name)
        return [path] if path.is_absolute() else [folder / path for folder in self._folders.get(kind, ())]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def play_context(folder: Path, modules_paths: Sequence[Path]) -> ParameterContext:
    """Return where a play's own tasks find files.

    :param folder: the playbook's.
    """
    folders = {kind: [folder / kind, folder] for kind in ("files", "templates")}
    return _context({**folders, "modules": [*modules_paths, folder / "modules"]})


def role_context(role: Path, folder: Path, modules_paths: Sequence[Path]) -> ParameterContext:
    """Return where a role's tasks find files."""
    modules = [*modules_paths, folder / "modules", role / "modules"]
    return _context({"files": [role / "files"], "templates": [role / "templates"], "modules": modules})


def _context(folders: Mapping[str, Sequence[Path]]) -> ParameterContext:
    found = Folders(folders)
    return ParameterContext(found.find, found.searched)
