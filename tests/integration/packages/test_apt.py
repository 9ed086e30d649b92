# SPDX-License-Identifier: GPL-3.0-or-later
"""`apt` against the real apt and dpkg, with repositories made on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from jetpack_core.errors import StaleError, TaskError, UnknownValueError
from jetpack_core.modules.packages.apt import Apt
from jetpack_core.modules.packages.package import Package
from jetpack_core.records import PlanKind
from tests.integration.packages.conftest import Bench, changes, done

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

_PIN_LOCK = """
import fcntl, sys, time
lock = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(float(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def prepared(make_bench: Callable[..., Bench]) -> Bench:
    bench = make_bench("debs.sh")
    bench.shell("apt-get update -qq")
    return bench


@pytest.fixture
def bench(prepared: Bench) -> Iterator[Bench]:
    yield prepared
    prepared.shell(
        "names=$(dpkg-query -W -f '${Package} ' 'jet-*' 2>/dev/null);"
        '[ -z "$names" ] || dpkg --purge --force-all $names >/dev/null 2>&1;'
        "rm -f /etc/jet-repaired /etc/apt/sources.list.d/*"
    )


def apt(**parameters: object) -> Apt:
    return Apt.model_validate(parameters)


def have(bench: Bench, *packages: str) -> None:
    bench.shell(f"apt-get -y -qq --allow-downgrades install {' '.join(packages)} >/dev/null 2>&1")


def installed(bench: Bench) -> dict[str, str]:
    script = r"dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' 'jet-*' 2>/dev/null || true"
    rows = [line.split() for line in bench.shell(script).splitlines()]
    return {row[1]: row[2] for row in rows if row[0] == "installed"}


def test_a_list_is_installed_in_one_transaction_with_what_it_needs(bench: Bench) -> None:
    module = apt(package=["jet-app", "jet-other"])
    before = bench.snapshot()
    plan = bench.plan(module)
    assert bench.snapshot() == before
    assert plan.kind is PlanKind.CREATE
    foretold = {"jet-app": (None, "2.0"), "jet-lib": (None, "2.0"), "jet-other": (None, "1.0")}
    assert changes(plan) == foretold
    made, outcome = bench.converge(module)
    assert made == done(outcome) == foretold
    assert installed(bench) == {"jet-app": "2.0", "jet-lib": "2.0", "jet-other": "1.0"}
    assert bench.plan(module, round_trips=1).kind is PlanKind.NONE


def test_a_version_is_installed_and_another_one_later(bench: Bench) -> None:
    made, _ = bench.converge(apt(package="jet-app", version="1.0"))
    assert made["jet-app"] == (None, "1.0")
    module = apt(package="jet-app=1.1")
    plan = bench.plan(module)
    assert (plan.kind, changes(plan)) == (PlanKind.MODIFY, {"jet-app": ("1.0", "1.1")})
    _, outcome = bench.converge(module)
    assert done(outcome) == {"jet-app": ("1.0", "1.1")}


@pytest.mark.parametrize(
    ("version", "now", "then"),
    [
        (">= 1.1", "1.1", "1.1"),
        (">= 1.1", "1.0", "2.0"),
        ("> 1.0, < 2", "1.0", "1.1"),
        ("1.*", "1.0", "1.0"),
        ("1.*", None, "1.1"),
        ("!= 2.0", None, "1.1"),
    ],
)
def test_conditions_choose_the_newest_version_that_will_do(
    bench: Bench, version: str, now: str | None, then: str
) -> None:
    if now is not None:
        have(bench, f"jet-app={now}")
    bench.converge(apt(package="jet-app", version=version))
    assert installed(bench)["jet-app"] == then


def test_downgrade_happens_only_where_it_is_allowed(bench: Bench) -> None:
    have(bench, "jet-app=2.0")
    with pytest.raises(TaskError, match=r"jet-app would go back from 2\.0 to 1\.1") as caught:
        bench.plan(apt(package="jet-app", version="1.1"))
    assert "downgrade: true" in caught.value.hint
    made, outcome = bench.converge(apt(package="jet-app", version="1.1", downgrade=True))
    assert made == done(outcome) == {"jet-app": ("2.0", "1.1")}


def test_update_takes_the_newest_and_asks_once_when_there_is_none(bench: Bench) -> None:
    have(bench, "jet-app=1.0", "jet-lib=1.0")
    module = apt(package="jet-app", update=True)
    made, outcome = bench.converge(module, round_trips=2)
    assert made == done(outcome) == {"jet-app": ("1.0", "2.0"), "jet-lib": ("1.0", "2.0")}
    assert bench.plan(module, round_trips=1).kind is PlanKind.NONE


def test_security_upgrade_leaves_everything_else_alone(bench: Bench) -> None:
    have(bench, "jet-app=1.0", "jet-lib=1.0")
    made, outcome = bench.converge(apt(upgrade="security"), round_trips=2)
    assert made == done(outcome) == {"jet-lib": ("1.0", "1.5")}
    assert outcome.result["reboot_required"] is False
    bench.shell("touch /run/reboot-required")
    made, outcome = bench.converge(apt(upgrade="all"), round_trips=2)
    assert made == {"jet-app": ("1.0", "2.0"), "jet-lib": ("1.5", "2.0")}
    assert outcome.result["reboot_required"] is True
    plan = bench.plan(apt(upgrade="all"), round_trips=1)
    assert (plan.kind, plan.outcome.result["reboot_required"]) == (PlanKind.NONE, True)
    bench.shell("rm /run/reboot-required")


def test_security_upgrade_respects_the_pins_of_the_host(bench: Bench) -> None:
    have(bench, "jet-lib=1.0")
    bench.machine.write("/etc/apt/preferences", b"Package: jet-lib\nPin: version 1.0\nPin-Priority: 1001\n")
    try:
        assert bench.plan(apt(upgrade="security")).kind is PlanKind.NONE
    finally:
        bench.shell("rm /etc/apt/preferences")


def test_a_package_on_hold_is_left_alone(bench: Bench) -> None:
    have(bench, "jet-lib=1.0")
    module = apt(package="jet-lib", hold=True)
    plan = bench.plan(module)
    assert (plan.kind, changes(plan)) == (PlanKind.MODIFY, {"hold of jet-lib": (False, True)})
    bench.converge(module)
    assert bench.shell("apt-mark showhold").split() == ["jet-lib"]
    assert bench.plan(apt(package="jet-lib", update=True)).kind is PlanKind.NONE
    assert "jet-lib is on hold and stays at 1.0" in bench.host.warnings
    assert bench.plan(apt(upgrade="all")).kind is PlanKind.NONE
    with pytest.raises(TaskError, match="Held packages were changed") as caught:
        bench.plan(apt(package="jet-lib", version="2.0"))
    assert "hold: true" in caught.value.hint
    bench.converge(apt(package="jet-lib", version="2.0", hold=True), round_trips=4)
    assert (installed(bench), bench.shell("apt-mark showhold").split()) == ({"jet-lib": "2.0"}, ["jet-lib"])
    bench.converge(apt(package="jet-lib", hold=False))
    assert bench.shell("apt-mark showhold") == ""


def test_plan_mode_knows_what_earlier_tasks_do_to_holds(bench: Bench) -> None:
    have(bench, "jet-lib=1.0")
    hold, free = Package(package=["jet-lib"], hold=True), apt(package="jet-lib", hold=False)
    update, everything = apt(package="jet-lib", update=True), apt(upgrade="all")
    plans = bench.host.plan_all([hold, hold, update, free, free])
    on, off = {"hold of jet-lib": (False, True)}, {"hold of jet-lib": (True, False)}
    assert [changes(plan) for plan in plans] == [on, {}, {}, off, {}]
    # What is new by an earlier task may be on hold by it, too.
    new = apt(package="jet-other", hold=True)
    assert changes(bench.host.plan_all([new, new])[1]) == {}
    with pytest.raises(UnknownValueError, match="an earlier task would put jet-lib on hold"):
        bench.host.plan_all([hold, everything])
    bench.converge(hold, round_trips=4)
    assert bench.shell("apt-mark showhold").split() == ["jet-lib"]
    with pytest.raises(UnknownValueError, match="an earlier task would take jet-lib off hold"):
        bench.host.plan_all([free, update])


def test_a_new_package_is_installed_and_held(bench: Bench) -> None:
    made, _ = bench.converge(apt(package="jet-other", hold=True), round_trips=4)
    assert made == {"jet-other": (None, "1.0"), "hold of jet-other": (False, True)}


def test_removal_names_what_goes_with_it_and_purge_takes_the_rest(bench: Bench) -> None:
    have(bench, "jet-app")
    module = apt(package=["jet-lib", "nobody-has-this"], remove=True)
    plan = bench.plan(module)
    assert (plan.kind, changes(plan)) == (PlanKind.REMOVE, {"jet-lib": ("2.0", None), "jet-app": ("2.0", None)})
    bench.converge(module)
    assert (installed(bench), bench.machine.exists("/etc/jet-app.conf")) == ({}, True)
    assert bench.plan(apt(package="jet-app", remove=True), round_trips=1).kind is PlanKind.NONE
    bench.converge(apt(package="jet-app", remove=True, purge=True))
    assert not bench.machine.exists("/etc/jet-app.conf")


def test_what_nothing_needs_any_more_goes_too_where_that_is_said(bench: Bench) -> None:
    have(bench, "jet-app", "jet-other")
    made, _ = bench.converge(apt(package="jet-app", remove=True, autoremove=True))
    assert made == {"jet-app": ("2.0", None), "jet-lib": ("2.0", None)}
    have(bench, "jet-app")
    bench.shell("apt-get -y -qq remove jet-app >/dev/null")
    made, _ = bench.converge(apt(autoremove=True), round_trips=2)
    assert made == {"jet-lib": ("2.0", None)}


def test_a_configuration_file_that_was_changed_is_kept_unless_said_otherwise(bench: Bench) -> None:
    have(bench, "jet-app=1.0")
    bench.machine.write("/etc/jet-app.conf", b"mine\n")
    bench.converge(apt(package="jet-app", version="1.1"))
    assert bench.machine.read("/etc/jet-app.conf") == b"mine\n"
    bench.converge(apt(package="jet-app", version="2.0", conffiles="replace"))
    assert bench.machine.read("/etc/jet-app.conf") == b"version 2.0\n"


def test_a_package_file_is_installed_with_what_it_needs(bench: Bench) -> None:
    path = "/srv/apt/local/jet-local_1.0_all.deb"
    made, outcome = bench.converge(apt(package=[path, "jet-other"]))
    assert made == done(outcome)
    assert made["jet-local"] == (None, "1.0")
    assert installed(bench) == {"jet-local": "1.0", "jet-lib": "2.0", "jet-other": "1.0"}
    assert bench.plan(apt(package=path), round_trips=1).kind is PlanKind.NONE
    with pytest.raises(TaskError, match=r"/root/no\.deb cannot be read as a package: .*No such file"):
        bench.plan(apt(package="/root/no.deb"))


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("jet-nonesuch", "Unable to locate package jet-nonesuch"),
        ("jet.app", "Unable to locate package jet.app"),
        ("jet-app=9", "Version '9' for 'jet-app' was not found"),
        ("jet-app > 9", "no version of jet-app is > 9: the repositories have 2.0, 1.1, 1.0"),
        ("jet-unmet", "would fail: jet-unmet : Depends: jet-nowhere but it is not installable | E: Unable to correct"),
    ],
)
def test_what_cannot_be_had_fails_before_anything_is_changed(bench: Bench, package: str, words: str) -> None:
    with pytest.raises(TaskError) as caught:
        bench.plan(apt(package=["jet-other", package]))
    assert words in caught.value.message
    assert installed(bench) == {}


def test_a_transaction_that_fails_half_way_says_what_it_changed(bench: Bench) -> None:
    module = apt(package=["jet-broken", "jet-other"])
    plan = bench.plan(module)
    assert set(changes(plan)) == {"jet-broken", "jet-lib", "jet-other"}
    outcome = bench.host.apply(module, plan)
    assert (outcome.failed, outcome.changed) == (True, True)
    assert "returned an error code (1)" in outcome.msg
    assert "jet-broken none -> 1.0 (not configured)" in outcome.msg
    assert done(outcome)["jet-lib"] == (None, "2.0")
    assert "the broken thing is broken" in outcome.stdout + outcome.stderr
    again = bench.plan(module)
    assert changes(again) == {"jet-broken": ("1.0 (not configured)", "1.0")}
    bench.shell("touch /etc/jet-repaired")
    bench.converge(module)
    assert installed(bench)["jet-broken"] == "1.0"


def test_a_dpkg_that_was_cut_off_is_told_with_what_to_do(bench: Bench) -> None:
    bench.shell("touch /var/lib/dpkg/updates/0001")
    module = apt(package="jet-other")
    try:
        outcome = bench.host.apply(module, bench.plan(module))
    finally:
        bench.shell("rm -f /var/lib/dpkg/updates/0001")
    assert (outcome.failed, outcome.changed, installed(bench)) == (True, False, {})
    assert "'dpkg --configure -a'" in outcome.msg
    assert outcome.msg.endswith("no package was changed")


def test_a_lock_is_waited_for_and_its_holder_named(bench: Bench) -> None:
    module = apt(package="jet-other", lock_timeout=1)
    script = f"python3 -c '{_PIN_LOCK}' %s >/tmp/holder 2>&1 & echo $!; until grep -q held /tmp/holder; do :; done"
    holder = bench.shell(script % 300).strip()
    plan = bench.plan(module)
    try:
        with pytest.raises(
            TaskError, match=rf"lock-frontend is held by process {holder} \(python3\), still after 1 sec"
        ):
            bench.host.apply(module, plan)
    finally:
        bench.shell(f"kill {holder}; rm /tmp/holder")
    bench.shell(script % 2)
    bench.converge(apt(package="jet-other", lock_timeout=20), round_trips=6)
    assert installed(bench) == {"jet-other": "1.0"}


def test_what_somebody_changed_in_between_is_noticed(bench: Bench) -> None:
    module = apt(package="jet-app")
    plan = bench.plan(module)
    have(bench, "jet-other")
    with pytest.raises(StaleError):
        bench.host.apply(module, plan)
    assert installed(bench) == {"jet-other": "1.0"}


def test_the_index_is_refreshed_when_it_is_too_old_and_only_then(bench: Bench) -> None:
    alone = apt(refresh=True, cache_valid=3600)
    bench.shell("touch -d '3 days ago' /var/lib/apt/lists /etc/apt/sources.list /etc/apt/sources.list.d")
    plan = bench.plan(alone, round_trips=1)
    assert (plan.kind, changes(plan)) == (PlanKind.MODIFY, {"package index": ("3 days old", "refreshed")})
    module = apt(package="jet-other", refresh=True)
    plan = bench.plan(module)
    assert changes(plan)["package index"] == ("3 days old", "refreshed")
    _, outcome = bench.converge(module, round_trips=4)
    assert done(outcome) == {"jet-other": (None, "1.0")}
    assert bench.plan(alone).kind is PlanKind.NONE
    bench.shell("touch -d '3 days ago' /var/lib/apt/lists")
    assert bench.plan(module).kind is PlanKind.NONE, "what is there needs no index"
    bench.shell("touch -d '2 days ago' /etc/apt/sources.list")
    assert changes(bench.plan(alone))["package index"][0] == "unknown or older than its sources"
    bench.converge(alone, round_trips=2)


def test_a_repository_that_is_broken_fails_the_refresh(bench: Bench) -> None:
    bench.machine.write("/etc/apt/sources.list.d/broken.list", b"deb [trusted=yes] file:///srv/apt/none ./\n")
    bench.shell("touch -d '1 day ago' /var/lib/apt/lists")
    module = apt(package="jet-other", refresh=True)
    with pytest.raises(TaskError, match=r"the package index cannot be refreshed: .*/srv/apt/none"):
        bench.host.apply(module, bench.plan(module))
    assert installed(bench) == {}


def test_a_name_that_others_provide_is_there_when_one_of_them_is(bench: Bench) -> None:
    assert bench.plan(apt(package="awk")).kind is PlanKind.NONE


def test_plan_mode_plans_each_task_on_those_before_it(bench: Bench) -> None:
    modules = [
        apt(package=["jet-app=1.0", "jet-other"]),
        Package(package=["jet-other"]),
        apt(package="jet-app", update=True),
        apt(package="jet-app", update=True),
        apt(package="jet-app", remove=True),
        apt(package="jet-app", remove=True),
    ]
    plans = bench.host.plan_all(modules)
    assert [changes(plan) for plan in plans] == [
        {"jet-app": (None, "1.0"), "jet-lib": (None, "2.0"), "jet-other": (None, "1.0")},
        {},
        {"jet-app": ("1.0", "2.0")},
        {},
        {"jet-app": ("2.0", None)},
        {},
    ]
    for module, plan in zip(modules, plans, strict=True):
        assert changes(bench.host.converge(module)[0]) == changes(plan)


def test_plan_mode_knows_no_versions_behind_a_refresh(bench: Bench) -> None:
    have(bench, "jet-lib=1.0")
    bench.shell("touch -d '3 days ago' /var/lib/apt/lists")
    first = apt(package="jet-other", refresh=True)
    plans = bench.host.plan_all([first, apt(package=["jet-other", "jet-lib"]), apt(package="jet-app", refresh=True)])
    assert [plan.kind for plan in plans] == [PlanKind.CREATE, PlanKind.NONE, PlanKind.CREATE]
    assert changes(plans[2]) == {"jet-app": (None, "the newest that the refreshed index has")}
    held = bench.host.plan_all([first, apt(package="jet-app", hold=True), apt(package="jet-app", hold=True)])
    assert changes(held[1])["hold of jet-app"] == (False, True)
    assert changes(held[2]) == {}
    with pytest.raises(UnknownValueError, match="an earlier task would refresh"):
        bench.host.plan_all([first, apt(package="jet-lib", update=True)])
    # What the refreshed index brings along is not known either.
    absent, kept = apt(package="jet-nonesuch", remove=True), apt(package="jet-lib=1.0")
    for behind in (absent, kept):
        with pytest.raises(UnknownValueError, match="may come or change"):
            bench.host.plan_all([first, behind])
    assert bench.host.plan_all([first, apt(package="jet-lib")])[1].kind is PlanKind.NONE
    only = bench.host.plan_all([apt(refresh=True), absent, kept])
    assert [plan.kind for plan in only] == [PlanKind.MODIFY, PlanKind.NONE, PlanKind.NONE]
    bench.shell("touch /var/lib/apt/lists")


def test_a_host_without_python_is_no_different(bench: Bench, make_bench: Callable[..., Bench]) -> None:
    plain = make_bench("", image="nopython")
    repositories = bench.machine.exec(["tar", "-C", "/", "-c", "srv/apt", "etc/apt/sources.list"]).stdout
    plain.machine.exec(["tar", "-C", "/", "-x"], stdin=repositories)
    plain.shell("apt-get update -qq")
    module = apt(package=["jet-app < 2", "jet-other", "/srv/apt/local/jet-local_1.0_all.deb"], hold=False)
    assert changes(plain.plan(module)) == changes(bench.plan(module))
    made, outcome = plain.converge(module)
    assert made == done(outcome) == bench.converge(module)[0]
    stale = apt(package="jet-app", update=True)
    plan = plain.plan(stale)
    have(plain, "jet-app=2.0")
    with pytest.raises(StaleError):
        plain.host.apply(stale, plan)
    outcome = plain.host.apply(apt(package="jet-broken"), plain.plan(apt(package="jet-broken")))
    assert (outcome.failed, done(outcome)) == (True, {"jet-broken": (None, "1.0 (not configured)")})
