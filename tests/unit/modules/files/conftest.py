# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine as the host, and a private directory on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox


@pytest.fixture
def host() -> Iterator[TestHost]:
    with TestHost(variables={"jet_play_hosts": ["localhost"]}) as host:
        yield host


@pytest.fixture
def box(host: TestHost) -> Iterator[Sandbox]:
    box = Sandbox(host)
    yield box
    box.close()
