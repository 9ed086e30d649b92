# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugins that a project requires."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from jetpack_core.cli.requirements import check_requirements
from jetpack_core.errors import PluginError


def test_what_is_installed_in_a_right_version_is_fine() -> None:
    check_requirements([Requirement("click>=8"), Requirement("jinja2")], ".jetpack.yml")


def test_everything_lacking_is_told_with_the_command_that_installs_it() -> None:
    wanted = [Requirement("click>=999"), Requirement("jetpack-plugin-nowhere>=1,<2"), Requirement("jinja2")]
    with pytest.raises(PluginError) as caught:
        check_requirements(wanted, "site/.jetpack.yml")
    assert "site/.jetpack.yml requires" in caught.value.message
    assert "jetpack-plugin-nowhere is not installed" in caught.value.message
    assert "not >=999" in caught.value.message
    assert caught.value.hint == "run: pip install 'click>=999' 'jetpack-plugin-nowhere<2,>=1'"
