# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference pages say what the code says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from jetpack_core import errors, hookspecs
from jetpack_core.analysis.rules import every_rule
from jetpack_core.cli.error_reference import KINDS
from jetpack_core.cli.plugin_reference import API, KIT
from jetpack_core.cli.reference import pages
from jetpack_core.registry import Kind, Registry

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


@pytest.fixture(scope="module")
def found() -> Mapping[str, str]:
    """The pages as they are to be."""
    return pages()


def test_the_pages_are_up_to_date(found: Mapping[str, str]) -> None:
    old = [name for name, text in found.items() if (FOLDER / name).read_text(encoding="utf-8") != text]
    assert old == [], "make them anew: python -m jetpack_core.cli.reference docs/reference"


def test_every_module_modifier_and_verb_has_a_section(found: Mapping[str, str]) -> None:
    registry = Registry()
    for name in registry.entries(Kind.MODULE):
        assert f"\n## {name}\n" in found["modules.md"]
    for name in registry.entries(Kind.MODIFIER):
        assert f"\n## {name}\n" in found["modifiers.md"]
    for name in registry.entries(Kind.COMMAND):
        assert f"\n## jetpack {name}\n" in found["cli.md"]


def test_every_hook_is_there_with_its_signature(found: Mapping[str, str]) -> None:
    page = found["plugin-api.md"]
    for kind in Kind:
        hook = getattr(hookspecs, f"jetpack_register_{kind.value}")
        assert (
            f"### `{hook.__name__}() -> {hook.__annotations__['return']}`\n\n{hook.__doc__.splitlines()[0]}\n" in page
        )


def test_every_contract_and_every_part_of_the_kit_is_there(found: Mapping[str, str]) -> None:
    root = FOLDER.parents[1] / "jetpack_core"
    told = {name for names in (*API.values(), *KIT.values()) for name in names}
    for folder, left_out in (("contracts", {"documentation", "unknown"}), ("testing", set())):
        files = {path.stem for path in (root / folder).glob("[a-z]*.py") if not path.stem.startswith("connection")}
        assert {f"{folder}.{name}" for name in files - left_out} <= told
    assert "#### class `Module(BaseModel, ABC)`" in found["plugin-api.md"]
    assert "#### `run_playbook -> PlaybookRunner`" in found["test-kit.md"]


def test_every_kind_of_error_and_finding_is_explained(found: Mapping[str, str]) -> None:
    page = found["errors.md"]
    for code in every_rule():
        assert f"\n### {code}\n" in page
    pending = [errors.JetpackError]
    while pending:
        for kind in pending.pop().__subclasses__():
            if kind.__module__ == errors.__name__:
                pending.append(kind)
                assert f"\n### {KINDS[kind].code}\n" in page
    for reason in errors.OperationCode:
        assert f"\n| {reason.value} |" in page
