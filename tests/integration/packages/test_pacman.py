# SPDX-License-Identifier: GPL-3.0-or-later
"""`pacman` against the real program as Debian has it, with a repository made on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from jetpack_core.errors import StaleError, TaskError
from jetpack_core.modules.packages.pacman import Pacman
from jetpack_core.records import PlanKind
from tests.integration.packages.conftest import Bench, changes, done

pytestmark = [pytest.mark.docker, pytest.mark.ssh]


@pytest.fixture(scope="module")
def prepared(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench("pacman.sh")


@pytest.fixture
def bench(prepared: Bench) -> Iterator[Bench]:
    yield prepared
    prepared.shell(
        'rm -f /var/lib/pacman/db.lck;names=$(pacman -Qq); [ -z "$names" ] || pacman -Rdd --noconfirm $names >/dev/null'
    )


def pacman(**parameters: object) -> Pacman:
    return Pacman.model_validate(parameters)


def have(bench: Bench, *names: str) -> None:
    files = " ".join(f"/srv/pacman-all/{name}-1-any.pkg.tar.zst" for name in names)
    bench.shell(f"pacman -U --noconfirm {files} >/dev/null")


def installed(bench: Bench) -> set[str]:
    return set(bench.shell("pacman -Q | tr ' ' -").split())


def test_a_list_is_installed_in_one_transaction_with_what_it_needs(bench: Bench) -> None:
    module = pacman(package=["jet-app", "jet-other"])
    before = bench.snapshot()
    plan = bench.plan(module)
    assert bench.snapshot() == before
    foretold = {"jet-app": (None, "2.0-1"), "jet-lib": (None, "2.0-1"), "jet-other": (None, "1.0-1")}
    assert (plan.kind, changes(plan)) == (PlanKind.CREATE, foretold)
    made, outcome = bench.converge(module)
    assert made == done(outcome) == foretold
    assert bench.plan(module, round_trips=1).kind is PlanKind.NONE


def test_update_of_a_package_and_of_everything(bench: Bench) -> None:
    have(bench, "jet-app-1.0", "jet-lib-1.0")
    assert bench.plan(pacman(package="jet-app"), round_trips=1).kind is PlanKind.NONE
    foretold = {"jet-app": ("1.0-1", "2.0-1"), "jet-lib": ("1.0-1", "2.0-1")}
    made, outcome = bench.converge(pacman(package="jet-app", update=True), round_trips=2)
    assert made == done(outcome) == foretold
    have(bench, "jet-app-1.0", "jet-lib-1.0")
    made, outcome = bench.converge(pacman(upgrade="all"), round_trips=2)
    assert made == done(outcome) == foretold
    assert bench.plan(pacman(upgrade="all"), round_trips=1).kind is PlanKind.NONE


def test_a_version_is_the_one_the_repository_has_or_an_error(bench: Bench) -> None:
    have(bench, "jet-app-1.1", "jet-lib-1.0")
    assert bench.plan(pacman(package="jet-app", version="1.1"), round_trips=1).kind is PlanKind.NONE
    made, _ = bench.converge(pacman(package="jet-app", version=">= 1.5"))
    assert made["jet-app"] == ("1.1-1", "2.0-1")
    with pytest.raises(TaskError, match=r"target not found: jet-app=1\.1"):
        bench.plan(pacman(package="jet-app", version="1.1", downgrade=True))


def test_removal_refuses_what_others_need(bench: Bench) -> None:
    have(bench, "jet-app-2.0", "jet-lib-2.0")
    with pytest.raises(TaskError, match="required by jet-app"):
        bench.plan(pacman(package="jet-lib", remove=True))
    made, outcome = bench.converge(pacman(package=["jet-lib", "jet-app", "nobody-has-this"], remove=True))
    assert made == done(outcome) == {"jet-app": ("2.0-1", None), "jet-lib": ("2.0-1", None)}
    bench.shell("pacman -S --noconfirm jet-app >/dev/null")
    made, _ = bench.converge(pacman(package="jet-app", remove=True, autoremove=True, purge=True))
    assert set(made) == {"jet-app", "jet-lib"}


def test_a_package_file_goes_forward_and_back_where_that_is_allowed(bench: Bench) -> None:
    path = "/srv/pacman-local/jet-local-1.0-1-any.pkg.tar.zst"
    made, outcome = bench.converge(pacman(package=path))
    assert made == done(outcome) == {"jet-local": (None, "1.0-1"), "jet-lib": (None, "2.0-1")}
    old = "/srv/pacman-all/jet-lib-1.0-1-any.pkg.tar.zst"
    with pytest.raises(TaskError, match=r"jet-lib would go back from 2\.0-1 to 1\.0-1"):
        bench.plan(pacman(package=old))
    made, _ = bench.converge(pacman(package=old, downgrade=True))
    assert made == {"jet-lib": ("2.0-1", "1.0-1")}
    with pytest.raises(TaskError, match="could not find or read package"):
        bench.plan(pacman(package="/root/no.pkg.tar.zst"))


@pytest.mark.parametrize(
    ("package", "words"),
    [("jet-nonesuch", "target not found: jet-nonesuch"), ("jet-unmet", "unable to satisfy dependency 'jet-nowhere'")],
)
def test_what_cannot_be_had_fails_before_anything_is_changed(bench: Bench, package: str, words: str) -> None:
    with pytest.raises(TaskError) as caught:
        bench.plan(pacman(package=["jet-other", package]))
    assert words in caught.value.message
    assert installed(bench) == set()


def test_a_file_in_the_way_fails_the_transaction_as_a_whole(bench: Bench) -> None:
    module = pacman(package=["jet-app", "jet-other"])
    plan = bench.plan(module)
    bench.machine.write("/usr/share/jet-other/version", b"mine\n")
    outcome = bench.host.apply(module, plan)
    bench.shell("rm -r /usr/share/jet-other")
    assert outcome.failed
    assert "exists in filesystem" in outcome.stdout + outcome.stderr
    assert "no package was changed" in outcome.msg
    assert installed(bench) == set()


def test_a_lock_is_waited_for_and_its_holder_named(bench: Bench) -> None:
    module = pacman(package="jet-other", lock_timeout=1)
    lock = "/var/lib/pacman/db.lck"
    holder = bench.shell(f"(exec >{lock} 2>&1; exec sleep 300) & echo $!; until [ -e {lock} ]; do :; done").strip()
    plan = bench.plan(module)
    with pytest.raises(TaskError, match=rf"db\.lck is held by process {holder} \(sleep\), still after 1 sec"):
        bench.host.apply(module, plan)
    bench.shell(f"kill {holder}")
    with pytest.raises(TaskError, match=r"db\.lck is held by no process: .* it is to be removed, still after 1 sec"):
        bench.host.apply(module, plan)
    bench.shell("(sleep 1; rm /var/lib/pacman/db.lck) >/dev/null 2>&1 &")
    assert not bench.host.apply(pacman(package="jet-other", lock_timeout=20), plan).failed


def test_what_somebody_changed_in_between_is_noticed(bench: Bench) -> None:
    module = pacman(package="jet-app")
    plan = bench.plan(module)
    have(bench, "jet-other-1.0")
    with pytest.raises(StaleError):
        bench.host.apply(module, plan)
    assert installed(bench) == {"jet-other-1.0-1"}


def test_the_index_is_refreshed_and_a_broken_repository_fails_that(bench: Bench) -> None:
    bench.shell("touch -d '3 days ago' /var/lib/pacman/sync /etc/pacman.conf")
    module = pacman(package="jet-other", refresh=True)
    assert changes(bench.plan(module))["package index"] == ("3 days old", "refreshed")
    _, outcome = bench.converge(module, round_trips=4)
    assert done(outcome) == {"jet-other": (None, "1.0-1")}
    assert bench.plan(pacman(refresh=True), round_trips=1).kind is PlanKind.NONE
    bench.shell("touch -d '3 days ago' /var/lib/pacman/sync; mv /srv/pacman /srv/away")
    broken = pacman(refresh=True, upgrade="all")
    try:
        with pytest.raises(TaskError, match=r"the package index cannot be refreshed: .*jet"):
            bench.host.apply(broken, bench.plan(broken))
    finally:
        bench.shell("mv /srv/away /srv/pacman")
