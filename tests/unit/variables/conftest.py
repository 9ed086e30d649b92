# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of variables share."""

from __future__ import annotations

import pytest
from hypothesis import settings

from jetpack_core.registry import Registry
from jetpack_core.variables.templates import Templates

# How long one example takes is the machine's affair: several suites may share it.
settings.register_profile("without-deadline", deadline=None)
settings.load_profile("without-deadline")


@pytest.fixture(scope="session")
def templates() -> Templates:
    return Templates(Registry())
