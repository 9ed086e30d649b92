# SPDX-License-Identifier: GPL-3.0-or-later
"""Write inventories to disk for the tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path


def write(root: Path, files: Mapping[str, object]) -> Path:
    """Write files below a directory; what is no text is written as JSON, and so as YAML."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return root


def script(path: Path, body: str) -> Path:
    """Write an executable Python script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def printing(path: Path, data: object) -> Path:
    """Write a script that prints data as JSON."""
    return script(path, f"print({json.dumps(data)!r})")
