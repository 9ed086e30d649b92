# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the files below a folder that hold secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from jetpack_core.content.files import SIZE_LIMIT, shown
from jetpack_core.errors import UsageError
from jetpack_core.secret_files.keeper import SUFFIX
from jetpack_core.secrets import age

_SKIPPED: Final = frozenset({".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox"})
_YAML: Final = frozenset({".yml", ".yaml", ""})
_TAGGED: Final = re.compile(rb"(?:^|[\s\[{,:-])!age(?=[\s,\]}]|$)", re.MULTILINE)


def files_below(path: Path) -> Iterator[Path]:
    """Yield the files in a folder and its folders, in order; version control and environments are left out."""
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        yield from (Path(folder, name) for name in sorted(names))


def is_yaml(file: Path) -> bool:
    """Tell whether a file may hold single encrypted values."""
    return file.suffix in _YAML


def holds_values(content: bytes) -> bool:
    """Tell whether a file's content seems to have encrypted values in it."""
    return not age.is_age(content) and _TAGGED.search(content) is not None


def secret_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files that hold secrets: those that are named, and those found in the folders that are named.

    Raises UsageError for a path that is not there, and for a named file without a secret in it.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update((file, None) for file in files_below(path) if _holds_secrets(file))
        elif not path.exists():
            raise UsageError(f"there is no {shown(path)}")
        elif path.suffix != SUFFIX and not _holds_secrets(path):
            raise UsageError(f"{shown(path)} holds no secrets", hint="encrypt some: jetpack secrets encrypt")
        else:
            found[path] = None
    return list(found)


def _holds_secrets(file: Path) -> bool:
    if file.suffix == SUFFIX:
        return file.is_file()
    content = small_content(file)
    return content is not None and (age.is_age(content) or (is_yaml(file) and holds_values(content)))


def small_content(file: Path) -> bytes | None:
    """Return a file's content; None for what is no plain file, cannot be read or is too large."""
    try:
        if not file.is_file() or file.stat().st_size > SIZE_LIMIT:
            return None
        return file.read_bytes()
    except OSError:
        return None
