# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said when a secret cannot be read: what is wrong, in which file and line, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.secrets.conftest import Project, age_key


@pytest.fixture
def vars_file(project: Project) -> Path:
    project.write("vars.yml", "# of the shop\nport: 80\n")
    project.secrets("set", "vars.yml", "db.password", stdin="hunter2\n")
    project.secrets("set", "vars.yml", "token", stdin="abcdefgh\n")
    return project.folder / "vars.yml"


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines(keepends=True)


def test_a_wrong_key_is_told_with_the_line_and_what_was_tried(
    project: Project, vars_file: Path, tmp_path: Path
) -> None:
    other = age_key(tmp_path / "other.txt")
    project.key.file.unlink()
    done = project.try_secrets("view", "vars.yml", "--identity", other.file)
    assert done.returncode == 1
    assert "vars.yml:4:13: no key at hand can decrypt it (tried: " in done.stderr
    assert "other.txt" in done.stderr
    assert "  password: !age |\n                ^" in done.stderr
    assert "vars.yml:" in done.stderr.split("tried", 1)[1]
    assert "hint: name another identity with --identity" in done.stderr


def test_no_key_at_all_says_how_to_get_one(project: Project, vars_file: Path) -> None:
    project.key.file.unlink()
    done = project.try_secrets("view", "vars.yml")
    assert "vars.yml:4:13: there is no identity to decrypt it with" in done.stderr
    assert "jetpack secrets keygen" in done.stderr


def test_an_identity_that_is_not_there_is_named(project: Project, vars_file: Path) -> None:
    done = project.try_secrets("view", "vars.yml", "--identity", "nowhere.txt")
    assert done.returncode == 1
    assert "nowhere.txt" in done.stderr


def test_a_damaged_armor_is_told(project: Project, vars_file: Path) -> None:
    lines = lines_of(vars_file)
    lines[6] = lines[6].replace(lines[6].strip()[10:14], "!*!*")
    vars_file.write_text("".join(lines))
    done = project.try_secrets("view", "vars.yml")
    assert done.returncode == 1
    assert "vars.yml:4:13: its armor is damaged" in done.stderr


def test_an_altered_ciphertext_is_told(project: Project, vars_file: Path) -> None:
    lines = lines_of(vars_file)
    at = next(number for number, line in enumerate(lines) if "-----END" in line) - 1
    first = lines[at].strip()[0]
    lines[at] = lines[at].replace(first, "A" if first != "A" else "B", 1)
    vars_file.write_text("".join(lines))
    done = project.try_secrets("view", "vars.yml")
    assert done.returncode == 1
    assert "vars.yml:4:13: it was altered or cut off after it was encrypted" in done.stderr


def test_a_cut_off_value_and_file_are_told(project: Project, vars_file: Path) -> None:
    lines = lines_of(vars_file)
    end = next(number for number, line in enumerate(lines) if "-----END" in line)
    vars_file.write_text("".join(lines[: end - 1]))
    assert "vars.yml:4:13: its armor is cut off" in project.try_secrets("view", "vars.yml").stderr

    project.write("cert.pem", "x" * 200)
    project.secrets("encrypt", "cert.pem", "--binary")
    file = project.folder / "cert.pem.age"
    file.write_bytes(file.read_bytes()[:-20])
    assert "cert.pem.age:1:1: it was altered or cut off" in project.try_secrets("view", "cert.pem.age").stderr


def test_swapped_values_are_told_with_their_places_and_can_be_accepted(project: Project, vars_file: Path) -> None:
    project.secrets("set", "vars.yml", "other", stdin="swapped in\n")
    text = vars_file.read_text()
    before, token, rest = text.partition("token: ")
    value, other, last = rest.partition("other: ")
    vars_file.write_text(before + token + last + other + value)

    done = project.try_secrets("view", "vars.yml")
    assert done.returncode == 1
    assert "this value was encrypted for another place: vars.yml: other" in done.stderr
    assert "this value was encrypted for another place: vars.yml: token" in done.stderr
    assert "2 problems" in done.stderr
    assert "abcdefgh" not in done.stderr + done.stdout
    assert project.try_secrets("rekey").returncode == 1

    project.secrets("rekey", "--accept-moved", "vars.yml")
    assert "token: swapped in\nother: abcdefgh\n" in project.secrets("view", "vars.yml").stdout


def test_a_file_copied_to_another_place_is_told(project: Project, vars_file: Path) -> None:
    (project.folder / "prod.yml").write_text(vars_file.read_text())
    done = project.try_secrets("view", "prod.yml")
    assert "prod.yml:4:13: this value was encrypted for another place: vars.yml: db.password" in done.stderr


def test_a_raw_value_is_refused_where_places_are_required(project: Project) -> None:
    armor = project.secrets("encrypt", "--value", stdin="raw\n").stdout
    project.write("vars.yml", f"a: {armor}")
    assert project.secrets("view", "vars.yml", "a").stdout == "raw"

    (project.folder / ".jetpack-secrets.yml").open("a").write("require_binding: true\n")
    done = project.try_secrets("view", "vars.yml", "a")
    assert "vars.yml:1:4: a raw age value, and .jetpack-secrets.yml says `require_binding: true`" in done.stderr
    project.secrets("rekey")
    assert project.secrets("view", "vars.yml", "a").stdout == "raw"


@pytest.mark.parametrize("named", [True, False], ids=["named", "usual"])
def test_a_key_that_others_can_read_is_refused(project: Project, vars_file: Path, named: bool) -> None:
    project.key.file.chmod(0o644)
    flags = ("--identity", str(project.key.file)) if named else ()
    done = project.try_secrets("view", "vars.yml", *flags)
    assert done.returncode == 1
    assert "identity.txt has mode 0644, so that others may read it" in done.stderr
    assert "chmod 600" in done.stderr


def test_nobody_to_encrypt_for_is_told_with_the_path_to_write(project: Project) -> None:
    project.rules("recipients: {}\nrules: []\n")
    done = project.try_secrets("set", "group_vars/web.yml", "a", stdin="x")
    assert done.returncode == 1
    assert "no rule of .jetpack-secrets.yml is about group_vars/web.yml" in done.stderr
    (project.folder / ".jetpack-secrets.yml").unlink()
    done = project.try_secrets("set", "vars.yml", "a", stdin="x")
    assert "nothing says for whom the secrets of vars.yml are" in done.stderr
    assert not (project.folder / "vars.yml").exists()


def test_broken_yaml_is_told_with_its_place(project: Project) -> None:
    project.write("vars.yml", "a: [1\n")
    done = project.try_secrets("set", "vars.yml", "b", stdin="x")
    assert done.returncode == 1
    assert "vars.yml:" in done.stderr
    assert project.read("vars.yml") == "a: [1\n"


def test_what_is_no_text_is_not_set(project: Project) -> None:
    (project.folder / "key.bin").write_bytes(b"\xff\xfe\x00")
    done = project.try_secrets("set", "vars.yml", "b", "--from", "key.bin")
    assert done.returncode == 1
    assert "key.bin holds no text" in done.stderr
