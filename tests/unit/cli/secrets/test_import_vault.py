# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real ansible-vault has encrypted is converted; README.md beside the files says how they were made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.cli.secrets.conftest import Project

MADE = Path(__file__).parent / "ansible_vault"
WHOLE = "# of the shop\ndb:\n  password: hunter2   # changed last year\n  port: 5432\nname: shop\n"
KEY = "-----BEGIN PRIVATE KEY-----\nnot really\n-----END PRIVATE KEY-----\n"
INLINE = """\
# inline values
user: me
password: hunter2
deep:
  - token: |
      two
      lines ü
after: 1  # kept
"""


@pytest.fixture
def passwords(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "p1").write_text("first-password\n")
    (tmp_path / "p2").write_text("second-password\n")
    return "--vault-password-file", f"{tmp_path}/p1", "--vault-password-file", f"prod@{tmp_path}/p2"


@pytest.fixture
def vault(project: Project) -> Path:
    for name in ("whole.yml", "tls.key", "inline.yml"):
        (project.folder / "vars").mkdir(exist_ok=True)
        shutil.copy(MADE / name, project.folder / "vars" / name)
    return project.folder / "vars"


def test_files_and_values_of_both_formats_are_converted(
    project: Project, vault: Path, passwords: tuple[str, ...]
) -> None:
    done = project.secrets("import-vault", "vars", *passwords)
    assert "converted 4 secrets" in done.stderr
    assert sorted(one.name for one in vault.iterdir()) == ["inline.yml", "tls.key.age", "whole.yml.age"]
    assert project.secrets("view", "vars/whole.yml.age").stdout == WHOLE
    assert project.secrets("view", "vars/tls.key.age").stdout == KEY
    assert project.secrets("view", "vars/inline.yml").stdout == INLINE
    assert "ANSIBLE" not in project.read("vars/inline.yml")


def test_variables_can_become_readable_with_each_value_encrypted(
    project: Project, vault: Path, passwords: tuple[str, ...]
) -> None:
    done = project.secrets("import-vault", "vars/whole.yml", "--values", *passwords)
    assert done.stdout == "wrote vars/whole.yml\n"
    text = project.read("vars/whole.yml")
    assert text.startswith("# of the shop\ndb:\n  password: !age |   # changed last year\n    -----BEGIN AGE")
    assert "hunter2" not in text
    assert project.secrets("view", "vars/whole.yml").stdout == WHOLE.replace("5432", '"5432"')


def test_a_wrong_password_names_the_value_and_changes_nothing(project: Project, vault: Path, tmp_path: Path) -> None:
    before = {file.name: file.read_bytes() for file in vault.iterdir()}
    (tmp_path / "p1").write_text("first-password")
    done = project.try_secrets("import-vault", "vars", "--vault-password-file", tmp_path / "p1")
    assert done.returncode == 1
    assert "vars/inline.yml:11:12: the vault password is wrong" in done.stderr
    assert "(its vault id is prod)" in done.stderr
    assert "vars/tls.key:1:1: the vault password is wrong" in done.stderr
    assert "whole.yml" not in done.stderr
    assert {file.name: file.read_bytes() for file in vault.iterdir()} == before


def test_a_damaged_file_is_told(project: Project, vault: Path, passwords: tuple[str, ...]) -> None:
    text = (vault / "whole.yml").read_text()
    (vault / "whole.yml").write_text(text.replace("3139", "xyz!", 1))
    done = project.try_secrets("import-vault", "vars/whole.yml", *passwords)
    assert "vars/whole.yml:1:1: it is damaged: this is no text of ansible-vault" in done.stderr


def test_an_altered_file_is_told(project: Project, vault: Path, passwords: tuple[str, ...]) -> None:
    text = (vault / "whole.yml").read_text()
    (vault / "whole.yml").write_text(text[:-3] + ("4\n" if text[-2] != "4" else "5\n"))
    done = project.try_secrets("import-vault", "vars/whole.yml", *passwords)
    assert done.returncode == 1
    assert (vault / "whole.yml").exists()


def test_nothing_to_convert_is_told(project: Project, passwords: tuple[str, ...]) -> None:
    project.write("plain.yml", "a: 1\n")
    done = project.try_secrets("import-vault", "plain.yml", *passwords)
    assert (done.returncode, "nothing here is encrypted with ansible-vault" in done.stderr) == (1, True)
