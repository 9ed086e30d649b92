# SPDX-License-Identifier: GPL-3.0-or-later
"""The helper as it travels: its source, compressed, as one line of text."""

from __future__ import annotations

import binascii
import zlib
from functools import cache
from importlib.resources import files
from typing import Final

from jetpack_core.connections.remote.helper import boot

_READ: Final = 'read -r n;x=$(head -c "$n");eval "$x"'
"""Read the shell's own program: its length, then as many bytes."""
SHELL_BOOT: Final = f"printf {boot.SHELL_MARK};{_READ}"
"""Say that a shell answers, and read its program."""
_LOGIN_BOOT: Final = f"printf {boot.SHELL_MARK};read -r x;{_READ}"
"""The same behind the helper, which was sent before anybody knew that there is no Python for it."""
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


def login_command(nonce: str) -> str:
    """Return the command for a login shell of any kind (sh, bash, dash, fish, csh): it prints the nonce and goes on.

    Its quoted words hold no single quote, backslash, newline or exclamation mark, which those shells treat differently.
    With Python it becomes the helper, without it a shell that waits for its own program; the mark behind the nonce
    tells which, before anything is read.
    """
    size = len(helper_payload())
    script = (
        f"printf %s {nonce};for p in {boot.PYTHONS};do "
        f'command -v "$p" >/dev/null 2>&1&&exec "$p" -ISc "{boot.CODE}" {boot.PYTHON_MARK} {size} /bin/sh -c "$0";done;'
        'eval "$0"'
    )
    return f"exec /bin/sh -c '{script}' '{_LOGIN_BOOT}'"
