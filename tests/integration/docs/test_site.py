# SPDX-License-Identifier: GPL-3.0-or-later
"""The site of the documentation, made as `make docs` makes it and read from disk, with a browser as well."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

TOP = Path(__file__).parents[3]
PATIENCE = 60_000
"""Milliseconds that a browser is given on a busy machine."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("docs-site")]


def build(top: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Make the site of a tree."""
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", "website/mkdocs.yml"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        [*words, "--site-dir", folder],
        cwd=top,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = build(TOP, folder)
    assert done.returncode == 0, done.stderr
    return folder


class Links(HTMLParser):
    """Collects what a page links to, what it loads, and the places it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in {"canonical", "next", "prev"}:
            self.loads.append(given.get("href", ""))
        if "src" in given:
            self.loads.append(given["src"])


@pytest.fixture(scope="module")
def read(site: Path) -> dict[Path, Links]:
    """Return the pages of the site, read."""
    # The page for what is not found stands wherever a server puts it.
    return {path: Links(path.read_text()) for path in site.rglob("*.html") if path.name != "404.html"}


def test_every_page_of_the_repository_is_there(site: Path) -> None:
    for page in (TOP / "docs").rglob("*.md"):
        assert (site / page.relative_to(TOP / "docs").with_suffix(".html")).exists()
    for group in ("plugins", "provisioners"):
        for readme in (TOP / group).glob("*/README.md"):
            assert (site / group / f"{readme.parent.name}.html").exists()


def test_every_link_and_anchor_leads_somewhere(read: dict[Path, Links]) -> None:
    lost = []
    for page, found in read.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            places = read[target].places if target in read else {""}
            if not target.exists() or unquote(parts.fragment) not in places:
                lost.append(f"{page.name}: {link}")
    assert len(read) > 30
    assert lost == []


def test_nothing_is_loaded_from_elsewhere(site: Path, read: dict[Path, Links]) -> None:
    outside = [
        load for found in read.values() for load in found.loads if urlsplit(load).scheme or load.startswith("//")
    ]
    styles = [path.read_text() for path in site.rglob("*.css")]
    outside += [
        one for style in styles for one in re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^)\"']+)", style)
    ]
    assert styles
    assert outside == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[lost](no-such-page.md)", "no-such-page.md"),
        ("[lost](../reference/modules.md#no-such-module)", "no-such-module"),
    ],
)
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, text: str, told: str) -> None:
    for name in ("docs", "website"):
        shutil.copytree(TOP / name, tmp_path / name)
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "plugins", "provisioners"):
        (tmp_path / name).symlink_to(TOP / name)
    page = tmp_path / "docs" / "how-to" / "watch-a-run.md"
    page.write_text(f"{page.read_text()}\n{text}\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert told in done.stderr


@pytest.fixture
def reader(site: Path) -> Iterator[Page]:
    """Open the first page from disk; what the browser asks others for, or complains of, fails the test."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium")
    wrong: list[str] = []
    with sync_playwright() as playwright:
        # Root has no user namespace to be kept in.
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith("file://") else None)
        page.goto((site / "index.html").as_uri())
        yield page
        browser.close()
    assert wrong == []


def test_the_search_finds_without_a_server(reader: Page) -> None:
    reader.locator("input.md-search__input").click()
    reader.locator("input.md-search__input").press_sequentially("max_failures")
    found = reader.locator(".md-search-result__item", has_text="Patch a fleet")
    expect(found.first).to_be_visible(timeout=PATIENCE)
    found.first.locator("a").first.click()
    expect(reader.locator("h1").first).to_contain_text("Patch a fleet", timeout=PATIENCE)


def test_blocks_that_are_files_show_their_names(reader: Page) -> None:
    reader.goto(reader.url.replace("index.html", "tutorial/first-module.html"))
    expect(reader.get_by_text("src/jetpack_plugin_env_entry/module.py", exact=True).first).to_be_visible(
        timeout=PATIENCE
    )
