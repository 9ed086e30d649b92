"""The view `{{ cookiecutter.__name }}`: what it makes of the events of real runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from jetpack_core.testing.command_line import CommandLine
from jetpack_core.testing.documents import code_blocks
from jetpack_core.testing.playbooks import PlaybookRunner

from {{ cookiecutter.__package }}.view import VARIABLE, {{ cookiecutter.__class }}

README = Path(__file__).parents[1] / "README.md"


def test_every_run_is_a_line(run_playbook: PlaybookRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "runs"))
    (playbook,) = code_blocks(README, "yaml")
    run_playbook(playbook, views=[{{ cookiecutter.__class }}()])
    run_playbook(playbook, plan=True, views=[{{ cookiecutter.__class }}()])
    lines = (tmp_path / "runs").read_text().splitlines()
    assert lines == ["apply: 1 changed, exit code 0", "apply: 0 changed, exit code 0"]


def test_it_takes_part_in_runs_of_the_command_line(run_jetpack: CommandLine) -> None:
    (playbook,) = code_blocks(README, "yaml")
    (run_jetpack.folder / "site.yml").write_text(playbook)
    done = run_jetpack("local", "-p", "site.yml", env={VARIABLE: "runs"})
    assert done.exit_code == 0, done.stderr
    assert (run_jetpack.folder / "runs").read_text() == "local: 1 changed, exit code 0\n"


def test_it_writes_nothing_unless_asked(run_playbook: PlaybookRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    (playbook,) = code_blocks(README, "yaml")
    assert run_playbook(playbook, views=[{{ cookiecutter.__class }}()]).exit_code == 0
