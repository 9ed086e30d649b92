# SPDX-License-Identifier: GPL-3.0-or-later
"""The helper as it travels: its source, compressed, as one line of text."""

from __future__ import annotations

import binascii
import zlib
from functools import cache
from importlib.resources import files
from typing import Final

_PACKAGE: Final = "jetpack_core.connections.remote.helper"


@cache
def helper_payload() -> bytes:
    """Return the line that `boot.CODE` reads; made once, when a host first needs it."""
    folder = files(_PACKAGE)
    texts = {
        f"{_PACKAGE}.{entry.name.removesuffix('.py')}": entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".py") and entry.name not in {"__init__.py", "loader.py"}
    }
    loader = (folder / "loader.py").read_text(encoding="utf-8")
    program = f"{loader}\nsys.meta_path.insert(0, Finder({texts!r}))\nfrom {_PACKAGE}.serve import main\nmain(p)\n"
    return binascii.b2a_base64(zlib.compress(program.encode(), 9))
