# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets rekey`: everything is for whom the rules name, or nothing has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jetpack_core.secret_files import atomic
from jetpack_core.secret_files.document import Document
from jetpack_core.secrets import age, binding
from tests.unit.cli.secrets.conftest import Key, Project, age_key, ssh_key


@pytest.fixture
def other(tmp_path: Path) -> Key:
    return age_key(tmp_path / "other.txt")


@pytest.fixture
def secrets(project: Project) -> Path:
    project.secrets("set", "group_vars/all.yml", "a", stdin="one")
    project.secrets("set", "group_vars/all.yml", "b.c", stdin="two")
    project.secrets("set", "host_vars/web", "d", stdin="three")
    project.write("files/cert.pem", "four")
    project.secrets("encrypt", "files/cert.pem", "--binary")
    project.write("tasks.yml", "- !shell echo hello\n")
    return project.folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def readable(project: Project, key: Key) -> list[bool]:
    # A home without a key in it, so that no other one is tried.
    return [
        project.try_secrets("view", *words, "--identity", key.file, HOME=str(project.folder)).returncode == 0
        for words in (
            ["group_vars/all.yml", "a"],
            ["group_vars/all.yml", "b.c"],
            ["host_vars/web", "d"],
            ["files/cert.pem.age"],
        )
    ]


def test_a_second_recipient_can_read_everything_and_the_first_still_does(
    project: Project, secrets: Path, other: Key
) -> None:
    assert readable(project, other) == [False] * 4
    project.rules_for(project.key.recipient, other.recipient)
    checked = project.try_secrets("rekey", "--check")
    assert (checked.returncode, checked.stdout.count("is not encrypted for")) == (1, 4)
    done = project.secrets("rekey")
    assert done.stdout == "rekeyed files/cert.pem.age\nrekeyed group_vars/all.yml\nrekeyed host_vars/web\n"
    assert "4 secrets encrypted anew" in done.stderr
    assert readable(project, other) == [True] * 4
    assert project.secrets("view", "group_vars/all.yml").stdout == "a: one\nb:\n  c: two\n"
    assert not (secrets / "files/cert.pem.age").read_bytes().startswith(b"-----")


def test_a_recipient_that_was_replaced_is_refused_afterwards(project: Project, secrets: Path, other: Key) -> None:
    project.rules_for(other.recipient)
    checked = project.try_secrets("rekey", "--check")
    # A whole file does not say for whom it is, and the number of recipients is the same.
    assert (checked.returncode, checked.stdout.count("is not encrypted for")) == (1, 3)
    assert "files/cert.pem.age:1:1: cannot be told" in checked.stderr
    project.secrets("rekey")
    assert readable(project, other) == [True] * 4
    assert readable(project, project.key) == [False] * 4


def test_what_is_right_already_is_left_alone(project: Project, secrets: Path) -> None:
    before = contents(secrets / "group_vars") | contents(secrets / "host_vars")
    done = project.secrets("rekey", "group_vars", "host_vars")
    assert "0 secrets encrypted anew, 3 left alone" in done.stderr
    assert contents(secrets / "group_vars") | contents(secrets / "host_vars") == before
    project.secrets("rekey", "--force", "group_vars")
    assert contents(secrets / "group_vars") != {name: before[name] for name in contents(secrets / "group_vars")}


def test_only_the_value_that_is_wrong_is_encrypted_anew(project: Project, secrets: Path, other: Key) -> None:
    project.rules_for(project.key.recipient, other.recipient)
    project.secrets("rekey")
    before = project.read("group_vars/all.yml")
    project.secrets("set", "group_vars/all.yml", "a", "--recipient", "r0", stdin="one")
    assert "1 secret encrypted anew, 2 left alone" in project.secrets("rekey", "group_vars", "host_vars").stderr
    after = project.read("group_vars/all.yml")
    assert after != before
    assert after[after.index("\nb:") :] == before[before.index("\nb:") :]


def test_a_value_with_one_reader_too_many_is_not_taken_at_its_word(project: Project, secrets: Path, other: Key) -> None:
    audience = binding.audience_of(
        age.decrypt(
            Document((secrets / "host_vars/web").read_bytes(), "web").values["d",].text.encode(),
            [age.x25519_identity(project.key.file.read_text().strip(), "mine")],
        )
    )
    plaintext = binding.seal("three", binding.place_of(secrets / "host_vars/web", ["d"]), audience=audience)
    both = [age.parse_recipient(one.recipient, None) for one in (project.key, other)]
    armor = age.encrypt(plaintext, both, armored=True).decode()
    project.write(
        "host_vars/web", Document((secrets / "host_vars/web").read_bytes(), "web").with_sealed({("d",): armor})
    )
    assert project.secrets("view", "host_vars/web", "d", "--identity", other.file).stdout == "three"
    assert project.try_secrets("rekey", "--check", "host_vars").returncode == 1
    assert "1 secret encrypted anew" in project.secrets("rekey", "host_vars").stderr


def test_ssh_recipients_are_known_by_the_header_without_any_key(project: Project, tmp_path: Path) -> None:
    keys = [ssh_key(tmp_path / "one", "ed25519"), ssh_key(tmp_path / "two", "rsa")]
    project.rules_for(*(key.recipient for key in keys))
    project.write("cert", "x")
    project.secrets("encrypt", "cert")
    project.key.file.unlink()
    assert project.secrets("rekey", "--check").stderr == "1 file: 0 to rekey, 0 cannot be told\n"
    assert project.secrets("rekey").stderr == "0 secrets encrypted anew, 1 left alone\n"
    project.rules_for(keys[0].recipient)
    assert project.try_secrets("rekey", "--check").returncode == 1


def test_one_secret_that_cannot_be_read_leaves_every_file_as_it_was(
    project: Project, secrets: Path, other: Key
) -> None:
    project.secrets("set", "z_last.yml", "e", "--recipient", other.recipient, stdin="five")
    project.rules_for(project.key.recipient, other.recipient)
    before = contents(secrets)
    done = project.try_secrets("rekey")
    assert done.returncode == 1
    assert "z_last.yml:1:4: no key at hand can decrypt it" in done.stderr
    assert contents(secrets) == before


@pytest.mark.parametrize(
    ("failure", "code", "told"),
    [(OSError(28, os.strerror(28)), 1, "cannot write"), (KeyboardInterrupt(), 130, "interrupted")],
    ids=["full", "Ctrl-C"],
)
def test_a_file_that_cannot_be_written_leaves_every_file_as_it_was(
    project: Project,
    secrets: Path,
    other: Key,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
    code: int,
    told: str,
) -> None:
    project.rules_for(project.key.recipient, other.recipient)
    before = contents(secrets)
    renamed: list[Path] = []
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if Path(target).name == "web":
            raise failure
        renamed.append(Path(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    done = project.try_secrets("rekey")
    assert (done.returncode, told in done.stderr) == (code, True)
    assert len(renamed) == 4, "two files were renamed, and put back"
    assert contents(secrets) == before


def test_a_full_disk_is_noticed_before_anything_is_renamed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(Exception, match="cannot write"):
        atomic.write_all({tmp_path / "a": b"new", tmp_path / "missing/b": b"new"})
    assert contents(tmp_path) == {str(tmp_path / "a"): b"old"}


def test_a_name_or_key_on_the_command_line_beats_the_rules(project: Project, secrets: Path, other: Key) -> None:
    project.secrets("rekey", "--recipient", other.recipient, "--recipient", "r0")
    assert readable(project, other) == [True] * 4
    stanzas = age.recipients_of((secrets / "files/cert.pem.age").read_bytes())
    assert [one.kind for one in stanzas] == ["X25519", "X25519"]
    done = project.try_secrets("rekey", "--recipient", "nobody")
    assert (done.returncode, "'nobody' is no recipient" in done.stderr) == (1, True)


def test_a_file_without_secrets_is_refused_by_name(project: Project, secrets: Path) -> None:
    done = project.try_secrets("rekey", "tasks.yml")
    assert (done.returncode, "tasks.yml holds no secrets" in done.stderr) == (1, True)
