# SPDX-License-Identifier: GPL-3.0-or-later
"""The hooks for pre-commit keep a commit back that would not run, with pre-commit itself; nothing is fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
NEEDED = (".pre-commit-hooks.yaml", "LICENSE", "README.md", "pyproject.toml", "cookiecutter-module", "jetpack_core")
PROJECT = {
    ".jetpack.yml": "playbook: site.yml\ninventory: inventory\n",
    "inventory/groups/web": "hosts: [h1]\n",
    "inventory/group_vars/web": "port: 80\n",
    "site.yml": '- name: p\n  groups: [web]\n  tasks:\n    - !echo\n      msg: "{{ port }}"\n',
}
CONFIG = "repos:\n  - repo: {repository}\n    rev: {revision}\n    hooks:\n      - id: {hook}\n"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a program with a home of its own; pip builds and installs with what is here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "JET", "PIP_", "PYTHON"))}
    kept |= {
        "HOME": str(tmp_path / "home"),
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
        # The libraries of this environment, but not Jetpack itself: that is installed by a .pth file.
        "PYTHONPATH": sysconfig.get_paths()["purelib"],
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "NO_COLOR": "1",
        **{f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        "GIT_CONFIG_NOSYSTEM": "1",
    }

    def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=cwd, env=kept, capture_output=True, text=True, check=False, timeout=600)

    return run


def repository(folder: Path, run: Run) -> str:
    """Make a repository of all files of a folder, and return its revision."""
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "--no-verify", "-m", "all")):
        done = run("git", *words, cwd=folder)
        assert done.returncode == 0, done.stderr
    return run("git", "rev-parse", "HEAD", cwd=folder).stdout.strip()


@pytest.mark.parametrize("hook", ["jetpack-check", "jetpack-check-system"])
def test_a_commit_that_would_not_run_is_kept_back(hook: str, tmp_path: Path, run: Run) -> None:
    source = tmp_path / "jetpack"
    source.mkdir()
    for name in NEEDED:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / name)
    revision = repository(source, run)

    project = tmp_path / "project"
    for name, text in PROJECT.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    config = CONFIG.format(repository=source, revision=revision, hook=hook)
    (project / ".pre-commit-config.yaml").write_text(config)
    repository(project, run)
    installed = run("pre-commit", "install", cwd=project)
    assert installed.returncode == 0, installed.stdout + installed.stderr

    (project / "site.yml").write_text(PROJECT["site.yml"].replace("port }}", "prot }}"))
    wrong = run("git", "commit", "-q", "-am", "wrong", cwd=project)
    said = wrong.stdout + wrong.stderr
    assert wrong.returncode == 1, said
    assert "site.yml:5:16: nothing defines the variable 'prot'" in said
    assert "did you mean 'port'?" in said

    (project / "site.yml").write_text(PROJECT["site.yml"].replace("echo", "debug").replace("msg: ", "vars: [port] #"))
    right = run("git", "commit", "-q", "-am", "right", cwd=project)
    assert right.returncode == 0, right.stdout + right.stderr

    (project / "notes.txt").write_text("nothing for Jetpack\n")
    run("git", "add", "notes.txt", cwd=project)
    other = run("git", "commit", "-m", "notes", cwd=project)
    assert "no files to check" in other.stdout + other.stderr
