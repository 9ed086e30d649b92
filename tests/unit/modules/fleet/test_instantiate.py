# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet is written into an inventory, again without a change, and never over what was written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from jetpack_core.engine.host_view import EngineHost
from jetpack_core.errors import StaleError, TaskError
from jetpack_core.modules.fleet.instantiate import Instantiate
from jetpack_core.records import PlanKind
from jetpack_core.testing.command_line import CommandLine
from jetpack_core.testing.host import TestHost


@pytest.fixture
def host() -> Iterator[TestHost]:
    with TestHost() as host:
        yield host


def fleet(dest: Path, pattern: str = "web-{01..04}", **more: object) -> Instantiate:
    return made({"pattern": pattern, "dest": str(dest), "groups": ["web"], **more})


def made(given: Mapping[str, object]) -> Instantiate:
    return Instantiate.model_validate(given)


def read(path: Path) -> object:
    return yaml.safe_load(path.read_text())


def test_every_host_gets_its_own(host: TestHost, tmp_path: Path) -> None:
    variables = {"provision": {"type": "x", "ip": "10.0.0.{8..11}/24"}, "about": "{host} is {number} on {node}"}
    module = fleet(tmp_path / "fleet", nodes=["pve1", "pve2", "pve3"], vars=variables)
    plan, outcome = host.converge(module)
    assert plan.kind is PlanKind.CREATE
    assert outcome.result["hosts"] == ["web-01", "web-02", "web-03", "web-04"]
    assert read(tmp_path / "fleet/groups/web") == {"hosts": ["web-01", "web-02", "web-03", "web-04"]}
    assert read(tmp_path / "fleet/host_vars/web-04") == {
        "provision": {"type": "x", "ip": "10.0.0.11/24", "node": "pve1"},
        "about": "web-04 is 4 on pve1",
    }
    assert host.plan(module).kind is PlanKind.NONE


def test_plan_mode_shows_all_and_writes_nothing(host: TestHost, tmp_path: Path) -> None:
    plan = host.plan(fleet(tmp_path / "fleet", "db-{a,b}"), planning=True)
    assert [one.field for one in plan.changes] == ["groups/web", "host_vars/db-a", "host_vars/db-b"]
    assert all(one.before is None and one.after for one in plan.diffs)
    assert list(tmp_path.iterdir()) == []


def test_a_change_is_written_where_it_is_one(host: TestHost, tmp_path: Path) -> None:
    host.converge(fleet(tmp_path, "web-{1..3}", nodes=["a", "b"]))
    plan, _ = host.converge(fleet(tmp_path, "web-{1..3}", nodes=["a", "c"]))
    assert plan.kind is PlanKind.MODIFY
    assert [one.field for one in plan.changes] == ["host_vars/web-2"]
    assert read(tmp_path / "host_vars/web-2") == {"provision": {"node": "c"}}


def test_a_host_that_is_not_named_any_more_stays_until_it_is_pruned(host: TestHost, tmp_path: Path) -> None:
    host.converge(fleet(tmp_path, "web-{1..3}"))
    assert host.plan(fleet(tmp_path, "web-{1..2}")).kind is PlanKind.NONE
    assert "web-3: not in the pattern any more" in host.warnings[0]
    assert read(tmp_path / "groups/web") == {"hosts": ["web-1", "web-2", "web-3"]}
    host.converge(fleet(tmp_path, "web-{1..2}", prune=True))
    assert read(tmp_path / "groups/web") == {"hosts": ["web-1", "web-2"]}
    assert sorted(path.name for path in (tmp_path / "host_vars").iterdir()) == ["web-1", "web-2"]


def test_two_fleets_of_one_inventory_leave_each_other_alone(host: TestHost, tmp_path: Path) -> None:
    host.converge(fleet(tmp_path, "web-{1..2}"))
    other = fleet(tmp_path, "db-{1..2}", groups=["db"], prune=True)
    host.converge(other)
    assert host.plan(fleet(tmp_path, "web-{1..2}", prune=True)).kind is PlanKind.NONE
    with pytest.raises(TaskError, match=r"host_vars/web-1 was written for another fleet"):
        host.plan(fleet(tmp_path, "web-{1..2}", groups=["db"]))


@pytest.mark.parametrize("name", ["host_vars/web-1", "host_vars/web-1.yml", "groups/web"])
def test_what_was_written_by_hand_is_left_alone(host: TestHost, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("mine: true\n")
    for prune in (False, True):
        with pytest.raises(TaskError, match="written by hand"):
            host.plan(fleet(tmp_path, "web-{1..2}", prune=prune))
    assert path.read_text() == "mine: true\n"


def test_what_somebody_writes_meanwhile_is_not_lost(host: TestHost, tmp_path: Path) -> None:
    module = fleet(tmp_path, "web-{1..2}")
    plan = host.plan(module)
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars/web-2").write_text("mine: true\n")
    with pytest.raises(StaleError):
        host.apply(module, plan)
    assert (tmp_path / "host_vars/web-2").read_text() == "mine: true\n"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"vars": {"ip": "10.0.0.{1..3}"}}, "stands for 3 values, and there are 4 hosts"),
        ({"vars": {"provision": "docker"}, "nodes": ["a"]}, "must be a mapping"),
        ({"vars": {"ip": "{1..3..0}"}}, "steps of 0"),
    ],
)
def test_values_that_do_not_fit_are_told(
    host: TestHost, tmp_path: Path, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        host.plan(made({"pattern": "web-{01..04}", "dest": str(tmp_path), "groups": ["web"], **wrong}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"pattern": "web-{1..}"},
        {"pattern": "../{a,b}"},
        {"pattern": "-x{1..2}"},
        {"pattern": "{a,a}"},
        {"groups": []},
        {"groups": ["a/b"]},
        {"dest": "~/x"},
    ],
)
def test_wrong_parameters_are_found_early(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        made({"pattern": "web-{1..2}", "dest": str(tmp_path), "groups": ["web"], **wrong})


def test_the_inventory_that_is_written_is_one(run_jetpack: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "fleet.yml").write_text(
        "- name: fleet\n  groups: [all]\n  tasks:\n"
        "    - !instantiate {pattern: 'web-{01..03}', dest: fleet, groups: [web], nodes: [x, y]}\n"
    )
    shown = run_jetpack("local", "-p", "fleet.yml")
    assert shown.exit_code == 0, shown.stdout + shown.stderr
    again = run_jetpack("local", "-p", "fleet.yml")
    assert "matched" in again.stdout
    listed = run_jetpack("show-inventory", "-i", "fleet")
    assert "- web-03  (provisioned, not made yet)" in listed.stdout, listed.stdout + listed.stderr


def test_a_secret_is_not_written_in_clear(host: TestHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EngineHost, "secretive", property(lambda _self: True))
    with pytest.raises(TaskError, match="a secret went into `vars`"):
        host.plan(fleet(tmp_path / "fleet", vars={"password": "hunter2"}))
    assert not (tmp_path / "fleet").exists()
