# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine at work in `!template`, with secrets and environment variables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest


def jetpack(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real command line, with a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET", "XDG_"))}
    return subprocess.run(
        [sys.executable, "-m", "jetpack_core.cli", *arguments],
        cwd=folder,
        env={**kept, "HOME": str(folder), "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "site.yml").write_text(
        dedent(f"""\
        - name: motd
          groups: [all]
          vars:
            pages: [{{name: a}}, {{name: b}}]
          tasks:
            - !template
              src: motd.hb
              dest: {tmp_path}/motd
        """)
    )
    return tmp_path


def test_a_template_is_written_once(project: Path) -> None:
    (project / "templates/motd.hb").write_text("{{#each pages}}\n{{@index}} {{name}} {{../ENV_COLOUR}}\n{{/each}}\n")
    first = jetpack(project, "local", "-p", "site.yml", COLOUR="red")
    assert first.returncode == 0, first.stdout + first.stderr
    assert (project / "motd").read_text() == "0 a red\n1 b red\n"
    again = jetpack(project, "check-local", "-p", "site.yml", COLOUR="red", JETPACK_X="1")
    assert "nothing would change" in again.stdout


def test_a_fault_fails_the_task_with_file_line_and_column(project: Path) -> None:
    (project / "templates/motd.hb").write_text("one\n{{#each pages}}{{nme}}{{/each}}\n")
    done = jetpack(project, "local", "-p", "site.yml")
    assert done.returncode == 2
    assert "motd.hb:2:18: 'nme' is not defined" in done.stdout + done.stderr
    assert not (project / "motd").exists()


@pytest.mark.parametrize(
    "text", ["{{later.out}}", "{{later}}", "{{#if later.rc}}a{{/if}}", "{{eq later.rc 0}}", "{{#each later}}{{/each}}"]
)
def test_what_plan_mode_cannot_know_is_told_as_such(project: Path, text: str) -> None:
    (project / "templates/motd.hb").write_text(text)
    play = (project / "site.yml").read_text()
    command = "tasks:\n    - !command\n      name: ask\n      cmd: [echo, x]\n      save: later\n"
    (project / "site.yml").write_text(play.replace("tasks:\n", command))
    planned = jetpack(project, "check-local", "-p", "site.yml")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "only the task 'ask' can tell" in planned.stdout


def test_a_secret_is_put_into_the_file_and_shown_nowhere(project: Path) -> None:
    made = jetpack(project, "secrets", "keygen")
    assert made.returncode == 0, made.stderr
    recipient = next(word for word in (made.stdout + made.stderr).split() if word.startswith("age1"))
    (project / ".jetpack-secrets.yml").write_text(
        f"recipients:\n  me: {recipient}\nrules:\n  - paths: ['**']\n    recipients: [me]\n"
    )
    (project / "inventory/group_vars").mkdir(parents=True)
    (project / "inventory/groups").mkdir()
    (project / "inventory/groups/local").write_text("hosts: [localhost]\n")
    (project / "inventory/group_vars/all.yml").write_text("db:\n  password: correct-horse-battery\n")
    sealed = jetpack(project, "secrets", "encrypt", "inventory/group_vars/all.yml", "--key", "db.password")
    assert sealed.returncode == 0, sealed.stderr
    (project / "templates/motd.hb").write_text("{{#with db}}password={{password}}{{/with}}\n")
    done = jetpack(project, "apply", "-i", "inventory", "-p", "site.yml", "-vvv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "motd").read_text() == "password=correct-horse-battery\n"
    assert (project / "motd").stat().st_mode & 0o777 == 0o600
    assert "correct-horse" not in done.stdout + done.stderr
