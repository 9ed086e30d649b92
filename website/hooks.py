# SPDX-License-Identifier: GPL-3.0-or-later
"""What the site has beside `docs/`: READMEs of packages, and Markdown as our pages write it."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

TOP: Final = Path(__file__).parents[1]
_LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
# The words behind the language tell tests which file a block is, or that its commands fail.
_FENCE: Final = re.compile(r"^(?P<fence> *```[\w-]+) (?P<note>[^\n`]+)$", re.MULTILINE)


def brought() -> dict[str, str]:
    """Return what the site shows that does not stand in `docs/`: the name there by the path in the repository."""
    readmes = [path for group in ("plugins", "provisioners") for path in sorted(TOP.glob(f"{group}/*/README.md"))]
    return {path.relative_to(TOP).as_posix(): f"{path.relative_to(TOP).parent.as_posix()}.md" for path in readmes} | {
        "CHANGELOG.md": "changelog.md",
        "CONTRIBUTING.md": "contributing.md",
        "website/iframe-worker.js": "assets/iframe-worker.js",
    }


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what does not stand in `docs/`."""
    for source, name in brought().items():
        files.append(File.generated(config, name, abs_src_path=str(TOP / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links within the repository into links of the site, and what tests know of a block into its title."""
    del config, files
    return _FENCE.sub(_titled, _LINK.sub(lambda found: _linked(found, page.file.src_uri), markdown))


def _linked(found: re.Match[str], page: str) -> str:
    """Return a link as the site has it, or its text where the site has no such page."""
    source = next((source for source, name in brought().items() if name == page), f"docs/{page}")
    place = posixpath.normpath(posixpath.join(posixpath.dirname(source), found["target"]))
    name = place.removeprefix("docs/") if place.startswith("docs/") else _page_of(place)
    if name is None and (TOP / place).exists():
        return found["text"]
    target = found["target"] if name is None else posixpath.relpath(name, posixpath.dirname(page))
    return f"[{found['text']}]({target}{found['anchor'] or ''})"


def _page_of(place: str) -> str | None:
    known = brought()
    return known.get(place) or known.get(f"{place}/README.md")


def _titled(found: re.Match[str]) -> str:
    note = found["note"].strip()
    return f'{found["fence"]} title="{note}"' if "." in note else found["fence"]
