# SPDX-License-Identifier: GPL-3.0-or-later
"""Quoting for shells, judged by real shells."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetpack_core.connections.shell_script import printed, quote

SHELLS = [["sh"], *([name] for name in ("dash", "bash") if shutil.which(name))]
if shutil.which("busybox"):
    SHELLS.append(["busybox", "sh"])


def run(shell: list[str], script: bytes) -> bytes:
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    return subprocess.run([*shell, "-c", script], check=True, capture_output=True, env=env).stdout


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_words_and_contents_come_out_as_they_went_in(shell: list[str]) -> None:
    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(st.binary(max_size=60).map(lambda word: word.replace(b"\0", b"")), max_size=5), st.binary(max_size=999)
    )
    def check(words: list[bytes], content: bytes) -> None:
        script = b"printf '<%s>' " + b" ".join(quote(word) for word in (b"", *words)) + b"; " + printed(content)
        expected = b"<>" + b"".join(b"<%s>" % word for word in words) + content
        assert run(shell, script) == expected

    check()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_byte_by_itself(shell: list[str]) -> None:
    every = bytes(range(256))
    assert run(shell, printed(every + every[::-1])) == every + every[::-1]
    assert run(shell, b"printf %s " + quote(every[1:])) == every[1:]


def test_a_zero_byte_is_no_word() -> None:
    with pytest.raises(ValueError, match="zero byte"):
        quote("a\0b")
