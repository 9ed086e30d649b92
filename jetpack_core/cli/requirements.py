# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that the plugins a project requires are installed."""

from __future__ import annotations

import shlex
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from jetpack_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.requirements import Requirement


def check_requirements(requirements: Iterable[Requirement], file: str) -> None:
    """Raise PluginError with the pip command that installs whatever is missing or of the wrong version."""
    lacking = [(one, reason) for one in requirements if (reason := _why_not(one))]
    if lacking:
        reasons = "; ".join(reason for _, reason in lacking)
        command = shlex.join(["pip", "install", *(str(one) for one, _ in lacking)])
        raise PluginError(f"{file} requires plugins that are not there: {reasons}", hint=f"run: {command}")


def _why_not(requirement: Requirement) -> str:
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"{requirement.name} is {found}, not {requirement.specifier}"
