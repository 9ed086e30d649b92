# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of `move`, trees to be moved, and what they look like."""

from __future__ import annotations

import os
from pathlib import Path

from jetpack_plugin_move.move import Move

from jetpack_core.testing.examples import make_module


def move(src: Path | str, dest: Path | str, **more: object) -> Move:
    module = make_module(Move, {"src": str(src), "dest": str(dest), **more})
    assert isinstance(module, Move)
    return module


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def make_tree(top: Path, text: str = "run\n") -> None:
    (top / "bin").mkdir(parents=True)
    (top / "bin" / "run").write_text(text)
    (top / "bin" / "run").chmod(0o755)
    (top / "latest").symlink_to("bin/run")
    (top / "private").mkdir(mode=0o700)
    os.link(top / "bin" / "run", top / "private" / "same")


def tree_of(top: Path) -> dict[str, tuple[int, str]]:
    found = {}
    for path in sorted(top.rglob("*")):
        text = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else ""
        found[str(path.relative_to(top))] = (path.lstat().st_mode, text)
    return found
