# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of variables share."""

from __future__ import annotations

import pytest

from jetpack_core.registry import Registry
from jetpack_core.variables.templates import Templates


@pytest.fixture(scope="session")
def templates() -> Templates:
    return Templates(Registry())
