"""The module `{{ cookiecutter.__name }}`: the rules of all modules, and what this one is for."""

from __future__ import annotations

from pathlib import Path

import pytest
from jetpack_core.errors import TaskError
from jetpack_core.records import PlanKind, Status
from jetpack_core.testing.documents import code_blocks
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.playbooks import PlaybookRunner
from jetpack_core.testing.sandbox import Sandbox

from {{ cookiecutter.__package }}.module import {{ cookiecutter.__class }}

README = Path(__file__).parents[1] / "README.md"


def parameters(box: Sandbox) -> dict[str, object]:
    return {"path": box.path("greeting"), "text": "hello"}


class TestConformance(ModuleConformance):
    module = {{ cookiecutter.__class }}
    without_python = True
    cases = (
        Case("no file", parameters, expected=PlanKind.CREATE, disturb=lambda box: box.write("greeting", "mine")),
        Case(
            "other text",
            parameters,
            lambda box: box.write("greeting", "bye\n", mode=0o600),
            PlanKind.MODIFY,
            disturb=lambda box: box.write("greeting", "mine"),
        ),
        Case("same text", parameters, lambda box: box.write("greeting", "hello\n"), PlanKind.NONE),
    )


def test_the_file_holds_the_text(jetpack_host: TestHost, jetpack_sandbox: Sandbox) -> None:
    jetpack_host.converge({{ cookiecutter.__class }}(path=jetpack_sandbox.path("greeting"), text="hello"))
    assert jetpack_sandbox.read("greeting") == b"hello\n"


def test_a_directory_in_the_way_is_an_error(jetpack_host: TestHost, jetpack_sandbox: Sandbox) -> None:
    path = jetpack_sandbox.make_directory("greeting")
    with pytest.raises(TaskError, match="no regular file"):
        jetpack_host.plan({{ cookiecutter.__class }}(path=path, text="hello"))


def test_the_example_works_and_finds_nothing_to_do_the_second_time(
    run_playbook: PlaybookRunner, tmp_path: Path
) -> None:
    (playbook,) = code_blocks(README, "yaml")
    playbook = playbook.replace("/tmp", str(tmp_path))
    assert run_playbook(playbook, plan=True).statuses() == [Status.CREATED]
    assert run_playbook(playbook).statuses() == [Status.CREATED]
    assert run_playbook(playbook).statuses() == [Status.MATCHED]
