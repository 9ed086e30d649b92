# SPDX-License-Identifier: GPL-3.0-or-later
"""What this package offers."""

from __future__ import annotations

from jetpack_core.hookspecs import Reference, hookimpl


@hookimpl
def jetpack_register_modules() -> list[Reference]:
    """Name the module."""
    return [Reference("download", "jetpack_plugin_download.module:Download", "Put a file from the web on the host")]
