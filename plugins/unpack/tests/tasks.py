# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of `unpack`, and what they leave on the disk."""

from __future__ import annotations

from pathlib import Path

from jetpack_plugin_unpack.unpack import Unpack

from jetpack_core.testing.examples import make_module


def unpack(folder: Path, name: str = "app.tgz", **more: object) -> Unpack:
    module = make_module(Unpack, {"src": str(folder / name), "dest": str(folder / "dest"), **more}, [folder])
    assert isinstance(module, Unpack)
    return module


def tree(top: Path) -> dict[str, str]:
    found = {}
    for path in sorted(top.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(top))] = f"-> {path.readlink()}"
        elif path.is_file():
            found[str(path.relative_to(top))] = path.read_text()
    return found


APP = {"bin/run": "#!/bin/sh\necho 1\n", "bin/same": "#!/bin/sh\necho 1\n", "conf/app.conf": "port: 80\n", "empty": ""}
APP_TREE = {**APP, "latest": "-> bin/run"}
