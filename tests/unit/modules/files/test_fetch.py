# SPDX-License-Identifier: GPL-3.0-or-later
"""What `fetch` does on the control machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from jetpack_core.errors import StaleError, TaskError
from jetpack_core.modules.files.fetch import Fetch
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox


def test_a_file_is_fetched_once(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    module = Fetch(src=box.write("f", b"\0bytes\xff"), dest=str(tmp_path / "new" / "g"))
    plan, outcome = host.converge(module)
    assert plan.kind is PlanKind.CREATE
    assert (tmp_path / "new" / "g").read_bytes() == b"\0bytes\xff"
    assert outcome.result["dest"] == str(tmp_path / "new" / "g")
    host.frames.clear()
    assert host.plan(module).kind is PlanKind.NONE
    assert len(host.frames) == 1


def test_nobody_else_may_read_a_new_file_and_an_old_one_keeps_its_mode(
    host: TestHost, box: Sandbox, tmp_path: Path
) -> None:
    dest = tmp_path / "g"
    module = Fetch(src=box.write("f", "one"), dest=str(dest))
    host.converge(module)
    assert dest.stat().st_mode & 0o777 == 0o600
    dest.chmod(0o644)
    box.write("f", "two")
    plan, _ = host.converge(module)
    assert plan.kind is PlanKind.MODIFY
    assert (dest.read_text(), dest.stat().st_mode & 0o777) == ("two", 0o644)


def test_plan_mode_writes_nothing(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    host.plan(Fetch(src=box.write("f"), dest=f"{tmp_path}/deep/g"), planning=True)
    assert list(tmp_path.iterdir()) == []


def test_a_large_file_is_fetched_whole(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    module = Fetch(src=box.write("f", content), dest=str(tmp_path / "g"))
    host.converge(module)
    assert (tmp_path / "g").read_bytes() == content
    assert host.plan(module).kind is PlanKind.NONE


def test_a_directory_gets_the_host_and_the_path(box: Sandbox, tmp_path: Path) -> None:
    box.write("f", "x")
    box.make_directory("sub")
    with TestHost(name="web1") as host:
        host.converge(Fetch(src=f"{box.path()}/./sub/../f", dest=f"{tmp_path}/"))
    assert (tmp_path / "web1" / box.path("f").lstrip("/")).read_text() == "x"


@pytest.mark.parametrize("name", ["..", "a/b", "."])
def test_a_host_name_cannot_lead_out_of_the_directory(box: Sandbox, tmp_path: Path, name: str) -> None:
    with TestHost(name=name) as host, pytest.raises(TaskError, match="cannot be a directory"):
        host.plan(Fetch(src=box.write("f"), dest=f"{tmp_path}/"))


def test_a_path_cannot_lead_out_of_the_directory(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    climbing = "/.." * 30 + box.write("f", "x")
    host.converge(Fetch(src=climbing, dest=f"{tmp_path}/"))
    assert (tmp_path / "localhost" / box.path("f").lstrip("/")).read_text() == "x"


def test_hosts_do_not_overwrite_each_others_file(box: Sandbox, tmp_path: Path) -> None:
    src = box.write("f")
    with TestHost(name="web1", variables={"jet_play_hosts": ["web1", "web10"]}) as host:
        for dest in ("all", "web10", "web1x"):
            with pytest.raises(TaskError, match="same file") as caught:
                host.plan(Fetch(src=src, dest=str(tmp_path / dest)))
            assert "inventory_hostname" in caught.value.hint
        for dest in ("web1.log", "logs-web1", "web1/log"):
            assert host.plan(Fetch(src=src, dest=str(tmp_path / dest))).needed
        assert host.plan(Fetch(src=src, dest=str(tmp_path / "all"), flat=True)).needed
    with TestHost(name="web1", groups={"all": ["web1", "web2"]}) as host, pytest.raises(TaskError, match="same file"):
        host.plan(Fetch(src=src, dest=str(tmp_path / "all")))


def test_a_missing_file_and_a_directory_are_errors(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="does not exist"):
        host.plan(Fetch(src=box.path("no"), dest=str(tmp_path / "g")))
    with pytest.raises(TaskError, match="is a directory, not a file"):
        host.plan(Fetch(src=box.make_directory("d"), dest=str(tmp_path / "g")))
    with pytest.raises(TaskError, match="is a directory"):
        host.plan(Fetch(src=box.write("f"), dest=str(tmp_path)))


def test_a_file_above_the_destination_is_an_error(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TaskError, match="cannot be written"):
        host.converge(Fetch(src=box.write("f"), dest=str(tmp_path / "file" / "g")))
    assert (tmp_path / "file").read_text() == "mine"


def test_the_host_changes_meanwhile(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    module = Fetch(src=box.write("f", "one"), dest=str(tmp_path / "g"))
    plan = host.plan(module)
    box.write("f", "two")
    with pytest.raises(StaleError):
        host.apply(module, plan)
    assert list(tmp_path.iterdir()) == []


def test_the_control_machine_changes_meanwhile(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    module = Fetch(src=box.write("f", "one"), dest=str(tmp_path / "g"))
    plan = host.plan(module)
    (tmp_path / "g").write_text("mine")
    with pytest.raises(StaleError):
        host.apply(module, plan)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("g", "mine")]


@pytest.mark.parametrize("dest", ["", "~/x", "a\0b"])
def test_wrong_destinations_are_refused(dest: str) -> None:
    with pytest.raises(ValidationError):
        Fetch(src="/f", dest=dest)
