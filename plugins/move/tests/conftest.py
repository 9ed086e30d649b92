# SPDX-License-Identifier: GPL-3.0-or-later
"""A host, and a directory on a second file system."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetpack_core.testing.host import TestHost


@pytest.fixture
def host() -> Iterator[TestHost]:
    with TestHost() as host:
        yield host


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A directory on another file system than `tmp_path`."""
    for base in ("/dev/shm", "/var/tmp", str(Path.home())):
        if os.access(base, os.W_OK) and Path(base).stat().st_dev != tmp_path.stat().st_dev:
            with tempfile.TemporaryDirectory(dir=base) as path:
                yield Path(path)
            return
    pytest.skip("this machine has one file system only")
