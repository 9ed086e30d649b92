# SPDX-License-Identifier: GPL-3.0-or-later
"""The YAML language server that many editors run, in a pinned version, kept for the session."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetpack_core.cli.schemas.documents import schemas, tags
from jetpack_core.cli.schemas.editors import file_name, language_server
from jetpack_core.registry import Registry
from tests.integration.editor.language_server import LanguageServer

PINNED = "yaml-language-server@1.25.0"
INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", PINNED]


@pytest.fixture(scope="session")
def server_command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the command that starts the language server, which npm fetches."""
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed (Debian: apt install nodejs npm)")
    folder = tmp_path_factory.mktemp("language-server")
    done = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, check=False, timeout=240)
    if done.returncode != 0:
        pytest.skip(f"npm cannot fetch {PINNED}: {done.stderr.strip()[-300:]}")
    return [node, str(folder / "node_modules" / ".bin" / "yaml-language-server"), "--stdio"]


@pytest.fixture(scope="module")
def editor(server_command: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    """Return a server for a project whose schemas and settings are those that `jetpack schema` gives."""
    project = tmp_path_factory.mktemp("project")
    registry = Registry()
    registry.load_plugins()
    folder = project / ".jetpack"
    folder.mkdir()
    for name, schema in schemas(registry).items():
        (folder / file_name(name)).write_text(json.dumps(schema))
    settings = language_server(str(folder), tags(registry))
    with LanguageServer(server_command, project, settings) as server:
        # Settings and schemas are read some time after the start.
        server.faults("site.yml", "- name: a\n  groups: [a]\n  nonsense: 1\n", "nonsense")
        yield server


def project_files(root: Path) -> list[Path]:
    """Return the YAML files below a folder."""
    return [path for path in sorted(root.rglob("*.yml")) if path.is_file()]
