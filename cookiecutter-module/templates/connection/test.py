"""The connection `{{ cookiecutter.__name }}`: the rules of all connections, and what this one is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jetpack_core.contracts.connection import Endpoint
from jetpack_core.errors import HostUnreachableError, UsageError
from jetpack_core.records import Status
from jetpack_core.testing.connections import ConnectionConformance, Driver
from jetpack_core.testing.documents import code_blocks
from jetpack_core.testing.playbooks import PlaybookRunner

from {{ cookiecutter.__package }}.connection import VARIABLE, {{ cookiecutter.__class }}

README = Path(__file__).parents[1] / "README.md"


def connection(enter: object) -> {{ cookiecutter.__class }}:
    return {{ cookiecutter.__class }}(Endpoint("box", variables={VARIABLE: enter}))


def connected() -> Driver:
    # `env` stands for a program such as `docker exec`; what is behind it is this machine.
    return Driver(connection(["env", "BOX=1"])).connect()


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    driver = connected()
    yield driver
    driver.close()


@pytest.fixture
def new_driver() -> Callable[[], Driver]:
    return connected


class TestConformance(ConnectionConformance):
    large = 8 << 20


def test_commands_run_behind_the_program(driver: Driver) -> None:
    assert driver.sh('printf %s "$BOX"').stdout == "1"


def test_a_program_that_is_not_there_is_said() -> None:
    with pytest.raises(HostUnreachableError, match="no-such-program"):
        Driver(connection(["no-such-program"])).connect()


def test_a_variable_of_the_wrong_type_is_said() -> None:
    with pytest.raises(UsageError, match=VARIABLE):
        connection("docker exec").command("true")


def test_the_example_works(run_playbook: PlaybookRunner) -> None:
    (playbook,) = code_blocks(README, "yaml")
    variables = {"jet_connection": "{{ cookiecutter.__name }}", VARIABLE: ["env", "BOX=1"]}
    ran = run_playbook(playbook, hosts={"box": variables}, connect=None)
    assert ran.statuses("box") == [Status.EXECUTED]
