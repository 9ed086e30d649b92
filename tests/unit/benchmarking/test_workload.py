# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of what peers left is independent of them, and notices what differs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import jinja2
import pytest

from benchmarks import workload
from benchmarks.workload import LISTING, TARGET, TASKS, TEMPLATES, VARIABLES, expected_listing, write_sources


def _listing(folder: Path) -> str:
    return subprocess.run(
        ["sh", "-c", LISTING.replace(TARGET, str(folder))], capture_output=True, text=True, check=True
    ).stdout


def _relevant(listing: str) -> set[str]:
    """Leave out what depends on who runs the test: modes and owners."""
    return {line for line in listing.splitlines() if "  ./" in line}


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """A folder as a peer leaves it, rendered by Jinja2 itself."""
    write_sources(tmp_path / "content")
    target = tmp_path / "target"
    (target / "data").mkdir(parents=True)
    for file in (tmp_path / "content" / "files").iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    for number in range(1, TEMPLATES + 1):
        text = (tmp_path / "content" / "templates" / f"app-{number}.conf.j2").read_text()
        rendered = jinja2.Template(text, keep_trailing_newline=True).render(**VARIABLES)
        (target / f"app-{number}.conf").write_text(rendered)
    for name in ("one", "two"):
        (target / f"seed-{name}").write_text(f"seed {name}\n")
    return target


def test_the_expected_files_are_those_that_are_sent_and_rendered(done: Path) -> None:
    assert _relevant(_listing(done)) == _relevant(expected_listing())


def test_one_wrong_byte_and_one_file_too_many_are_seen(done: Path) -> None:
    (done / "app-3.conf").write_text("wrong\n")
    (done / "left-over").write_text("")
    difference = _relevant(_listing(done)) ^ _relevant(expected_listing())
    assert {line.split("  ./")[1] for line in difference} == {"app-3.conf", "left-over"}


def test_a_listing_has_kind_mode_and_owner_of_every_path(done: Path) -> None:
    (done / "data").chmod(0o710)
    lines = _listing(done).splitlines()
    owner, group = (done / "data").owner(), (done / "data").group()
    assert f"data d 710 {owner} {group}" in lines


@pytest.mark.parametrize("name", ["jetpack.yml", "ansible.yml"])
def test_every_playbook_has_all_tasks(name: str) -> None:
    text = (workload.CONTENT / name).read_text()
    assert text.count("\n    - ") == TASKS
