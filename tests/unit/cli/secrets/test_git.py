# SPDX-License-Identifier: GPL-3.0-or-later
"""git shows what changed and nothing else, and merges what two people changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jetpack_core.secret_files.document import Document
from tests.unit.cli.secrets.conftest import Project, age_key

START = "# shop\ndb:\n  password: hunter2\n  token: abcdef\n  user: me\n"


class Repository:
    """The project in git, with a `jetpack` on the PATH."""

    def __init__(self, project: Project, tools: Path) -> None:
        self.project = project
        tools.mkdir()
        jetpack = tools / "jetpack"
        jetpack.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m jetpack_core.cli "$@"\n')
        jetpack.chmod(0o755)
        root = str(Path(__file__).parents[4])
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "JETPACK_"))}
        self.environment = kept | {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(project.key.file.parents[2]),
            "PYTHONPATH": root,
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def try_git(self, *words: str) -> subprocess.CompletedProcess[str]:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *words],
            cwd=self.project.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def git(self, *words: str) -> str:
        done = self.try_git(*words)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "x")

    def set_up(self) -> None:
        done = subprocess.run(
            ["jetpack", "secrets", "git-setup", "--write"],
            cwd=self.project.folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.fixture
def repository(project: Project, tmp_path: Path) -> Repository:
    project.write("vars.yml", START)
    project.secrets("encrypt", "vars.yml", "--key", "db.password", "--key", "db.token")
    made = Repository(project, tmp_path / "tools")
    made.git("init", "-q", "-b", "main")
    made.commit()
    return made


def changed(diff: str) -> list[str]:
    return [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in {"+++", "---"}]


def test_without_the_textconv_a_diff_has_the_changed_value_only(repository: Repository) -> None:
    repository.project.secrets("set", "vars.yml", "db.token", stdin="new")
    lines = changed(repository.git("diff", "-U0"))
    text = repository.project.read("vars.yml")
    token = text[text.index("  token:") : text.index("  user:")]
    assert {line[1:] for line in lines if line[0] == "+"} <= set(token.splitlines())
    assert len(lines) > 4


def test_with_the_textconv_a_diff_shows_the_value_in_clear(repository: Repository) -> None:
    repository.set_up()
    repository.commit()
    repository.project.secrets("set", "vars.yml", "db.token", stdin="new")
    assert changed(repository.git("diff")) == ["-  token: !age abcdef", "+  token: !age new"]
    repository.project.secrets("rekey", "--force")
    repository.project.secrets("set", "vars.yml", "db.token", stdin="abcdef")
    assert changed(repository.git("diff")) == []


def test_without_a_key_git_shows_what_there_is(repository: Repository) -> None:
    repository.set_up()
    repository.project.secrets("set", "vars.yml", "db.token", stdin="new")
    repository.project.key.file.unlink()
    lines = changed(repository.git("diff", "vars.yml"))
    assert lines
    assert not any("new" in line for line in lines)


def test_setting_up_twice_adds_nothing(repository: Repository) -> None:
    repository.project.write(".gitattributes", "*.png binary")
    repository.set_up()
    once = repository.project.read(".gitattributes")
    repository.set_up()
    assert repository.project.read(".gitattributes") == once
    assert once.splitlines() == [
        "*.png binary",
        "*.age diff=jetpack-secrets merge=jetpack-secrets",
        "** diff=jetpack-secrets merge=jetpack-secrets",
    ]


def test_setting_up_only_prints_when_not_told_to_write(repository: Repository) -> None:
    shown = repository.project.secrets("git-setup").stdout
    assert 'git config diff.jetpack-secrets.textconv "jetpack secrets diff --textconv"' in shown
    assert not (repository.project.folder / ".gitattributes").exists()


def test_the_diff_names_what_differs_and_shows_it_when_asked(repository: Repository) -> None:
    project = repository.project
    project.secrets("rekey", "--force")
    assert project.secrets("diff", "vars.yml").stdout == ""
    project.secrets("set", "vars.yml", "db.token", stdin="new")
    project.secrets("set", "vars.yml", "more", stdin="x")
    project.secrets("decrypt", "vars.yml", "--key", "db.password")
    assert project.secrets("diff", "vars.yml").stdout == "- db.password\n~ db.token\n+ more\n"
    shown = project.secrets("diff", "vars.yml", "--show").stdout
    assert changed(shown)[1:] == [
        "-  token: !age abcdef",
        "+  password: hunter2",
        "+  token: !age new",
        "+more: !age x",
    ]
    assert project.try_secrets("diff", "vars.yml", "--rev", "nothing").returncode == 1


def branch_and_merge(repository: Repository, ours: str, theirs: str, **flags: str) -> subprocess.CompletedProcess[str]:
    """Set one value on each of two branches, and merge them."""
    key_ours, _, ours = ours.partition("=")
    key_theirs, _, theirs = theirs.partition("=")
    repository.git("checkout", "-q", "-b", "side")
    repository.project.secrets("set", "vars.yml", key_theirs, stdin=theirs)
    repository.commit()
    repository.git("checkout", "-q", "main")
    if key_ours == "rekey":
        repository.project.rules_for(repository.project.key.recipient, ours)
        repository.project.secrets("rekey")
    else:
        repository.project.secrets("set", "vars.yml", key_ours, stdin=ours)
    repository.commit()
    return repository.try_git("merge", "-q", "-m", "merged", "side")


def test_changes_of_neighbours_merge(repository: Repository) -> None:
    repository.set_up()
    repository.commit()
    done = branch_and_merge(repository, "db.password=ours", "db.token=theirs")
    assert done.returncode == 0, done.stderr + done.stdout
    expected = START.replace("hunter2", "ours").replace("abcdef", "theirs")
    assert repository.project.secrets("view", "vars.yml").stdout == expected


def test_the_same_change_on_both_sides_merges(repository: Repository) -> None:
    repository.set_up()
    repository.commit()
    done = branch_and_merge(repository, "db.token=same", "db.token=same")
    assert done.returncode == 0, done.stderr + done.stdout
    assert repository.project.secrets("view", "vars.yml", "db.token").stdout == "same"


def test_a_rekey_merges_with_a_change(repository: Repository, tmp_path: Path) -> None:
    repository.set_up()
    repository.commit()
    other = age_key(tmp_path / "other.txt")
    done = branch_and_merge(repository, f"rekey={other.recipient}", "db.token=theirs")
    assert done.returncode == 0, done.stderr + done.stdout
    assert repository.project.secrets("view", "vars.yml").stdout == START.replace("abcdef", "theirs")
    check = repository.project.try_secrets("rekey", "--check")
    assert (check.returncode, check.stdout.count("is not encrypted for the recipients")) == (1, 1)


def test_a_value_taken_away_merges_with_a_rekey(repository: Repository) -> None:
    repository.set_up()
    repository.commit()
    repository.git("checkout", "-q", "-b", "side")
    document = Document(repository.project.read("vars.yml").encode(), "vars.yml")
    token = document.values["db", "token"]
    repository.project.write("vars.yml", document.text[: token.start - 9] + document.text[token.end + 1 :])
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.project.secrets("rekey", "--force")
    repository.commit()
    repository.git("merge", "-q", "-m", "merged", "side")
    assert repository.project.secrets("view", "vars.yml").stdout == START.replace("  token: abcdef\n", "")


def test_a_conflict_is_marked_around_ciphertexts(repository: Repository) -> None:
    repository.set_up()
    repository.commit()
    done = branch_and_merge(repository, "db.token=ours!", "db.token=theirs!")
    assert done.returncode == 1
    text = repository.project.read("vars.yml")
    assert text.count("<<<<<<<") == text.count(">>>>>>>") == 1
    assert text.count("-----BEGIN AGE") == 3
    assert "ours!" not in text
    assert "theirs!" not in text


def test_without_a_key_lines_are_merged_and_nothing_is_lost(repository: Repository) -> None:
    repository.set_up()
    repository.commit()
    key = repository.project.key.file.read_text()
    repository.project.key.file.unlink()
    done = branch_and_merge(repository, "db.password=ours", "db.token=theirs")
    repository.project.key.file.touch(mode=0o600)
    repository.project.key.file.write_text(key)
    assert done.returncode == 0, done.stderr + done.stdout
    assert repository.project.secrets("view", "vars.yml", "db.token").stdout == "theirs"
    assert repository.project.secrets("view", "vars.yml", "db.password").stdout == "ours"


@pytest.mark.parametrize("conflict", [False, True])
def test_whole_files_merge_by_their_lines(project: Project, tmp_path: Path, conflict: bool) -> None:
    lines = [f"line {number}\n" for number in range(9)]
    versions = {"base": lines, "ours": ["changed\n", *lines[1:]], "theirs": [*lines[:-1], "also\n"]}
    if conflict:
        versions["theirs"] = ["otherwise\n", *lines[1:]]
    for name, text in versions.items():
        project.write(f"{name}.txt", "".join(text))
        project.secrets("encrypt", f"{name}.txt")
    before = project.read("ours.txt.age")
    files = [f"{name}.txt.age" for name in ("base", "ours", "theirs")]
    done = project.try_secrets("merge", *files, "--path", "all.age")
    assert done.returncode == conflict
    if conflict:
        assert project.read("ours.txt.age") == before
        assert "all.age conflicts" in done.stderr
    else:
        assert project.secrets("view", "ours.txt.age").stdout == "changed\n" + "".join(lines[1:-1]) + "also\n"


def test_comments_and_values_of_one_line_merge(project: Project) -> None:
    project.write("base.yml", "a: x # old\nb: y\n")
    project.secrets("encrypt", "base.yml", "--key", "*")
    shutil.copy(project.folder / "base.yml", project.folder / "ours.yml")
    shutil.copy(project.folder / "base.yml", project.folder / "theirs.yml")
    project.write("ours.yml", project.read("ours.yml").replace("# old", "# new"))
    project.secrets("set", "theirs.yml", "a", stdin="z")
    project.secrets("merge", "base.yml", "ours.yml", "theirs.yml")
    project.secrets("rekey", "--accept-moved", "ours.yml")
    assert project.secrets("view", "ours.yml").stdout == "a: z # new\nb: y\n"
