# SPDX-License-Identifier: GPL-3.0-or-later
"""A new project: its secret, its checks, and what it leaves alone."""

from __future__ import annotations

import shlex
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from jetpack_core import __version__
from tests.unit.cli.conftest import Run

KEY = ".config/jetpack/identity.txt"


def made(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_user_without_a_key_gets_one_that_opens_the_secret(invoke: Run, tmp_path: Path) -> None:
    done = invoke("init", "fleet")
    assert done.returncode == 0, done.stderr
    key = tmp_path / "home" / KEY
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert f"made the private key {key}" in done.stderr
    assert "Keep a copy" in done.stderr

    private = key.read_text().splitlines()[-1]
    assert private.startswith("AGE-SECRET-KEY-1")
    assert not [name for name, text in made(tmp_path / "fleet").items() if private in text]
    shown = invoke("secrets", "view", "secrets.yml", "api_token", cwd=tmp_path / "fleet")
    assert (shown.returncode, shown.stdout[:10]) == (0, "an example")


def test_a_user_with_a_key_keeps_it(invoke: Run, tmp_path: Path) -> None:
    recipient = invoke("secrets", "keygen").stdout.strip()
    before = (tmp_path / "home" / KEY).read_text()
    done = invoke("init", "fleet")
    assert done.returncode == 0
    assert "private key" not in done.stderr
    assert (tmp_path / "home" / KEY).read_text() == before
    assert recipient in (tmp_path / "fleet" / ".jetpack-secrets.yml").read_text()


def test_a_key_of_the_environment_counts(invoke: Run, tmp_path: Path) -> None:
    invoke("secrets", "keygen", "-o", "elsewhere.txt")
    done = invoke("init", "fleet", JETPACK_AGE_IDENTITY_FILE=str(tmp_path / "elsewhere.txt"))
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "home" / KEY).exists()
    checked = invoke("check-local", cwd=tmp_path / "fleet", JETPACK_AGE_IDENTITY_FILE=str(tmp_path / "elsewhere.txt"))
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("broken", ["nonsense", ""])
def test_a_key_that_cannot_be_used_is_told_and_left_alone(broken: str, invoke: Run, tmp_path: Path) -> None:
    key = tmp_path / "home" / KEY
    key.parent.mkdir(parents=True)
    key.write_text(broken)
    key.chmod(0o600)
    done = invoke("init", "fleet")
    assert done.returncode == 0
    assert "warning: there is no secret in the project" in done.stderr
    assert key.read_text() == broken
    assert not (tmp_path / "fleet" / "secrets.yml").exists()
    checked = invoke("check", "--strict", cwd=tmp_path / "fleet")
    assert (checked.returncode, checked.stdout) == (0, "1 play, 4 tasks, 1 host: no problems\n")


def test_no_secrets_makes_neither_a_key_nor_a_secret(invoke: Run, tmp_path: Path) -> None:
    done = invoke("init", "--no-secrets", "fleet")
    assert done.returncode == 0
    assert not (tmp_path / "home" / KEY).exists()
    assert not {"secrets.yml", ".jetpack-secrets.yml"} & set(made(tmp_path / "fleet"))
    assert invoke("check", "--strict", cwd=tmp_path / "fleet").returncode == 0


@pytest.mark.parametrize("user", ["Ada Lovelace: {", "null", "", "a\nb"])
def test_the_rules_are_read_whatever_the_user_is_called(user: str, invoke: Run, tmp_path: Path) -> None:
    assert invoke("init", "fleet", USER=user).returncode == 0
    told = invoke("secrets", "recipients", cwd=tmp_path / "fleet")
    assert (told.returncode, told.stderr) == (0, "")


def test_nothing_is_made_where_something_is_in_the_way(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "secrets.yml").symlink_to("nowhere")
    done = invoke("init", "fleet")
    assert done.returncode == 1
    assert "fleet/secrets.yml is there already" in done.stderr
    assert [path.name for path in (tmp_path / "fleet").iterdir()] == ["secrets.yml"]
    assert not (tmp_path / "home" / KEY).exists()


def test_a_fresh_repository_keeps_what_it_has(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    done = invoke("init")
    assert done.returncode == 0, done.stderr
    assert "left .gitignore as it was\n" in done.stdout
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    assert (tmp_path / "site.yml").exists()


def test_what_ci_runs_is_valid_and_works_without_a_key(invoke: Run, tmp_path: Path) -> None:
    invoke("init", "fleet")
    folder = tmp_path / "fleet"
    subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
    workflow = yaml.safe_load((folder / ".github/workflows/check.yml").read_text())
    commands = [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step]
    assert commands[0] == f'pip install "jetpack-core=={__version__}"'
    hooks = yaml.safe_load((folder / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    commands += [hook["entry"] for hook in hooks]
    assert len(commands[1:]) == 4
    (tmp_path / "home" / KEY).unlink()
    for command in commands[1:]:
        program, *words = shlex.split(command)
        assert program == "jetpack"
        done = invoke(*words, cwd=folder)
        assert done.returncode == 0, done.stderr


def test_ci_finds_a_secret_that_was_left_in_clear(invoke: Run, tmp_path: Path) -> None:
    invoke("init", "fleet")
    folder = tmp_path / "fleet"
    with (folder / "secrets.yml").open("a") as file:
        file.write("db_password: in clear\n")
    done = invoke("secrets", "scan", cwd=folder)
    assert done.returncode == 1
    assert "secrets.yml" in done.stdout + done.stderr


def test_the_private_key_is_ignored_by_git(invoke: Run, tmp_path: Path) -> None:
    invoke("init", "fleet")
    folder = tmp_path / "fleet"
    subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
    ignored = subprocess.run(
        ["git", "check-ignore", "identity.txt", "plan.json", ".jetpack/tasks.schema.json", "secrets.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ignored.stdout.split() == ["identity.txt", "plan.json", ".jetpack/tasks.schema.json"]
