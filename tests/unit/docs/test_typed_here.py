# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks of commands without their output, typed on this machine: hosts of the inventory are the machine itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.reading import blocks, blocks_of
from tests.unit.docs.commands import Reader, block, plain_blocks, shown
from tests.unit.docs.pages import PAGES, TOP


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with one host, which is this machine."""
    folder = tmp_path / "project"
    (folder / "inventory" / "groups").mkdir(parents=True)
    (folder / "inventory" / "host_vars").mkdir()
    (folder / "inventory" / "groups" / "web").write_text("hosts: [web1]\n")
    (folder / "inventory" / "host_vars" / "web1").write_text("jet_connection: local\n")
    (folder / ".jetpack.yml").write_text("playbook: site.yml\ninventory: inventory\n")
    (folder / "site.yml").write_text(
        "- name: two files\n  groups: [all]\n  tasks:\n"
        f"    - !command {{cmd: [test, -e, {tmp_path}/ready]}}\n"
        f"    - !copy {{content: two, dest: {tmp_path}/two}}\n"
    )
    return folder


def commands(page: str, first: str) -> str:
    return block(page, first).text


def test_a_plan_is_reviewed_and_applied(project: Path, reader: Reader) -> None:
    (project.parent / "ready").touch()
    reader.works(
        commands("docs/how-to/review-a-plan.md", "jetpack plan -p site.yml -i inventory --out plan.json"), project
    )
    assert (project.parent / "two").read_text() == "two"


def test_a_run_is_resumed(project: Path, reader: Reader) -> None:
    page = "docs/how-to/resume-a-run.md"
    assert reader.type_in("jetpack apply", project).returncode == 2
    (project.parent / "ready").touch()
    said = reader.works(
        commands(page, "jetpack plan -p site.yml -i inventory --limit-hosts @last-failed --diff"), project
    )
    assert "would create  web1" in said
    assert not (project.parent / "two").exists()
    reader.works(commands(page, "jetpack apply -p site.yml -i inventory --resume"), project)
    assert (project.parent / "two").read_text() == "two"


def test_what_failed_is_run_again(project: Path, reader: Reader) -> None:
    assert reader.type_in("jetpack apply", project).returncode == 2
    (project.parent / "ready").touch()
    reader.works(
        commands("docs/how-to/resume-a-run.md", "jetpack apply -p site.yml -i inventory --retry-failed"), project
    )
    assert (project.parent / "two").read_text() == "two"


def test_runs_are_reported(project: Path, reader: Reader) -> None:
    (project.parent / "ready").touch()
    (project / "events.jsonl").write_text(reader.works("jetpack apply --json", project))
    (run,) = (project.parent / ".local" / "state" / "jetpack" / "runs").iterdir()
    (shown_here,) = (one for one in shown() if one.page == "docs/how-to/report-a-run.md")
    reader.works(shown_here.text.replace("5f3a", run.name[:6]), project)
    assert "<html" in (project / "jetpack-report.html").read_text()
    assert "<html" in (project / "day.html").read_text()


def test_the_doctor_looks_at_this_machine(project: Path, reader: Reader) -> None:
    said = reader.type_in(commands("docs/how-to/find-out-what-is-wrong.md", "jetpack doctor"), project).stdout
    assert said.startswith("This machine\n  fine  Jetpack ")


def test_a_fleet_is_written_from_a_pattern(project: Path, reader: Reader) -> None:
    page = "docs/how-to/provision-hosts.md"
    (playbook,) = (one.text for one in blocks(PAGES[page]) if one.language == "yaml" and "!instantiate" in one.text)
    (project / "fleet.yml").write_text(playbook)
    (told,) = (one for one in shown() if one.page == page and one.first.startswith("jetpack local -p fleet.yml"))
    reader.works(told.first, project)
    assert (project / "fleet" / "groups" / "web").exists()
    assert len(list((project / "fleet" / "host_vars").iterdir())) == 10


def test_playbooks_in_the_style_of_jetporch_run_from_the_top(tmp_path: Path, reader: Reader) -> None:
    shutil.copytree(TOP / "examples", tmp_path / "examples")
    reader.works(commands("examples/jetporch/README.md", "jetpack local -p examples/jetporch/items.yml"), tmp_path)


@pytest.mark.parametrize(
    ("plugin", "file", "made"),
    [
        ("move", "release.yml", ("jetpack-move-example/app.conf", "port: 8080\n")),
        ("unpack", "unpack.yml", ("jetpack-unpack-example/conf/app.conf", "port: 80\n")),
    ],
)
def test_examples_of_plugins_do_what_they_say(
    tmp_path: Path, reader: Reader, plugin: str, file: str, made: tuple[str, str]
) -> None:
    page = f"plugins/{plugin}/README.md"
    (playbook,) = (one.text for one in blocks(PAGES[page]) if one.language == "yaml")
    (tmp_path / file).write_text(here(playbook, tmp_path))
    (told,) = (one for one in shown() if one.page == page and "jetpack local" in one.text)
    said = reader.works(here(told.text, tmp_path), tmp_path)
    assert said.count("The host matches, nothing was changed.") == 1
    assert (tmp_path / "scratch" / made[0]).read_text() == made[1]


def test_a_template_in_handlebars_renders_as_its_page_says(tmp_path: Path, reader: Reader) -> None:
    page = "plugins/handlebars/README.md"
    text = here(PAGES[page].read_text(), tmp_path)
    (tmp_path / "templates").mkdir()
    (template,) = (one for one in plain_blocks(text) if "{{#each" in one)
    (tmp_path / "templates" / "motd.hb").write_text(template)
    (playbook,) = (one.text for one in blocks_of(text) if one.language == "yaml")
    (tmp_path / "motd.yml").write_text(playbook)
    said = reader.works(commands(page, "jetpack local -p motd.yml"), tmp_path)
    assert said.count("The host matches, nothing was changed.") == 1
    made = (tmp_path / "scratch" / "jetpack-handlebars-example").read_text()
    assert made == "Welcome to WEB1.\n0. nginx on port 80\n1. cron\n"


def here(text: str, folder: Path) -> str:
    """Return a text with a folder of the test's own in place of the one for temporary files."""
    (folder / "scratch").mkdir(exist_ok=True)
    return text.replace("/tmp/", f"{folder}/scratch/")
