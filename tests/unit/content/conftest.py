# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the loader share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jetpack_core.content.load import load_playbook
from jetpack_core.content.model import Playbook, Task
from jetpack_core.registry import Registry
from tests.unit.content.plugin import Plugin

Load = Callable[..., Playbook]


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Give the built-ins and the modules of these tests."""
    registry = Registry()
    registry.register(Plugin(), "tests")
    return registry


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry) -> Load:
    """Load a playbook of this text from the current folder."""
    monkeypatch.chdir(tmp_path)

    def load(text: str | bytes, **options: object) -> Playbook:
        path = Path("site.yml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_playbook(path, registry=registry, **options)  # type: ignore[arg-type]

    return load


@pytest.fixture
def task(load: Load) -> Callable[[str], Task]:
    """Load a play with one task of this text."""

    def task(text: str) -> Task:
        lines = "".join(f"    {line}\n" for line in text.splitlines())
        return load(f"- name: p\n  groups: [all]\n  tasks:\n{lines}").plays[0].tasks[0]

    return task


def write(folder: Path, files: dict[str, str]) -> None:
    """Write a tree of files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
