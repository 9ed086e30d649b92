# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets scan`, `doctor` and `recipients`."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from jetpack_core.content.files import SIZE_LIMIT
from jetpack_core.secret_files.private import PREFIX
from tests.unit.cli.secrets.conftest import Project, age_key

PASSWORD = "tr0ub4dor & 3"


@pytest.fixture
def secret(project: Project) -> Project:
    project.secrets("set", "vars.yml", "db.password", stdin=PASSWORD)
    return project


def test_a_project_without_copies_is_fine(secret: Project) -> None:
    done = secret.secrets("scan")
    assert (done.stdout, done.stderr) == ("", "2 files: 0 problems\n")


@pytest.mark.parametrize(
    "copy",
    [
        PASSWORD,
        base64.b64encode(PASSWORD.encode()).decode(),
        base64.b64encode(f"user:{PASSWORD}".encode()).decode(),
        PASSWORD.encode().hex(),
        "tr0ub4dor%20%26%203",
    ],
    ids=["plain", "base64", "inside base64", "hex", "url"],
)
def test_a_copy_is_found_with_its_place_and_never_shown(secret: Project, copy: str) -> None:
    secret.write("notes/readme.md", f"hello\n  url: {copy}\n")
    done = secret.try_secrets("scan")
    assert done.returncode == 1
    assert "notes/readme.md:2:" in done.stdout
    assert "the secret vars.yml: db.password stands here in clear" in done.stdout
    assert copy not in done.stdout + done.stderr


def test_what_is_too_large_is_named(secret: Project) -> None:
    with (secret.folder / "dump.sql").open("wb") as file:
        file.truncate(SIZE_LIMIT + 1)
    done = secret.secrets("scan")
    assert (done.returncode, done.stdout) == (0, "")
    assert "warning: not looked into, as too large or not readable: " in done.stderr
    assert "dump.sql" in done.stderr


def test_only_the_named_files_are_looked_at(secret: Project) -> None:
    secret.write("bad.txt", PASSWORD)
    secret.write("good.txt", "nothing")
    assert secret.secrets("scan", "good.txt").stderr == "1 file: 0 problems\n"
    assert secret.try_secrets("scan", "good.txt", "bad.txt").returncode == 1


def test_lines_and_values_of_whole_files_are_known(project: Project) -> None:
    project.write("key.pem", "-----BEGIN KEY-----\nMIIBsecretsecret\n-----END KEY-----\n")
    project.secrets("encrypt", "key.pem")
    project.write("all.yml", "user: nobody-at-all\nn: 12345678\n")
    project.secrets("encrypt", "all.yml")
    project.write("a.txt", "x MIIBsecretsecret y")
    project.write("b.txt", "12345678 nobody-at-all")
    done = project.try_secrets("scan")
    assert "a.txt:1:3: the secret key.pem.age stands here" in done.stdout
    assert "b.txt:1:10: the secret all.yml.age: user stands here" in done.stdout


def test_a_private_key_is_found_whether_it_is_known_or_not(secret: Project, tmp_path: Path) -> None:
    key = age_key(tmp_path / "other.txt").file.read_text()
    secret.write("copied.txt", f"# key\n{key}")
    secret.write("docs.md", "it begins with AGE-SECRET-KEY-1 and goes on")
    done = secret.try_secrets("scan")
    assert done.stdout.startswith("copied.txt:2:1: a private age key stands here")
    assert "docs.md" not in done.stdout


def test_rules_say_what_must_be_encrypted(project: Project) -> None:
    project.rules(
        f"recipients: {{me: {project.key.recipient}}}\n"
        "rules:\n"
        "- paths: 'group_vars/**'\n  recipients: me\n  keys: ['*password*', 'api.*']\n"
        "- {paths: 'tls/*.key', recipients: me, whole: true}\n"
    )
    project.write("group_vars/all/x.yml", "a: 1\ndb: {Password: x, user: y}\napi:\n  token: z\n  none:\n")
    project.write("tls/site.key", "clear")
    project.write("tls/site.crt", "clear")
    project.write("left.age", "clear")
    done = project.try_secrets("scan")
    assert done.returncode == 1
    where = [line.split(": ")[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert sorted(where) == [
        "group_vars/all/x.yml:2:16",
        "group_vars/all/x.yml:4:10",
        "left.age:1:1",
        "tls/site.key:1:1",
    ]
    assert "db.Password must be encrypted (.jetpack-secrets.yml:3:3 says so), and is not" in done.stdout

    project.secrets("encrypt", "group_vars/all/x.yml")
    project.secrets("encrypt", "tls/site.key")
    (project.folder / "left.age").unlink()
    assert project.secrets("scan").stdout == ""


def test_without_a_key_the_rules_are_still_checked(secret: Project) -> None:
    secret.key.file.unlink()
    secret.write("left.age", "clear")
    done = secret.try_secrets("scan")
    assert done.returncode == 1
    assert "warning: copies of 1 secret are not looked for: vars.yml:2:13: there is no identity" in done.stderr
    assert "left.age:1:1: must be encrypted" in done.stdout


def test_before_a_commit_what_is_staged_counts(secret: Project) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=secret.folder, check=True, capture_output=True)

    git("init", "-q")
    file = secret.write("sub/notes.txt", PASSWORD)
    git("add", "sub/notes.txt")
    file.write_text("clean again")
    secret.write("untracked.txt", PASSWORD)
    done = secret.try_secrets("scan", "--staged")
    assert done.returncode == 1
    assert done.stdout.startswith("sub/notes.txt:1:1: the secret vars.yml: db.password")
    assert "untracked" not in done.stdout
    git("add", "sub/notes.txt")
    assert secret.secrets("scan", "--staged").stdout == ""


def test_files_that_git_ignores_are_not_looked_at(secret: Project) -> None:
    subprocess.run(["git", "init", "-q"], cwd=secret.folder, check=True)
    secret.write(".gitignore", "build/\n")
    secret.write("build/x", PASSWORD)
    assert secret.secrets("scan").stdout == ""
    secret.write("new", PASSWORD)
    assert secret.try_secrets("scan").returncode == 1


def test_the_doctor_finds_nothing_in_a_good_project(secret: Project) -> None:
    done = secret.try_secrets("doctor")
    assert "fine: your keys open the secrets of 1 file" in done.stdout
    # What a killed edit of somebody else on this machine has left is none of the project's.
    assert not [line for line in done.stdout.splitlines() if line.startswith("problem:") and PREFIX not in line]


def test_the_doctor_names_each_trouble(secret: Project, tmp_path: Path) -> None:
    other = age_key(tmp_path / "other.txt")
    secret.rules_for(other.recipient)
    secret.write("rest.age", "clear")
    secret.secrets("set", "vars.yml", "more", stdin="not for me")
    # No program has so high a number, so it looks as if it had been killed.
    left = tmp_path / "runtime" / f"{PREFIX}{2**22 + 1}-{os.getpid()}"
    left.mkdir(mode=0o700, parents=True)
    left.parent.chmod(0o700)
    done = secret.try_secrets("doctor", XDG_RUNTIME_DIR=str(left.parent))
    assert done.returncode == 1
    assert "none of your age keys is among the recipients" in done.stdout
    assert "rest.age:1:1: must be encrypted as a whole" in done.stdout
    assert "vars.yml:" in done.stdout
    assert f"{left} may hold secrets in clear" in done.stdout


def test_the_doctor_says_how_to_begin(project: Project) -> None:
    project.key.file.unlink()
    (project.folder / ".jetpack-secrets.yml").unlink()
    done = project.try_secrets("doctor")
    assert done.returncode == 1
    assert "there is no private key" in done.stdout
    assert "there is no .jetpack-secrets.yml" in done.stdout


def test_recipients_are_listed_with_what_they_may_read(project: Project, tmp_path: Path) -> None:
    other = age_key(tmp_path / "other.txt")
    project.rules(
        f"recipients:\n  ada: {project.key.recipient}\n  bob: {other.recipient}\n"
        "groups: {all: [ada, bob]}\n"
        "rules:\n- {paths: 'prod/**', recipients: ada, keys: ['*']}\n- {paths: '*', recipients: all}\n"
    )
    assert project.secrets("recipients").stdout.splitlines() == [
        f"ada: {project.key.recipient}",
        f"bob: {other.recipient}",
        "all: ada, bob",
        "prod/** -> ada; keys *",
        "* -> ada, bob",
    ]
    project.write("x", "y")
    project.secrets("encrypt", "x")
    assert project.secrets("recipients", "prod/a.yml", "x.age").stdout.splitlines() == [
        "prod/a.yml: ada",
        "x.age: ada, bob (encrypted for 2 keys: X25519, X25519)",
    ]


def test_a_value_in_clear_behind_the_tag_is_found_never_shown_and_encrypted(project: Project) -> None:
    project.write("data", "a\0b")
    file = project.write("vars.yml", "login:\n  pin: !age hunter2-in-clear\n")
    done = project.try_secrets("scan")
    assert done.returncode == 1
    assert "vars.yml:2:8: login.pin must be encrypted (!age stands before it), and is not" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    assert "encrypted 1 value" in project.secrets("encrypt", "vars.yml", "--key", "login").stderr
    assert "hunter2" not in file.read_text()
    assert project.secrets("view", "vars.yml", "login.pin").stdout.strip() == "hunter2-in-clear"
    assert project.secrets("scan").returncode == 0
