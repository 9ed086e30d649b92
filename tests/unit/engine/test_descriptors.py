# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over many hosts is not stopped by the usual limit of open files."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
soft, hard, hosts = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from jetpack_core.engine.descriptors import make_room
make_room(hosts)
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "hosts", "then"),
    [(64, 900, 100, 656), (64, 300, 100, 300), (800, 900, 100, 800), (64, 900, 0, 256)],
)
def test_the_limit_is_raised_as_far_as_it_must_and_may(soft: int, hard: int, hosts: int, then: int) -> None:
    argv = [sys.executable, "-c", PROGRAM, str(soft), str(hard), str(hosts)]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == f"{then} {hard}\n"
