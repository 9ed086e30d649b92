# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack plugins`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run, install

WORKING = """
from jetpack_core.hookspecs import Reference, hookimpl

@hookimpl
def jetpack_register_filters():
    return [Reference("shout", f"{__name__}:shout", "Make text loud")]

def shout(value):
    return str(value).upper()
"""
HALF_WORKING = """
from jetpack_core.hookspecs import Reference, hookimpl

@hookimpl
def jetpack_register_modules():
    return [Reference("vanish", f"{__name__}:Vanish", "Make things vanish")]
"""


ALONE = """
# Python runs this at its start: the plugins that the machine has besides are not seen.
import importlib.metadata as metadata
from pathlib import Path

found = metadata.entry_points

def entry_points(**selection):
    here = str(Path(__file__).parent)
    return metadata.EntryPoints(one for one in found(**selection) if str(one.dist.locate_file("")) == here)

metadata.entry_points = entry_points
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder for distributions, the only one whose plugins are found."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(ALONE)
    return folder


def test_without_plugins_the_list_says_how_to_get_one(jetpack: Run, site: Path) -> None:
    done = jetpack("plugins", "list", path=site)
    assert (done.returncode, done.stdout) == (0, "")
    assert "pip install jetpack-plugin-NAME" in done.stderr


def test_the_list_shows_what_plugins_offer(jetpack: Run, site: Path) -> None:
    install(site, "jetpack-plugin-shout", WORKING, version="1.2")
    assert jetpack("plugins", "list", path=site).stdout == "jetpack-plugin-shout 1.2: filter shout\n"


def test_the_list_as_json_has_broken_ones_too(jetpack: Run, site: Path) -> None:
    install(site, "jetpack-plugin-shout", WORKING, version="1.2")
    install(site, "jetpack-plugin-ruin", "import no_such_library")
    working, broken = json.loads(jetpack("plugins", "list", "--json", path=site).stdout)
    assert working == {
        "distribution": "jetpack-plugin-shout",
        "version": "1.2",
        "entry_point": "jetpack_plugin_shout",
        "works": True,
        "offers": [{"kind": "filter", "name": "shout", "summary": "Make text loud"}],
    }
    assert (broken["distribution"], broken["works"]) == ("jetpack-plugin-ruin", False)
    assert "no_such_library" in broken["cause"]
    assert "pip uninstall jetpack-plugin-ruin" in broken["remedy"]


def test_the_doctor_finds_nothing_wrong_with_what_is_built_in(jetpack: Run, site: Path) -> None:
    install(site, "jetpack-plugin-shout", WORKING)
    done = jetpack("plugins", "doctor", path=site)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("plugins: 1; they offer: 1; built in: ")
    assert done.stdout.endswith("; broken: 0\n")


def test_the_doctor_loads_everything_and_tells_what_does_not_load(jetpack: Run, site: Path) -> None:
    install(site, "jetpack-plugin-ruin", "import no_such_library")
    install(site, "jetpack-plugin-vanish", HALF_WORKING)
    done = jetpack("plugins", "doctor", path=site)
    assert done.returncode == 1
    assert "jetpack-plugin-ruin 1.0: ModuleNotFoundError: No module named 'no_such_library'" in done.stdout
    assert "module 'vanish' of jetpack-plugin-vanish does not load" in done.stdout
    assert "pip uninstall jetpack-plugin-vanish" in done.stdout
    assert done.stdout.endswith("; broken: 2\n")
