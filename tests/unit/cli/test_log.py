# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of every run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jetpack_core.cli.log import KEPT_RUNS, RunLog, runs_folder
from jetpack_core.events import RunFinished, RunStarted


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("JET_LOG", raising=False)
    return tmp_path / "state"


def log_a_run(run: str = "r1") -> None:
    log = RunLog()
    log.handle(RunStarted(run=run, command="apply"))
    log.handle(RunFinished(run=run))
    log.close()


def test_a_run_has_a_private_folder_with_its_events(state: Path) -> None:
    log_a_run()
    file = state / "jetpack" / "runs" / "r1" / "events.jsonl"
    assert [json.loads(line)["event"] for line in file.read_text().splitlines()] == ["run_started", "run_finished"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_relative_state_folder_is_ignored_as_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert runs_folder() == tmp_path / ".local" / "state" / "jetpack" / "runs"


def test_jet_log_takes_the_place_of_the_folder_and_is_added_to(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "jet.log"
    monkeypatch.setenv("JET_LOG", str(file))
    log_a_run("r1")
    log_a_run("r2")
    assert [json.loads(line)["run"] for line in file.read_text().splitlines()] == ["r1", "r1", "r2", "r2"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert not state.exists()


def test_a_log_that_cannot_be_written_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JET_LOG", "/proc/no/such/place")
    log_a_run()
    told = capsys.readouterr().err
    assert told == "warning: this run is not logged: /proc/no/such/place: No such file or directory\n"


def test_a_full_disk_is_one_warning(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("JET_LOG", "/dev/full")
    log_a_run()
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("warning: this run is not logged: ")


def test_only_the_newest_runs_are_kept(state: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    runs = state / "jetpack" / "runs"
    runs.mkdir(parents=True)
    (runs / "link").symlink_to(elsewhere)
    for number in range(KEPT_RUNS + 3):
        log_a_run(f"r{number:03}")
    kept = sorted(path.name for path in runs.iterdir() if not path.is_symlink())
    assert kept == [f"r{number:03}" for number in range(3, KEPT_RUNS + 3)]
    assert elsewhere.is_dir()
