# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing a destination as a whole: all is unpacked beside it, and the two swap their names. Python 3.6."""

import ctypes
import os
import shutil

from jetpack_plugin_unpack.onhost import writing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from jetpack_plugin_unpack.onhost.archives import Archive
    from jetpack_plugin_unpack.onhost.comparing import Comparison
    from jetpack_plugin_unpack.onhost.streams import Limits

_HERE = -100
"""AT_FDCWD, from fcntl.h."""
_EXCHANGE = 2
"""RENAME_EXCHANGE, from renameat2(2)."""


def replace(
    dest: str, comparison: "Comparison", archive: "Optional[Archive]", limits: "Limits", ids: "tuple[int, int]"
) -> int:
    """Unpack everything beside the destination and put it in place; nothing has changed where that fails.

    Returns how many bytes were written. Raises Trouble and OSError.
    """
    if not comparison.steps:
        return 0
    stage = os.path.join(os.path.dirname(dest), writing.temporary_name())
    try:
        size = writing.carry_out(stage, comparison.everything(), archive, limits, ids)
        swap(stage, dest)
    finally:
        # By now this is the old one, or what was written in vain.
        shutil.rmtree(stage, ignore_errors=True)
    return size


def swap(stage: str, dest: str) -> None:
    """Give a directory the name of another one, in one step where the system has it. Raises OSError."""
    if not os.path.lexists(dest):
        os.rename(stage, dest)
        return
    if _exchanged(stage, dest):
        return
    aside = os.path.join(os.path.dirname(dest), writing.temporary_name())
    os.rename(dest, aside)
    try:
        os.rename(stage, dest)
    except BaseException:
        os.rename(aside, dest)
        raise
    os.rename(aside, stage)


def _exchanged(one: str, other: str) -> bool:
    """Swap two names; tells whether this system and file system could."""
    try:
        call = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):
        return False
    return bool(call(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)
