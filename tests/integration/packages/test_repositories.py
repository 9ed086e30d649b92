# SPDX-License-Identifier: GPL-3.0-or-later
"""`apt_repository`, `dnf_repository` and `package` with repositories made on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jetpack_core.errors import StaleError, TaskError
from jetpack_core.modules.packages.apt_repository import AptRepository
from jetpack_core.modules.packages.dnf_repository import DnfRepository
from jetpack_core.modules.packages.package import Package
from jetpack_core.modules.packages.repository import Repository
from jetpack_core.records import PathEffect, Plan, PlanKind
from tests.integration.packages.conftest import Bench, changes, done

pytestmark = [pytest.mark.docker, pytest.mark.ssh]


@pytest.fixture(scope="module")
def prepared(make_bench: Callable[..., Bench]) -> Bench:
    bench = make_bench("debs.sh")
    bench.machine.exec(["sh", "-s"], stdin=Path(__file__).with_name("rpms.sh").read_bytes())
    bench.shell("rm /etc/apt/sources.list; mkdir -p /etc/yum.repos.d /etc/zypp/repos.d")
    return bench


@pytest.fixture
def bench(prepared: Bench) -> Iterator[Bench]:
    yield prepared
    prepared.shell("rm -f /etc/apt/sources.list.d/* /etc/apt/keyrings/* /etc/yum.repos.d/* /etc/zypp/repos.d/*")


def apt_repository(**parameters: object) -> Repository:
    given = {"repository": "jet", "uris": "file:///srv/apt/main", "suites": "./", "trusted": True}
    return AptRepository.model_validate({**given, **parameters})


def dnf_repository(**parameters: object) -> Repository:
    given = {"repository": "jet", "baseurl": "file:///srv/rpm", "gpgcheck": False}
    return DnfRepository.model_validate({**given, **parameters})


def zypper_repository(**parameters: object) -> Repository:
    return dnf_repository(directory="/etc/zypp/repos.d", **parameters)


@pytest.fixture(params=[apt_repository, dnf_repository, zypper_repository])
def make(request: pytest.FixtureRequest) -> Callable[..., Repository]:
    maker: Callable[..., Repository] = request.param
    return maker


def apply(bench: Bench, module: Repository) -> Plan:
    bench.host.frames.clear()
    plan, outcome = bench.host.converge(module)
    assert not outcome.failed
    assert len(bench.host.frames) <= 2
    assert bench.plan(module, round_trips=1).kind is PlanKind.NONE
    return plan


def test_a_repository_is_named_changed_and_removed(bench: Bench, make: Callable[..., Repository]) -> None:
    module = make()
    plan = apply(bench, module)
    assert plan.kind is PlanKind.CREATE
    assert bench.machine.read(module.path).decode() == module.text() == plan.diffs[0].after
    (effect,) = plan.effects
    assert isinstance(effect, PathEffect)
    assert effect.state.content == bench.machine.read(effect.state.path)
    assert apply(bench, make(enabled=False)).kind is PlanKind.MODIFY
    assert apply(bench, make(remove=True)).kind is PlanKind.REMOVE
    assert not bench.machine.exists(module.path)


def test_packages_come_from_it_at_once(bench: Bench) -> None:
    bench.host.converge(apt_repository())
    module = Package.model_validate({"package": "jet-other"})
    made, outcome = bench.converge(module, round_trips=4)
    assert made == done(outcome) == {"jet-other": (None, "1.0")}
    bench.converge(Package.model_validate({"package": "jet-other", "remove": True}), round_trips=4)


def test_package_asks_whatever_manager_the_facts_name(bench: Bench) -> None:
    bench.host.converge(dnf_repository())
    variables = bench.host.variables
    assert isinstance(variables, dict)
    variables["jet_package_manager"] = "dnf"
    try:
        module = Package.model_validate({"package": "jet-other"})
        made, outcome = bench.converge(module, round_trips=3)
        assert made == done(outcome) == {"jet-other": (None, "1.0-1")}
    finally:
        variables.clear()
    bench.shell("rpm -e jet-other 2>/dev/null")


def test_one_that_does_not_answer_is_taken_back(bench: Bench, make: Callable[..., Repository]) -> None:
    where = {"uris": "file:///srv/none"} if make is apt_repository else {"baseurl": "file:///srv/none"}
    broken = make(**where)
    with pytest.raises(TaskError, match="does not work, and was put back as it was: "):
        bench.host.converge(broken)
    assert not bench.machine.exists(broken.path)
    good = make()
    apply(bench, good)
    with pytest.raises(TaskError, match="put back"):
        bench.host.converge(broken)
    assert bench.machine.read(good.path).decode() == good.text()
    apply(bench, make(**where, refresh=False))


def test_what_somebody_changed_in_between_is_noticed(bench: Bench, make: Callable[..., Repository]) -> None:
    module = make()
    plan = bench.plan(module)
    bench.machine.write(module.path, b"mine\n")
    with pytest.raises(StaleError):
        bench.host.apply(module, plan)
    assert bench.machine.read(module.path) == b"mine\n"


def test_a_signed_repository_needs_its_key(bench: Bench, tmp_path: Path) -> None:
    bench.shell(
        "mkdir -p -m 700 /srv/gpg; cd /srv/apt/main; export GNUPGHOME=/srv/gpg;"
        "gpg --batch --quiet --passphrase '' --quick-gen-key test@example.org ed25519 sign 2>/dev/null;"
        "gpg --batch --yes --clearsign -o InRelease Release; gpg --armor --export >/srv/key.asc;"
        "gpg --batch --quiet --passphrase '' --quick-gen-key other@example.org ed25519 sign 2>/dev/null;"
        "gpg --armor --export other@example.org >/srv/other.asc"
    )
    good, other = tmp_path / "good.asc", tmp_path / "other.asc"
    good.write_bytes(bench.machine.read("/srv/key.asc"))
    other.write_bytes(bench.machine.read("/srv/other.asc"))
    with pytest.raises(TaskError, match="NO_PUBKEY"):
        bench.host.converge(apt_repository(trusted=False, key=other))
    assert bench.shell("ls /etc/apt/sources.list.d /etc/apt/keyrings").split() == [
        "/etc/apt/keyrings:",
        "/etc/apt/sources.list.d:",
    ]
    plan = apply(bench, apt_repository(trusted=False, key=good))
    assert set(changes(plan)) == {"/etc/apt/keyrings/jet.asc", "/etc/apt/sources.list.d/jet.sources"}
    # The same key in its other form takes the place of the first.
    binary = tmp_path / "good.gpg"
    binary.write_bytes(bench.machine.exec(["gpg", "--dearmor"], stdin=good.read_bytes()).stdout)
    apply(bench, apt_repository(trusted=False, key=binary))
    assert bench.shell("ls /etc/apt/keyrings").split() == ["jet.gpg"]
    plan = apply(bench, apt_repository(remove=True))
    assert set(changes(plan)) == {"/etc/apt/keyrings/jet.gpg", "/etc/apt/sources.list.d/jet.sources"}
    assert bench.shell("ls /etc/apt/keyrings") == ""
