# SPDX-License-Identifier: GPL-3.0-or-later
"""What Jetpack encrypts, `age` decrypts, and the other way round, for every type of recipient."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jetpack_core.secret_files.document import Document
from tests.unit.cli.secrets.conftest import JETPACK, Key, Project, Type, age_key, ssh_key

pytestmark = pytest.mark.slow

SECRET = "geheim: ünïcode\n second line\n"


@pytest.fixture(params=["x25519", "ed25519", "rsa"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> Key:
    file = tmp_path / "keys" / "key"
    file.parent.mkdir()
    return age_key(file) if request.param == "x25519" else ssh_key(file, request.param)


def age(*words: str | Path, stdin: bytes) -> bytes:
    return subprocess.run(["age", *map(str, words)], input=stdin, capture_output=True, check=True).stdout


def armor_in(project: Project, name: str, *keys: str | int) -> bytes:
    return Document(project.read(name).encode(), name).values[keys].text.encode()


def indented(armor: str) -> str:
    return "".join(f"  {line}\n" for line in armor.splitlines())


@pytest.mark.parametrize("form", [(), ("--binary",)], ids=["armored", "binary"])
def test_age_decrypts_a_file_of_ours(project: Project, key: Key, form: tuple[str, ...]) -> None:
    project.rules_for(key.recipient)
    project.write("secret.conf", SECRET)
    project.secrets("encrypt", "secret.conf", *form)
    assert not (project.folder / "secret.conf").exists()
    content = (project.folder / "secret.conf.age").read_bytes()
    assert content.startswith(b"age-encryption.org" if form else b"-----BEGIN AGE")
    assert age("-d", "-i", key.file, stdin=content) == SECRET.encode()


def test_age_decrypts_a_value_of_ours_behind_a_line_about_its_place(project: Project, key: Key) -> None:
    project.rules_for(key.recipient)
    project.secrets("set", "group_vars/web.yml", "db.password", stdin=SECRET)
    said, _, value = age(
        "-d", "-i", key.file, stdin=armor_in(project, "group_vars/web.yml", "db", "password")
    ).partition(b"\n")
    assert said.startswith(b'jetpack-secret/1 {"file": "group_vars/web.yml", "key": "db.password"')
    assert value == SECRET.encode()


@pytest.mark.parametrize("form", ["-a", None], ids=["armored", "binary"])
def test_we_decrypt_a_file_of_age(project: Project, key: Key, form: str | None) -> None:
    content = age(*([form] if form else []), "-r", key.recipient, stdin=SECRET.encode())
    (project.folder / "secret.conf.age").write_bytes(content)
    shown = project.secrets("view", "secret.conf.age", "--identity", key.file)
    assert shown.stdout == SECRET
    project.secrets("decrypt", "secret.conf.age", "--identity", key.file)
    assert project.read("secret.conf") == SECRET
    assert (project.folder / "secret.conf").stat().st_mode & 0o777 == 0o600
    assert not (project.folder / "secret.conf.age").exists()


def test_we_decrypt_a_value_of_age(project: Project, key: Key) -> None:
    armor = age("-a", "-r", key.recipient, stdin=SECRET.encode()).decode()
    project.write("vars.yml", f"password: !age |\n{indented(armor)}")
    assert project.secrets("view", "vars.yml", "password", "--identity", key.file).stdout == SECRET


def test_a_passphrase_goes_both_ways(project: Project, at_terminal: Type, tmp_path: Path) -> None:
    folder = project.folder
    project.write("ours", SECRET)
    words = [*JETPACK, "secrets", "encrypt", "ours", "--passphrase"]
    code, shown = at_terminal(words, ["correct horse", "correct horse"], cwd=folder)
    assert code == 0, shown
    code, shown = at_terminal(["age", "-d", "-o", "back", "ours.age"], ["correct horse"], cwd=folder)
    assert (code, project.read("back")) == (0, SECRET), shown

    project.write("plain", SECRET)
    words = ["age", "-p", "-o", "theirs.age", "plain"]
    code, shown = at_terminal(words, ["battery staple", "battery staple"], cwd=folder)
    assert code == 0, shown
    words = [*JETPACK, "secrets", "decrypt", "theirs.age", "-o", "again"]
    code, shown = at_terminal(words, ["battery staple"], cwd=folder)
    assert (code, project.read("again")) == (0, SECRET), shown
    assert "staple" not in shown

    code, shown = at_terminal([*words[:-1], "never"], ["no staple"], cwd=folder)
    assert code == 1
    assert "theirs.age:1:1: the passphrase is wrong" in shown
    assert not (folder / "never").exists()


def test_a_passphrase_that_would_take_ages_to_try_is_refused(project: Project, at_terminal: Type) -> None:
    from jetpack_core.secrets.age import encrypt_with_passphrase

    header = encrypt_with_passphrase(b"x", "pw", armored=False).split(b"\n")
    header[1] = header[1].rsplit(b" ", 1)[0] + b" 40"
    (project.folder / "x.age").write_bytes(b"\n".join(header))
    code, shown = at_terminal([*JETPACK, "secrets", "view", "x.age"], ["pw"], cwd=project.folder)
    assert code == 1
    assert "x.age:1:1: its passphrase asks for more work than this machine is fit for" in shown


def test_two_passphrases_that_differ_write_nothing(project: Project, at_terminal: Type) -> None:
    project.write("ours", SECRET)
    code, shown = at_terminal(
        [*JETPACK, "secrets", "encrypt", "ours", "--passphrase"], ["one", "two"], cwd=project.folder
    )
    assert code == 1
    assert "the two passphrases differ" in shown
    assert sorted(one.name for one in project.folder.iterdir()) == [".jetpack-secrets.yml", "ours"]


def test_a_value_is_typed_twice_at_a_terminal(project: Project, at_terminal: Type) -> None:
    words = [*JETPACK, "secrets", "set", "vars.yml", "token"]
    code, shown = at_terminal(words, ["s3cret", "s3cret"], cwd=project.folder)
    assert code == 0, shown
    assert "s3cret" not in shown
    assert project.secrets("view", "vars.yml", "token").stdout == "s3cret"
