# SPDX-License-Identifier: GPL-3.0-or-later
"""The project file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from jetpack_core.cli.project import _READERS, Project, find_project
from jetpack_core.errors import ContentError, UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    below = tmp_path / "one" / "two"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    file = folder / ".jetpack.yml"
    file.write_text(text)
    return file


def test_every_setting_can_be_written() -> None:
    assert set(_READERS) == {field.name for field in dataclasses.fields(Project)} - {"file"}


def test_it_is_found_upward_and_its_paths_start_at_its_own_folder(folder: Path) -> None:
    file = write(folder, "playbook: site.yml\ninventory: [inventory, /etc/more]\nsecrets_inventory: ../secrets\n")
    project = find_project()
    assert project.file == file
    assert project.playbook == (folder / "site.yml",)
    assert project.inventory == (folder / "inventory", Path("/etc/more"))
    assert project.secrets_inventory == (folder / "../secrets",)


def test_the_nearest_one_counts(folder: Path) -> None:
    write(folder, "user: far\n")
    write(folder / "one", "user: near\n")
    assert find_project().user == "near"


def test_it_can_be_named_by_file_or_folder(folder: Path) -> None:
    file = write(folder, "threads: 7\n")
    assert find_project(folder).threads == find_project(file).threads == 7


def test_without_one_nothing_is_set(folder: Path) -> None:
    assert find_project() == Project()


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n"])
def test_an_empty_one_sets_nothing(folder: Path, text: str) -> None:
    file = write(folder, text)
    assert find_project() == Project(file)


def test_one_that_was_named_must_be_there(folder: Path) -> None:
    with pytest.raises(UsageError, match="there is no project file"):
        find_project(folder)


def test_all_that_is_wrong_is_told_at_once_with_its_place(folder: Path) -> None:
    write(
        folder,
        "playbok: site.yml\nthreads: many\nroles: ~/roles\nplugins: [jetpack plugin x]\n"
        "forward_agent: maybe\nextra_vars: [1]\nuser: 5\n",
    )
    with pytest.raises(ContentError) as caught:
        find_project()
    told = [(problem.position.line, problem.message, problem.hint) for problem in caught.value.problems]
    assert [line for line, _, _ in told] == [1, 2, 3, 4, 5, 6, 7]
    assert told[0][1:] == ("there is no setting `playbok`", "did you mean `playbook`?")
    assert told[1][1] == "`threads` is a whole number above 0"
    assert "'~' is not expanded" in told[2][1]
    assert "jetpack-plugin-download>=1.2" in told[3][1]
    assert "    threads: many\n" in str(caught.value)


@pytest.mark.parametrize("text", ["- a\n", "word\n"])
def test_it_is_a_map(folder: Path, text: str) -> None:
    write(folder, text)
    with pytest.raises(ContentError, match="a project file is a map"):
        find_project()
