# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages whose examples are tested: the documentation, and the READMEs of the repository and its packages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TOP: Final = Path(__file__).parents[3]
PAGES: Final = {
    path.relative_to(TOP).as_posix(): path
    for path in sorted(
        [
            TOP / "README.md",
            *(TOP / "docs").rglob("*.md"),
            *TOP.glob("p*/*/README.md"),
            *TOP.glob("examples/*/README.md"),
        ]
    )
}
"""The pages by their path in the repository."""
