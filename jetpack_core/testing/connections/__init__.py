# SPDX-License-Identifier: GPL-3.0-or-later
"""A suite of tests for any connection: every operation, with hostile names, failures, cancellation and large files.

Subclass `ConnectionConformance` in a test module and give it a fixture `driver` that yields a connected `Driver`.
"""

from __future__ import annotations

import pytest

from jetpack_core.contracts.operations import TempDirectory
from jetpack_core.testing.connections.changing import ChangingSuite
from jetpack_core.testing.connections.driver import Driver
from jetpack_core.testing.connections.expecting import HOSTILE_NAMES, fails
from jetpack_core.testing.connections.looking import LookingSuite
from jetpack_core.testing.connections.running import RunningSuite
from jetpack_core.testing.connections.sources import SourcesSuite
from jetpack_core.testing.connections.writing import WritingSuite

__all__ = ["HOSTILE_NAMES", "ConnectionConformance", "Driver", "fails"]


class ConnectionConformance(LookingSuite, WritingSuite, SourcesSuite, ChangingSuite, RunningSuite):
    """What every connection must do."""

    @pytest.fixture
    def folder(self, driver: Driver) -> str:
        """A directory on the host for one test."""
        return driver.do(TempDirectory("suite"))
