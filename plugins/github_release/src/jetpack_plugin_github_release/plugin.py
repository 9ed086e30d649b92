# SPDX-License-Identifier: GPL-3.0-or-later
"""What this package offers."""

from __future__ import annotations

from jetpack_core.hookspecs import Reference, hookimpl


@hookimpl
def jetpack_register_modules() -> list[Reference]:
    """Name the module."""
    target = "jetpack_plugin_github_release.module:GithubRelease"
    return [Reference("github_release", target, "Find a release of a project on GitHub, and install it")]
