# SPDX-License-Identifier: GPL-3.0-or-later
"""`pip` in a virtual environment of a host, with wheels made there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.pip import Pip
from jetpack_core.records import PlanKind
from tests.integration.packages.conftest import Bench, changes, done

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

_OPTIONS = ["--no-index", "--find-links", "/srv/wheels"]


@pytest.fixture(scope="module")
def prepared(make_bench: Callable[..., Bench]) -> Bench:
    bench = make_bench("pacman.sh")
    bench.machine.exec(["python3", "-"], stdin=Path(__file__).with_name("wheels.py").read_bytes())
    return bench


@pytest.fixture
def bench(prepared: Bench) -> Iterator[Bench]:
    yield prepared
    prepared.shell("/srv/venv/bin/pip uninstall -q -y jet-app jet-lib jet-extra jet-fast jet-more 2>&1")


def pip(**parameters: object) -> Pip:
    return Pip.model_validate({"virtualenv": "/srv/venv", "options": _OPTIONS, **parameters})


def test_a_package_is_installed_with_what_it_needs_updated_and_removed(bench: Bench) -> None:
    module = pip(package="jet_app < 2")
    listing = "find /srv/venv /root -printf '%p %s %T@\\n' | sort"
    before = bench.shell(listing)
    plan = bench.plan(module)
    assert bench.shell(listing) == before
    assert (plan.kind, changes(plan)) == (PlanKind.CREATE, {"jet-app": (None, "1.10"), "jet-lib": (None, "2.0")})
    made, outcome = bench.converge(module)
    assert made == done(outcome)
    assert bench.plan(pip(package=["Jet.App", "jet-lib"]), round_trips=1).kind is PlanKind.NONE
    newest = pip(package="jet-app", update=True)
    made, outcome = bench.converge(newest, round_trips=2)
    assert made == done(outcome) == {"jet-app": ("1.10", "2.0")}
    assert bench.plan(newest, round_trips=1).kind is PlanKind.NONE
    made, outcome = bench.converge(pip(package=["jet-app", "nobody-has-this"], remove=True))
    assert made == done(outcome) == {"jet-app": ("2.0", None)}


def test_a_version_goes_both_ways(bench: Bench) -> None:
    bench.converge(pip(package="jet-app", version="2.0"))
    made, _ = bench.converge(pip(package="jet-app", version="1.*", downgrade=True))
    assert made == {"jet-app": ("2.0", "1.10")}
    with pytest.raises(TaskError, match=r"jet-app would go back from 1\.10 to 1\.0"):
        bench.plan(pip(package="jet-app", version="1.0"))


@pytest.mark.parametrize("package", ["jet-nonesuch", "jet-app == 9"])
def test_what_cannot_be_had_fails_before_anything_is_changed(bench: Bench, package: str) -> None:
    with pytest.raises(TaskError, match="No matching distribution found"):
        bench.plan(pip(package=["jet-lib", package]))


def test_the_system_itself_is_left_to_its_package_manager(bench: Bench) -> None:
    module = Pip.model_validate({"package": "jet-lib", "python": "/usr/bin/python3", "options": _OPTIONS})
    with pytest.raises(TaskError, match="externally-managed-environment") as caught:
        bench.plan(module)
    assert "virtualenv" in caught.value.hint


def test_an_environment_that_is_not_there_is_named(bench: Bench) -> None:
    with pytest.raises(TaskError, match="/srv/none/bin/python"):
        bench.plan(pip(package="jet-lib", virtualenv="/srv/none"))


def test_what_an_extra_stands_for_is_there_as_well(bench: Bench) -> None:
    bench.converge(pip(package="jet-extra"))
    assert bench.plan(pip(package="jet_extra"), round_trips=1).kind is PlanKind.NONE
    module = pip(package="Jet.Extra[fast_one]")
    plan = bench.plan(module)
    foretold = {"jet-fast": (None, "2.0"), "jet-more": (None, "1.0")}
    assert (plan.kind, changes(plan)) == (PlanKind.MODIFY, foretold)
    made, outcome = bench.converge(module)
    assert made == done(outcome) == foretold
    assert bench.plan(pip(package=["jet-extra[fast-one]", "jet-lib"]), round_trips=1).kind is PlanKind.NONE
    # What the extra needs must be new enough, and may have extras itself.
    bench.shell("/srv/venv/bin/pip install -q --no-index --find-links /srv/wheels jet-fast==1.0 2>&1")
    made, outcome = bench.converge(module)
    assert made == done(outcome) == {"jet-fast": ("1.0", "2.0")}
    bench.shell("/srv/venv/bin/pip uninstall -q -y jet-more 2>&1")
    made, outcome = bench.converge(module)
    assert made == done(outcome) == {"jet-more": (None, "1.0")}


def test_an_extra_that_nobody_offers_fails(bench: Bench) -> None:
    for _ in ("new", "there already"):
        with pytest.raises(TaskError, match=r"jet-extra 2\.0 has no extra 'slow'"):
            bench.plan(pip(package=["jet-extra[slow]"]))
        bench.shell("/srv/venv/bin/pip install -q --no-index --find-links /srv/wheels jet-extra 2>&1")
    with pytest.raises(TaskError, match="jet-nowhere"):
        bench.plan(pip(package="jet-extra[unmet] == 1.0", downgrade=True))


def test_compatible_releases_are_judged_by_pip(bench: Bench) -> None:
    made, _ = bench.converge(pip(package="jet-app ~= 1.0"))
    assert made["jet-app"] == (None, "1.10")
    assert bench.plan(pip(package="jet-app~=1.5"), round_trips=1).kind is PlanKind.NONE
    assert changes(bench.plan(pip(package="jet-app ~= 2.0")))["jet-app"] == ("1.10", "2.0")


def test_an_environment_that_is_not_there_is_told_with_what_to_do(bench: Bench) -> None:
    with pytest.raises(TaskError, match="there is no pip on the host") as caught:
        bench.plan(Pip.model_validate({"package": "jet-app", "virtualenv": "/srv/nowhere"}))
    assert "python3 -m venv" in caught.value.hint
