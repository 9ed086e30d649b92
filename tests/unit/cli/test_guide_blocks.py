# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guide to a whole service shows is what its example holds, which is run on real hosts."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from jetpack_core.testing.documents import code_blocks
from tests.unit.cli.conftest import Run

TOP = Path(__file__).parents[3]
GUIDE = TOP / "docs" / "how-to" / "set-up-a-service.md"
EXAMPLE = TOP / "examples" / "system"


@pytest.mark.parametrize("block", code_blocks(GUIDE, "yaml"))
def test_every_block_stands_in_the_example(block: str) -> None:
    texts = [path.read_text() for path in EXAMPLE.rglob("*.yml")]
    assert any(block in text or textwrap.indent(block, " " * 4) in text for text in texts)


def test_the_example_is_without_problems(invoke: Run) -> None:
    done = invoke("check", "-i", "inventory", "-p", "site.yml", cwd=EXAMPLE)
    assert (done.returncode, done.stderr) == (0, "")
    done = invoke("check", "-i", "inventory", "-p", "older.yml", "-e", '{"good_version": "1"}', cwd=EXAMPLE)
    assert (done.returncode, done.stderr) == (0, "")
