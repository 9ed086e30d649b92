# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences of files."""

from __future__ import annotations

import time

import pytest

from jetpack_core.records import TextDiff
from jetpack_core.views.diff import diff_lines
from jetpack_core.views.paint import Paint

PLAIN = Paint(on=False)


@pytest.mark.parametrize(
    ("diff", "expected"),
    [
        (TextDiff("/f", "a\n", "b\n"), ["--- /f", "+++ /f", "@@ -1 +1 @@", "-a", "+b"]),
        (TextDiff("/f", None, "b\n"), ["--- (no such file)", "+++ /f", "@@ -0,0 +1 @@", "+b"]),
        (TextDiff("/f", "b\n", None), ["--- /f", "+++ (no such file)", "@@ -1 +0,0 @@", "-b"]),
        (
            TextDiff("/f", "a\n", "a"),
            ["--- /f", "+++ /f", "@@ -1 +1 @@", "-a", "+a", "\\ no newline at the end"],
        ),
        (TextDiff("/f", "a\r\n", "a\n"), ["--- /f", "+++ /f", "@@ -1 +1 @@", "-a^M", "+a"]),
        (TextDiff("/f", "a\x0cb\n", "a\x0cc\n"), ["--- /f", "+++ /f", "@@ -1 +1 @@", "-a^Lb", "+a^Lc"]),
        (TextDiff("/f", "\0\1", "\0"), ["/f: binary, 2 bytes -> 1 bytes"]),
        (TextDiff("/f", None, "\udcff" * 2000), ["/f: binary, new, 2,000 bytes"]),
        (TextDiff("/f", "x\n" * 9000, None), ["/f: too large to compare, 18,000 bytes, removed"]),
    ],
)
def test_a_diff_reads_like_one_of_the_diff_program(diff: TextDiff, expected: list[str]) -> None:
    assert diff_lines(diff, PLAIN) == expected


def test_a_diff_does_not_hold_the_run_up() -> None:
    before, after = ("\n".join(f"{side}{number % 50}" for number in range(3900)) for side in "ab")
    began = time.process_time()
    diff_lines(TextDiff("/f", before, after), PLAIN)
    assert time.process_time() - began < 10
