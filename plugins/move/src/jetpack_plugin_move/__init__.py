# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `move` for Jetpack."""

from __future__ import annotations

from collections.abc import Sequence

from jetpack_core.hookspecs import Reference, hookimpl


@hookimpl
def jetpack_register_modules() -> Sequence[Reference]:
    """Name the module."""
    return (Reference("move", "jetpack_plugin_move.move:Move", "Move a file or directory on the host, once"),)
