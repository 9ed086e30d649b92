# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guide to patching shows is what its example holds, which is run on real hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetpack_core.testing.documents import code_blocks
from tests.unit.cli.conftest import Run

TOP = Path(__file__).parents[3]
GUIDE = TOP / "docs" / "how-to" / "patch-a-fleet.md"
EXAMPLE = TOP / "examples" / "patching"


@pytest.mark.parametrize("block", code_blocks(GUIDE, "yaml"))
def test_every_block_stands_in_the_example(block: str) -> None:
    text = (EXAMPLE / "site.yml").read_text()
    assert [line for line in block.splitlines() if line.strip() and line not in text.splitlines()] == []


def test_the_example_is_without_problems(invoke: Run) -> None:
    done = invoke("check", "-i", "inventory", "-p", "site.yml", cwd=EXAMPLE)
    assert (done.returncode, done.stderr) == (0, "")
