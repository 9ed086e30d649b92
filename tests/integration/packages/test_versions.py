# SPDX-License-Identifier: GPL-3.0-or-later
"""The orders of versions against the programs whose rules they are."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import pytest

from jetpack_core.modules.packages.versions import compare_debian, compare_pacman, compare_rpm
from tests.integration.packages.conftest import Bench

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

_VERSIONS: Final = """
1 1.0 1.00 1.0.0 01.0 1.1 1.10 1.9 2 2.0 10 1a 1.0a 1.0b 1.0.a 1.0alpha 1.0beta 1.0beta2 1.0rc1 1.0-1 1.0-2 1.0-10
1.0-1.1 1.0-1ubuntu2 1:1.0-1 0:1.0-1 1:0.9-1 2:0-1 1.0~rc1 1.0~rc1-1 1.0~~ 1.0~ 1.0~a 1.0+git1 1.0+git20 1.0+b1-1
1.0^ 1.0^git1 1.0^git1-1 1.0^20 1.0.1 1.0_1 1_0 20240101 20240101.abcdef 3.0.11-1~deb12u2 3.0.11-1 3.0.9-1
5.15.0-91.101 1.22.1-9+deb12u1 1.22.1-9 6.1.0-18 9.el9 1.20.1-14.el9 1.20.1-14.el9_2.1 1.20.1-14.el8 a b ab
1.a.2 1.0.z 1.2.3-4.5 1.2.3-4.10 0 00 1.0.0.0 7.88.1-10+deb12u5 4:4.0.9-2 2.36-9+deb12u4 2.36-9
"""


@pytest.fixture(scope="module")
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench("pacman.sh")


def _pairs(allowed: Callable[[str], bool]) -> list[tuple[str, str]]:
    versions = [version for version in _VERSIONS.split() if allowed(version)]
    close = [pair for step in range(1, 12) for pair in zip(versions, versions[step:], strict=False)]
    return [*close, *((right, left) for left, right in pairwise(versions)), *((one, one) for one in versions)]


def _signs(bench: Bench, command: str, pairs: list[tuple[str, str]]) -> list[int]:
    lines = "".join(f"{shlex.quote(left)} {shlex.quote(right)}\n" for left, right in pairs)
    told = bench.machine.exec(
        ["bash", "-c", f"while read -r a b; do {command}; done"], stdin=lines.encode().replace(b"'", b"")
    )
    return [int(word) for word in told.stdout.split()]


def _wrong(compare: Callable[[str, str], int], pairs: list[tuple[str, str]], truth: list[int]) -> list[object]:
    assert len(truth) == len(pairs) > 250
    return [(pair, sign) for pair, sign in zip(pairs, truth, strict=True) if compare(*pair) != sign]


def test_debian(bench: Bench) -> None:
    command = (
        'if dpkg --compare-versions "$a" lt "$b"; then echo -1;'
        ' elif dpkg --compare-versions "$a" gt "$b"; then echo 1; else echo 0; fi'
    )
    pairs = _pairs(lambda version: version[0].isdigit() and "_" not in version and "^" not in version)
    assert _wrong(compare_debian, pairs, _signs(bench, command, pairs)) == []


def test_rpm(bench: Bench) -> None:
    pairs = _pairs(lambda version: "-" in version)
    lines = "".join(f'print(rpm.vercmp("{left}", "{right}"), " ")' for left, right in pairs)
    told = bench.machine.exec(["rpm", "--eval", "%{lua:" + lines + "}"]).stdout.decode()
    assert _wrong(compare_rpm, pairs, [int(word) for word in told.split()]) == []


def test_pacman(bench: Bench) -> None:
    pairs = _pairs(lambda version: "~" not in version and "^" not in version)
    assert _wrong(compare_pacman, pairs, _signs(bench, 'vercmp "$a" "$b"', pairs)) == []
