# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of conversions share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from jetpack_core.conversion.project import Converted, convert_file

Convert = Callable[[str], tuple[str, Converted]]


@pytest.fixture
def tasks(tmp_path: Path) -> Convert:
    """Convert a list of tasks; return the text and all that came of it."""

    def convert(text: str) -> tuple[str, Converted]:
        path = tmp_path / "tasks.yml"
        path.write_text(dedent(text))
        made = convert_file(path)
        return str(made.files["tasks.yml"]), made

    return convert
