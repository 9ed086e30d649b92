"""The modifier `{{ cookiecutter.__name }}`: the rules of all modifiers, and what this one is for."""

from __future__ import annotations

from pathlib import Path

from jetpack_core.records import Status
from jetpack_core.testing.documents import code_blocks
from jetpack_core.testing.modifiers import ModifierCase, ModifierConformance
from jetpack_core.testing.playbooks import PlaybookRunner

from {{ cookiecutter.__package }}.modifier import {{ cookiecutter.__class }}

README = Path(__file__).parents[1] / "README.md"


class TestConformance(ModifierConformance):
    modifier = {{ cookiecutter.__class }}
    name = "{{ cookiecutter.__name }}"
    cases = (
        ModifierCase("missing", lambda box: box.template("backup"), skips=True),
        ModifierCase("there", lambda box: box.template("backup"), lambda box: box.write("backup")),
    )
    refused = (7, None)


def test_the_example_is_skipped_until_the_path_is_there(run_playbook: PlaybookRunner, tmp_path: Path) -> None:
    (playbook,) = code_blocks(README, "yaml")
    playbook = playbook.replace("/tmp", str(tmp_path))
    assert run_playbook(playbook).statuses() == [Status.SKIPPED]
    (tmp_path / "backup").touch()
    assert run_playbook(playbook).statuses() == [Status.PASSIVE]


def test_a_relative_path_fails_the_task(run_playbook: PlaybookRunner) -> None:
    (playbook,) = code_blocks(README, "yaml")
    ran = run_playbook(playbook.replace("/tmp/backup", "backup"))
    assert ran.statuses() == [Status.FAILED]
    assert "absolute path" in ran.messages[0]
