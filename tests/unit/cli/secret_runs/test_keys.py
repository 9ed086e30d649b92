# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs with secrets for which the key is missing, or that are damaged: what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetpack_core.secrets import age
from tests.unit.cli.conftest import Run
from tests.unit.cli.secret_runs.conftest import Project, copy, everything


def test_planning_without_a_key_knows_what_it_does_not_know(project: Project, keyless: Run, tmp_path: Path) -> None:
    project.playbook(copy(tmp_path, "{{ password }}"), copy(tmp_path, "no secret", "plain"))
    ran = keyless("check-local")
    assert ran.returncode == 0
    assert "unknown  localhost: the secret of inventory/host_vars/localhost:1: there is no identity" in ran.stdout
    assert "would create" in ran.stdout
    assert ran.stderr.count("warning:") == 1
    assert ran.stderr.startswith("warning: inventory/host_vars/localhost:1: there is no identity to decrypt it with;")


def test_planning_without_the_key_of_a_file_takes_no_variable_for_undefined(
    project: Project, keyless: Run, tmp_path: Path
) -> None:
    project.encrypted("inventory/group_vars/all.age", "token: x\n")
    project.playbook(copy(tmp_path, "{{ token }}"))
    ran = keyless("check-local")
    assert ran.returncode == 0
    assert "it may be in a file of variables: " in ran.stdout
    assert "inventory/group_vars/all.age:1: there is no identity" in ran.stderr


def test_applying_without_a_key_fails_with_the_place(project: Project, keyless: Run, tmp_path: Path) -> None:
    project.playbook(copy(tmp_path, "no secret", "plain"), copy(tmp_path, "{{ password }}"))
    ran = keyless("local")
    assert ran.returncode == 2
    assert "inventory/host_vars/localhost:1: there is no identity to decrypt it with" in ran.stdout
    assert "hint: name one with --identity FILE or JETPACK_AGE_IDENTITY_FILE" in ran.stdout
    assert (tmp_path / "plain").exists()
    assert not (tmp_path / "out").exists()


def test_applying_with_another_key_names_it_and_the_place(project: Project, invoke: Run, tmp_path: Path) -> None:
    private, _ = age.generate_key()
    project.write("other.txt", private).chmod(0o600)
    project.playbook(copy(tmp_path, "{{ password }}"))
    ran = invoke("local", "-p", "site.yml", "-i", "inventory", "--identity", "other.txt")
    assert ran.returncode == 2
    message = "inventory/host_vars/localhost:1: no key at hand can decrypt it (tried: other.txt)"
    assert message in ran.stdout


def test_a_key_that_others_may_read_stops_the_task(project: Project, invoke: Run, tmp_path: Path) -> None:
    project.key.chmod(0o644)
    project.playbook(copy(tmp_path, "{{ password }}"))
    ran = invoke("local", "-p", "site.yml", "-i", "inventory", "--identity", "key.txt")
    assert ran.returncode == 2
    assert "inventory/host_vars/localhost:1: the identity file key.txt has mode 0644" in ran.stdout
    assert "chmod 600 key.txt" in ran.stdout


def test_a_moved_value_is_refused_even_when_planning(project: Project, local: Run, tmp_path: Path) -> None:
    moved = project.value("inventory/host_vars/localhost", "password")
    project.write("inventory/host_vars/localhost", "token: " + moved)
    project.playbook(copy(tmp_path, "{{ token }}"))
    ran = local("check-local")
    assert ran.returncode == 2
    file = "inventory/host_vars/localhost"
    assert f"{file}:1: this value was encrypted for another place: {file}: password" in ran.stdout
    assert f"jetpack secrets rekey --accept-moved {file}" in ran.stdout


def test_swapped_values_are_both_refused(project: Project, local: Run, tmp_path: Path) -> None:
    file = "inventory/host_vars/localhost"
    one, two = project.value(file, "one"), project.value(file, "two")
    project.write(file, f"one: {two}two: {one}")
    for name in ("one", "two"):
        project.playbook(copy(tmp_path, "{{ " + name + " }}"))
        assert "encrypted for another place" in local("local").stdout


@pytest.mark.parametrize("strict", [True, False])
def test_a_raw_value_of_age_is_taken_unless_the_rules_forbid_it(
    project: Project, local: Run, tmp_path: Path, strict: bool
) -> None:
    armor = age.encrypt(b"raw-secret", [project.recipient], armored=True).decode()
    block = "".join(f"    {line}\n" for line in armor.splitlines())
    project.write("inventory/host_vars/localhost", f"token: !age |\n{block}")
    project.write(".jetpack-secrets.yml", f"require_binding: {str(strict).lower()}\n")
    project.playbook(copy(tmp_path, "{{ token }}"))
    ran = local("local")
    assert (ran.returncode == 0) == (not strict)
    assert ("a raw age value, and .jetpack-secrets.yml says `require_binding: true`" in ran.stdout) == strict


def test_a_damaged_armor_is_told_with_its_place(project: Project, local: Run, tmp_path: Path) -> None:
    file = project.folder / "inventory/host_vars/localhost"
    lines = file.read_text().splitlines(keepends=True)
    lines[4] = lines[4].replace(lines[4].strip()[:1], "!", 1)
    file.write_text("".join(lines))
    project.playbook(copy(tmp_path, "{{ password }}"))
    assert "inventory/host_vars/localhost:1: its armor is damaged" in local("local").stdout
    file.write_text("".join(lines[:-1]))
    assert "inventory/host_vars/localhost:1: its armor is cut off: the END line is missing" in local("local").stdout


def test_what_is_no_armor_is_told_before_anything_runs(project: Project, local: Run, tmp_path: Path) -> None:
    project.write("inventory/host_vars/localhost", "password: !age hunter2\n")
    project.playbook(copy(tmp_path, "x"))
    ran = local("local")
    assert ran.returncode == 1
    assert "inventory/host_vars/localhost:1:11: `!age` stands before an armored age file" in ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr


def test_a_truncated_file_is_told_by_its_name(project: Project, local: Run, tmp_path: Path) -> None:
    project.encrypted("inventory/host_vars/localhost.age", "token: x\n")
    whole = (project.folder / "inventory/host_vars/localhost.age").read_bytes()
    (project.folder / "inventory/host_vars/localhost.age").write_bytes(whole[:-40])
    project.playbook(copy(tmp_path, "{{ token }}"))
    ran = local("local")
    assert ran.returncode == 2
    assert "inventory/host_vars/localhost.age:1: " in ran.stdout
    assert "cut off" in ran.stdout


def test_wrong_yaml_in_an_encrypted_file_is_told_without_its_lines(
    project: Project, local: Run, tmp_path: Path
) -> None:
    project.encrypted("vars.age", "token: [hunter2-is-in-here\n")
    project.playbook(copy(tmp_path, "{{ token }}"), extra="  vars_files: [vars.age]\n")
    ran = local("local")
    assert ran.returncode != 0
    assert "vars.age:" in ran.stdout + ran.stderr
    assert "hunter2" not in everything(ran, tmp_path)
