# SPDX-License-Identifier: GPL-3.0-or-later
"""The code blocks of documents, so that tests can run what readers are told to write."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(r"^```(?P<kind>[\w-]+)[^\n]*\n(?P<text>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)


def code_blocks(document: Path, kind: str) -> list[str]:
    """Return the texts of a Markdown document's fenced blocks of a kind, such as `yaml`, in order."""
    found = _BLOCK.finditer(document.read_text(encoding="utf-8"))
    return [block["text"] for block in found if block["kind"] == kind]
