# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `unpack` for Jetpack."""

from __future__ import annotations

from collections.abc import Sequence

from jetpack_core.hookspecs import Reference, hookimpl


@hookimpl
def jetpack_register_modules() -> Sequence[Reference]:
    """Name the module."""
    return (Reference("unpack", "jetpack_plugin_unpack.unpack:Unpack", "Unpack an archive on the host, safely"),)
