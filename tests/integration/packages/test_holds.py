# SPDX-License-Identifier: GPL-3.0-or-later
"""`hold` against dnf with its plugin versionlock, zypper's locks and pacman's IgnorePkg; `apt` is in test_apt.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jetpack_core.errors import StaleError, TaskError, UnknownValueError
from jetpack_core.modules.packages.dnf import Dnf
from jetpack_core.modules.packages.holds import LockingTransaction
from jetpack_core.modules.packages.pacman import Pacman
from jetpack_core.modules.packages.zypper import Zypper
from jetpack_core.records import PlanKind
from tests.integration.packages.conftest import Bench, changes, done

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

_REPOSITORY = b"[jet]\nname=jet\nbaseurl=file:///srv/rpm\ngpgcheck=0\nenabled=1\n"
# dnf is made of Python itself; Jetpack is to find none.
_HIDE_PYTHON = """
mkdir /opt/hidden && cp /usr/bin/python3 /opt/hidden/python3
sed -i '1s,.*,#!/opt/hidden/python3,' "$(readlink -f /usr/bin/dnf)"
rm /usr/bin/python3*
! command -v python3
"""
_EMPTY = """
for name in $(rpm -qa | grep -v jet-base); do rpm -e --nodeps "$name" 2>/dev/null; done
for name in $(pacman -Qq); do pacman -Rdd --noconfirm "$name" >/dev/null; done
: >/etc/dnf/plugins/versionlock.list
rm -rf /etc/zypp/locks /var/cache/zypp/solv/@System
cp /srv/pacman.conf /etc/pacman.conf
"""
_LISTS = {
    Dnf: "grep -v '^#' /etc/dnf/plugins/versionlock.list | tr -d '\\n'",
    Zypper: "sed -n 's/solvable_name: //p' /etc/zypp/locks 2>/dev/null || :",
    Pacman: "pacman-conf IgnorePkg",
}
Make = Callable[..., LockingTransaction]


@pytest.fixture(scope="module", params=["python", "without"])
def prepared(request: pytest.FixtureRequest, make_bench: Callable[..., Bench]) -> Bench:
    bench = make_bench("")
    bench.machine.write("/etc/yum.repos.d/jet.repo", _REPOSITORY)
    bench.machine.write("/etc/zypp/repos.d/jet.repo", _REPOSITORY)
    for script in ("rpms.sh", "pacman.sh"):
        bench.machine.exec(["sh", "-s"], stdin=Path(__file__).with_name(script).read_bytes())
    bench.shell("cp /etc/pacman.conf /srv/; dnf -q makecache 2>&1; zypper -n -q refresh")
    bench.shell("rpm -i /srv/rpm-local/jet-base-1.0-1.noarch.rpm 2>/dev/null")
    if request.param == "without":
        bench.shell(_HIDE_PYTHON)
    return bench


@pytest.fixture
def bench(prepared: Bench) -> Iterator[Bench]:
    yield prepared
    prepared.shell(_EMPTY)
    prepared.host.warnings.clear()


@pytest.fixture(params=[Dnf, Zypper, Pacman])
def make(request: pytest.FixtureRequest) -> Make:
    module: type[LockingTransaction] = request.param
    return lambda **parameters: module.model_validate(parameters)


def have(bench: Bench, *names: str) -> None:
    rpms = " ".join(f"/srv/rpm/{name}-1.noarch.rpm" for name in names)
    files = " ".join(f"/srv/pacman-all/{name}-1-any.pkg.tar.zst" for name in names)
    bench.shell(f"rpm -U --oldpackage {rpms} 2>/dev/null; rm -rf /var/cache/zypp/solv/@System")
    bench.shell(f"pacman -U --noconfirm {files} >/dev/null")


def on_hold(bench: Bench, make: Make) -> list[str]:
    return bench.shell(_LISTS[type(make(package="x"))]).split()


def version_of(bench: Bench, make: Make, name: str) -> str:
    rpm, arch = f"rpm -q --qf '%{{VERSION}}-%{{RELEASE}}' {name}", f"pacman -Q {name} | cut -d' ' -f2"
    return bench.shell(arch if isinstance(make(package="x"), Pacman) else rpm).strip()


def test_a_package_on_hold_is_left_alone_until_a_task_says_otherwise(bench: Bench, make: Make) -> None:
    have(bench, "jet-lib-1.0", "jet-other-1.0")
    module = make(package="jet-lib", hold=True)
    before = bench.snapshot()
    plan = bench.plan(module, round_trips=1)
    assert (plan.kind, changes(plan)) == (PlanKind.MODIFY, {"hold of jet-lib": (False, True)})
    assert on_hold(bench, make) == []
    changed = {path for path, entry in bench.snapshot().items() if before.get(path) != entry}
    assert changed <= {"/var/lib/rpm/rpmdb.sqlite-shm"}
    bench.converge(module, round_trips=2)
    assert len(on_hold(bench, make)) == 1
    assert bench.plan(make(package=["jet-other", "jet-lib"]), round_trips=1).kind is PlanKind.NONE

    assert bench.plan(make(package="jet-lib", update=True)).kind is PlanKind.NONE
    assert any(text.startswith("jet-lib is on hold and stays at 1.0-1") for text in bench.host.warnings)
    assert bench.plan(make(upgrade="all")).kind is PlanKind.NONE
    for parameters in ({"package": "jet-lib", "version": ">= 2.0"}, {"package": "jet-app >= 2.0"}):
        with pytest.raises(TaskError) as caught:
            bench.plan(make(**parameters))
        assert "hold: true" in caught.value.hint
    with pytest.raises(TaskError):
        bench.plan(make(package="jet-lib", remove=True))
    assert version_of(bench, make, "jet-lib") == "1.0-1"

    # The one that is named goes on, and is on hold there.
    made, outcome = bench.converge(make(package="jet-lib", version=">= 2.0", hold=True), round_trips=5)
    assert made == done(outcome) == {"jet-lib": ("1.0-1", "2.0-1")}
    assert len(on_hold(bench, make)) == 1
    assert bench.plan(make(upgrade="all")).kind is PlanKind.NONE
    made, _ = bench.converge(make(package="jet-lib", hold=False), round_trips=2)
    assert made == {"hold of jet-lib": (True, False)}
    assert on_hold(bench, make) == []


def test_a_new_package_is_installed_and_held(bench: Bench, make: Make) -> None:
    made, outcome = bench.converge(make(package="jet-other", hold=True), round_trips=4)
    assert made == {"jet-other": (None, "1.0-1"), "hold of jet-other": (False, True)}
    assert done(outcome) == {"jet-other": (None, "1.0-1")}


def test_a_package_off_hold_is_updated_in_the_same_task(bench: Bench, make: Make) -> None:
    have(bench, "jet-lib-1.0", "jet-other-1.0")
    bench.converge(make(package=["jet-lib", "jet-other"], hold=True))
    made, _ = bench.converge(make(package="jet-lib", update=True, hold=False), round_trips=4)
    assert made == {"jet-lib": ("1.0-1", "2.0-1"), "hold of jet-lib": (True, False)}
    (left,) = on_hold(bench, make)
    assert left.startswith("jet-other")


def test_plan_mode_knows_what_earlier_tasks_do_to_holds(bench: Bench, make: Make) -> None:
    have(bench, "jet-lib-1.0", "jet-other-1.0")
    hold, free = make(package="jet-lib", hold=True), make(package="jet-lib", hold=False)
    update, everything = make(package="jet-lib", update=True), make(upgrade="all")
    plans = bench.host.plan_all([hold, hold, update, free, free])
    on, off = {"hold of jet-lib": (False, True)}, {"hold of jet-lib": (True, False)}
    assert [changes(plan) for plan in plans] == [on, {}, {}, off, {}]
    for module in (everything, make(package="jet-lib >= 2.0")):
        with pytest.raises(UnknownValueError, match="an earlier task would put jet-lib on hold"):
            bench.host.plan_all([hold, module])
    assert on_hold(bench, make) == []
    bench.converge(hold)
    for module in (everything, update):
        with pytest.raises(UnknownValueError, match="an earlier task would take jet-lib off hold"):
            bench.host.plan_all([free, module])


@pytest.mark.parametrize("script", ["rm {conf}", "sed -i 's/enabled = 1/enabled = 0/' {conf}"])
def test_dnf_without_its_plugin_says_what_to_install(bench: Bench, script: str) -> None:
    conf = "/etc/dnf/plugins/versionlock.conf"
    have(bench, "jet-lib-1.0")
    bench.shell(f"cp {conf} /srv/versionlock.conf; {script.format(conf=conf)}")
    try:
        with pytest.raises(TaskError, match="without its plugin versionlock") as caught:
            bench.plan(Dnf(package=["jet-lib"], hold=True))
        assert "python3-dnf-plugin-versionlock" in caught.value.hint
        assert bench.plan(Dnf(package=["jet-lib"])).kind is PlanKind.NONE
    finally:
        bench.shell(f"cp /srv/versionlock.conf {conf}")


def test_holds_wait_for_the_lock_and_say_what_was_changed(bench: Bench) -> None:
    have(bench, "jet-lib-1.0")
    task = Zypper(package=["jet-lib"], hold=True, lock_timeout=1)
    plan = bench.plan(task)
    holder = bench.shell("sleep 60 >/dev/null 2>&1 & echo $! | tee /run/zypp.pid").strip()
    try:
        with pytest.raises(TaskError, match=f"held by process {holder}.*what is on hold was not changed"):
            bench.host.apply(task, plan)
    finally:
        bench.shell(f"kill {holder}; rm -f /run/zypp.pid")
    bench.shell("ln -sf /proc/none/locks /etc/zypp/locks")
    task = Zypper(package=["jet-other"], hold=True)
    outcome = bench.host.apply(task, bench.plan(task))
    assert (outcome.failed, done(outcome)) == (True, {"jet-other": (None, "1.0-1")})
    assert "changed by then: jet-other none -> 1.0-1" in outcome.msg


@pytest.mark.parametrize(
    ("module", "script"),
    [
        (Dnf, "echo 'jet-l*' >>/etc/dnf/plugins/versionlock.list"),
        (Zypper, "zypper -n addlock 'jet-l*' >/dev/null"),
        (Pacman, "sed -i 's/^Arch.*/&\\nIgnorePkg = jet-l*/' /etc/pacman.conf"),
    ],
)
def test_a_pattern_keeps_on_hold_and_is_not_taken_away(
    bench: Bench, module: type[LockingTransaction], script: str
) -> None:
    have(bench, "jet-lib-1.0")
    bench.shell(script)
    assert bench.plan(module(package=["jet-lib"], hold=True)).kind is PlanKind.NONE
    with pytest.raises(TaskError, match=r"jet-lib is on hold by the pattern jet-l\*"):
        bench.plan(module(package=["jet-lib"], hold=False))


def test_pacmans_configuration_keeps_every_other_byte(bench: Bench) -> None:
    have(bench, "jet-lib-1.0", "jet-other-1.0")
    written = (
        b"# caf\xc3\xa9\n[options]\nSigLevel = Never\n  IgnorePkg =  a   b\t\n\n[jet]\nServer = file:///srv/pacman"
    )
    bench.machine.write("/etc/pacman.conf", written, mode=0o640)
    _, outcome = bench.converge(Pacman(package=["jet-lib", "jet-other"], hold=True))
    assert not outcome.failed
    now = bench.machine.exec(["cat", "/etc/pacman.conf"]).stdout
    assert now == written.replace(b"a   b\t", b"a   b jet-lib jet-other")
    assert bench.shell("stat -c %a /etc/pacman.conf").strip() == "640"
    plan = bench.plan(Pacman(package=["jet-lib"], hold=False))
    assert [diff.path for diff in plan.diffs] == ["/etc/pacman.conf"]
    bench.machine.write("/etc/pacman.conf", now + b"\n# mine\n")
    with pytest.raises(StaleError):
        bench.host.apply(Pacman(package=["jet-lib"], hold=False), plan)


def test_what_an_included_file_keeps_on_hold_is_named(bench: Bench) -> None:
    have(bench, "jet-lib-1.0")
    bench.machine.write("/srv/more.conf", b"IgnorePkg = jet-lib\n")
    bench.shell("sed -i 's,^Arch.*,&\\nInclude = /srv/more.conf,' /etc/pacman.conf")
    assert bench.plan(Pacman(package=["jet-lib"], hold=True)).kind is PlanKind.NONE
    with pytest.raises(TaskError, match=r"on hold by a file that /etc/pacman\.conf includes"):
        bench.plan(Pacman(package=["jet-lib"], hold=False))
