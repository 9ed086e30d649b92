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
warning = make_room(hosts)
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
print(warning)
"""


def after(soft: int, hard: int, hosts: int) -> list[str]:
    argv = [sys.executable, "-c", PROGRAM, str(soft), str(hard), str(hosts)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(
    ("soft", "hard", "hosts", "then"),
    [(64, 900, 100, 656), (64, 300, 100, 300), (800, 900, 100, 800), (64, 900, 0, 256)],
)
def test_the_limit_is_raised_as_far_as_it_must_and_may(soft: int, hard: int, hosts: int, then: int) -> None:
    assert after(soft, hard, hosts) == [f"{then} {hard}", ""]


def test_a_limit_that_stays_too_low_is_told_before_any_host_is_reached() -> None:
    limits, warning = after(64, 128, 240)
    assert limits == "128 128"
    assert warning.startswith("240 hosts at once need some 288 open files, and this system allows 128: ")
    assert "ulimit -Hn" in warning
