# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference pages say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetpack_core.cli.reference import pages
from jetpack_core.registry import Kind, Registry

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize("name", ["cli.md", "filters.md", "modifiers.md", "modules.md"])
def test_a_page_is_up_to_date(name: str) -> None:
    message = "it is old: python -m jetpack_core.cli.reference docs/reference"
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], message


def test_every_module_modifier_and_verb_has_a_section() -> None:
    registry = Registry()
    found = pages()
    for name in registry.entries(Kind.MODULE):
        assert f"\n## {name}\n" in found["modules.md"]
    for name in registry.entries(Kind.MODIFIER):
        assert f"\n## {name}\n" in found["modifiers.md"]
    for name in registry.entries(Kind.COMMAND):
        assert f"\n## jetpack {name}\n" in found["cli.md"]
