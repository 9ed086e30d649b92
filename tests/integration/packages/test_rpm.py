# SPDX-License-Identifier: GPL-3.0-or-later
"""`dnf` and `zypper` against the real programs as Debian has them, with one repository of rpms made on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from jetpack_core.errors import StaleError, TaskError
from jetpack_core.modules.packages.dnf import Dnf
from jetpack_core.modules.packages.rpm import RpmTransaction
from jetpack_core.modules.packages.zypper import Zypper
from jetpack_core.records import PlanKind
from tests.integration.packages.conftest import Bench, changes, done

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

_REPOSITORY = b"[jet]\nname=jet\nbaseurl=file:///srv/rpm\ngpgcheck=0\nenabled=1\n"
# What the programs keep even when asked what they would do: logs, caches, and sqlite's shared memory.
_NOTES = ("/var/cache", "/var/log", "/var/lib/dnf", "/var/lib/zypp", "/var/lib/rpm", "/var/tmp")
# zypper knows by the time of rpm's database that others changed it; Debian's rpm, with sqlite, does not move that.
_FORGET = "rm -rf /var/cache/zypp/solv/@System"


@pytest.fixture(scope="module")
def prepared(make_bench: Callable[..., Bench]) -> Bench:
    bench = make_bench("rpms.sh")
    bench.machine.write("/etc/yum.repos.d/jet.repo", _REPOSITORY)
    bench.machine.write("/etc/zypp/repos.d/jet.repo", _REPOSITORY)
    bench.shell("dnf -q makecache 2>&1; zypper -n -q refresh")
    # No system made of rpms is empty, and zypper fails on one that is.
    bench.shell("rpm -i /srv/rpm-local/jet-base-1.0-1.noarch.rpm 2>/dev/null")
    return bench


@pytest.fixture
def bench(prepared: Bench) -> Iterator[Bench]:
    yield prepared
    prepared.shell(
        'names=$(rpm -qa | grep -v jet-base); [ -z "$names" ] || rpm -e --nodeps $names 2>/dev/null; '
        "rm -f /run/zypp.pid"
    )


@pytest.fixture(params=[Dnf, Zypper])
def make(request: pytest.FixtureRequest) -> Callable[..., RpmTransaction]:
    module: type[RpmTransaction] = request.param
    return lambda **parameters: module.model_validate(parameters)


def have(bench: Bench, *names: str) -> None:
    files = " ".join(f"/srv/rpm/{name}-1.noarch.rpm" for name in names)
    bench.shell(f"rpm -U --oldpackage {files} 2>/dev/null; {_FORGET}")


def installed(bench: Bench) -> set[str]:
    return set(bench.shell("rpm -qa --qf '%{NAME}-%{VERSION}\\n'").split()) - {"jet-base-1.0"}


def test_a_list_is_installed_in_one_transaction_with_what_it_needs(
    bench: Bench, make: Callable[..., RpmTransaction]
) -> None:
    module = make(package=["jet-app", "jet-other"])
    before = bench.snapshot()
    plan = bench.plan(module)
    after = bench.snapshot()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert {path for path in changed if not path.startswith(_NOTES)} == set()
    foretold = {"jet-app": (None, "2.0-1"), "jet-lib": (None, "2.0-1"), "jet-other": (None, "1.0-1")}
    assert (plan.kind, changes(plan)) == (PlanKind.CREATE, foretold)
    made, outcome = bench.converge(module)
    assert made == done(outcome) == foretold
    assert installed(bench) == {"jet-app-2.0", "jet-lib-2.0", "jet-other-1.0"}
    assert bench.plan(module, round_trips=1).kind is PlanKind.NONE


def test_versions_exact_and_by_conditions(bench: Bench, make: Callable[..., RpmTransaction]) -> None:
    made, _ = bench.converge(make(package="jet-app", version="1.0"))
    assert made["jet-app"] == (None, "1.0-1")
    made, _ = bench.converge(make(package="jet-app=1.1-1"))
    assert made["jet-app"] == ("1.0-1", "1.1-1")
    assert bench.plan(make(package="jet-app", version=">= 1.1"), round_trips=1).kind is PlanKind.NONE
    made, _ = bench.converge(make(package="jet-app > 1.1"))
    assert made["jet-app"] == ("1.1-1", "2.0-1")


@pytest.mark.parametrize(
    ("version", "now", "then"),
    [
        (">= 1.0, < 2", None, "1.1"),
        ("> 1.0, < 2", "1.0", "1.1"),
        (">= 1.0, < 2", "1.0", "1.0"),
        ("!= 2.0", None, "1.1"),
        ("1.*", None, "1.1"),
        ("1.*", "1.0", "1.0"),
    ],
)
def test_conditions_choose_the_newest_version_that_will_do(
    bench: Bench, make: Callable[..., RpmTransaction], version: str, now: str | None, then: str
) -> None:
    if now is not None:
        have(bench, f"jet-app-{now}", "jet-lib-1.0")
    bench.converge(make(package="jet-app", version=version))
    assert f"jet-app-{then}" in installed(bench)


def test_a_range_without_a_version_is_told_with_what_there_is(
    bench: Bench, make: Callable[..., RpmTransaction]
) -> None:
    with pytest.raises(
        TaskError, match=r"no version of jet-app is > 1\.1, < 2: the repositories have 2\.0-1, 1\.1-1, 1\.0-1"
    ):
        bench.plan(make(package="jet-app > 1.1, < 2"))
    with pytest.raises(TaskError, match="the repositories have none"):
        bench.plan(make(package="jet-nonesuch > 1.1, < 2"))
    made, _ = bench.converge(make(package=["jet-app > 1.0, < 2", "jet-other"], update=True))
    assert made["jet-app"] == (None, "1.1-1")


def test_downgrade_happens_only_where_it_is_allowed(bench: Bench, make: Callable[..., RpmTransaction]) -> None:
    have(bench, "jet-app-2.0", "jet-lib-2.0")
    for version in ("1.1", "< 2"):
        with pytest.raises(TaskError, match=r"jet-app would go back from 2\.0-1 to 1\.1-1"):
            bench.plan(make(package="jet-app", version=version))
    made, outcome = bench.converge(make(package="jet-app", version="< 2", downgrade=True))
    assert made == done(outcome) == {"jet-app": ("2.0-1", "1.1-1")}


def test_update_of_packages_and_of_everything(bench: Bench, make: Callable[..., RpmTransaction]) -> None:
    have(bench, "jet-app-1.0", "jet-lib-1.0")
    foretold = {"jet-app": ("1.0-1", "2.0-1"), "jet-lib": ("1.0-1", "2.0-1")}
    module = make(package="jet-app", update=True)
    made, outcome = bench.converge(module, round_trips=2)
    assert made == done(outcome) == foretold
    assert bench.plan(module, round_trips=1).kind is PlanKind.NONE
    have(bench, "jet-app-1.0", "jet-lib-1.0")
    made, outcome = bench.converge(make(upgrade="all"), round_trips=2)
    assert made == done(outcome) == foretold


def test_removal_names_what_goes_with_it(bench: Bench, make: Callable[..., RpmTransaction]) -> None:
    have(bench, "jet-app-2.0", "jet-lib-2.0", "jet-other-1.0")
    made, outcome = bench.converge(make(package=["jet-lib", "nobody-has-this"], remove=True))
    assert made == done(outcome) == {"jet-app": ("2.0-1", None), "jet-lib": ("2.0-1", None)}
    assert installed(bench) == {"jet-other-1.0"}


def test_what_nothing_needs_any_more_goes_too_where_that_is_said(
    bench: Bench, make: Callable[..., RpmTransaction]
) -> None:
    bench.converge(make(package="jet-app"))
    made, _ = bench.converge(make(package="jet-app", remove=True))
    assert set(made) == {"jet-app"}
    bench.shell(f"rpm -e jet-lib 2>/dev/null; {_FORGET}")
    bench.converge(make(package="jet-app"))
    made, _ = bench.converge(make(package="jet-app", remove=True, autoremove=True))
    assert set(made) == {"jet-app", "jet-lib"}


def test_a_package_file_is_installed_with_what_it_needs(bench: Bench, make: Callable[..., RpmTransaction]) -> None:
    path = "/srv/rpm-local/jet-local-1.0-1.noarch.rpm"
    made, outcome = bench.converge(make(package=path, allow_unsigned=True))
    assert made == done(outcome) == {"jet-local": (None, "1.0-1"), "jet-lib": (None, "2.0-1")}
    assert bench.plan(make(package=path), round_trips=1).kind is PlanKind.NONE
    with pytest.raises(TaskError, match=r"/root/no\.rpm cannot be read as a package: .*No such file"):
        bench.plan(make(package="/root/no.rpm"))


@pytest.mark.parametrize(
    ("package", "words"),
    [("jet-nonesuch", "jet-nonesuch"), ("jet-app=9", "jet-app"), ("jet-unmet", "nothing provides jet-nowhere")],
)
def test_what_cannot_be_had_fails_before_anything_is_changed(
    bench: Bench, make: Callable[..., RpmTransaction], package: str, words: str
) -> None:
    with pytest.raises(TaskError, match="would fail") as caught:
        bench.plan(make(package=["jet-other", package]))
    assert words in caught.value.message
    assert installed(bench) == set()


def test_a_transaction_that_fails_half_way_says_what_it_changed(
    bench: Bench, make: Callable[..., RpmTransaction]
) -> None:
    module = make(package=["jet-broken", "jet-other"])
    plan = bench.plan(module)
    assert set(changes(plan)) == {"jet-broken", "jet-lib", "jet-other"}
    outcome = bench.host.apply(module, plan)
    assert outcome.failed
    assert "the broken thing is broken" in outcome.stdout + outcome.stderr
    assert {f"{name}-{after}".removesuffix("-1") for name, (_, after) in done(outcome).items()} == installed(bench)
    assert "jet-broken" not in done(outcome)


def test_what_somebody_changed_in_between_is_noticed(bench: Bench, make: Callable[..., RpmTransaction]) -> None:
    module = make(package="jet-app")
    plan = bench.plan(module)
    have(bench, "jet-other-1.0")
    with pytest.raises(StaleError):
        bench.host.apply(module, plan)
    assert installed(bench) == {"jet-other-1.0"}


def test_the_index_is_refreshed_when_it_is_too_old(bench: Bench, make: Callable[..., RpmTransaction]) -> None:
    alone = make(refresh=True)
    paths = "/var/cache/dnf /var/cache/zypp/raw /etc/yum.repos.d /etc/zypp/repos.d"
    bench.shell(f"touch -d '3 days ago' {paths}")
    assert changes(bench.plan(alone, round_trips=1)) == {"package index": ("3 days old", "refreshed")}
    _, outcome = bench.converge(make(package="jet-other", refresh=True), round_trips=4)
    assert done(outcome) == {"jet-other": (None, "1.0-1")}
    assert bench.plan(alone).kind is PlanKind.NONE


def test_a_repository_that_is_broken_fails_the_refresh(bench: Bench, make: Callable[..., RpmTransaction]) -> None:
    for folder in ("/etc/yum.repos.d", "/etc/zypp/repos.d"):
        bench.machine.write(f"{folder}/none.repo", b"[none]\nname=none\nbaseurl=file:///srv/none\nenabled=1\n")
    bench.shell("touch -d '1 day ago' /var/cache/dnf /var/cache/zypp/raw")
    module = make(package="jet-other", refresh=True)
    try:
        with pytest.raises(TaskError, match=r"(?s)the package index cannot be refreshed: .*none"):
            bench.host.apply(module, bench.plan(module))
    finally:
        bench.shell("rm /etc/yum.repos.d/none.repo /etc/zypp/repos.d/none.repo")


@pytest.mark.parametrize(
    ("module", "lock"), [(Dnf, "/var/lib/dnf/rpmdb_lock.pid"), (Zypper, "/run/zypp.pid")], ids=["dnf", "zypper"]
)
def test_a_lock_is_waited_for_and_its_holder_named(bench: Bench, module: type[RpmTransaction], lock: str) -> None:
    task = module.model_validate({"package": ["jet-other", "jet-app > 1.0, < 2"], "lock_timeout": 1})
    # Both programs take for the holder of the lock the process whose number is in the file.
    holder = bench.shell(f"sleep 60 >/dev/null 2>&1 & echo $! | tee {lock}").strip()
    try:
        # Who only plans takes no lock.
        plan = bench.plan(task)
        with pytest.raises(TaskError, match=f"held by process {holder}.*still after 1 sec"):
            bench.host.apply(task, plan)
    finally:
        bench.shell(f"kill {holder}; rm -f {lock}")
    assert not bench.host.apply(task, plan).failed
