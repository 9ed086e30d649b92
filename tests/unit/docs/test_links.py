# SPDX-License-Identifier: GPL-3.0-or-later
"""Links of pages lead to files of the repository, and the guides are listed where people look for them."""

from __future__ import annotations

import re

import pytest

from tests.unit.docs.pages import PAGES, TOP

FIRST_PAGES = ("README.md", "docs/index.md", "website/mkdocs.yml")


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    path = TOP / page
    prose = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]+)[^)]*\)", prose)
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("page", FIRST_PAGES)
def test_every_guide_and_tutorial_is_listed(page: str) -> None:
    text = (TOP / page).read_text()
    guides = [path for folder in ("how-to", "tutorial") for path in (TOP / "docs" / folder).glob("*.md")]
    assert len(guides) > 15
    assert [path.name for path in guides if f"{path.parent.name}/{path.name}" not in text] == []
