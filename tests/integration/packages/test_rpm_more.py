# SPDX-License-Identifier: GPL-3.0-or-later
"""`dnf` and `zypper` with packages that replace others, notices about security, and repositories with signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.dnf import Dnf
from jetpack_core.modules.packages.dnf_repository import DnfRepository
from jetpack_core.modules.packages.rpm import RpmTransaction
from jetpack_core.modules.packages.zypper import Zypper
from jetpack_core.records import PlanKind
from tests.integration.packages.conftest import Bench, changes, done

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

_FOLDERS = {Dnf: "/etc/yum.repos.d", Zypper: "/etc/zypp/repos.d"}
# zypper knows by the time of rpm's database that others changed it; Debian's rpm, with sqlite, does not move that.
_FORGET = "rm -rf /var/cache/zypp/solv/@System"
_EMPTY = f"""
rpm -e gpg-pubkey 2>/dev/null
names=$(rpm -qa | grep -v jet-base); [ -z "$names" ] || rpm -e --nodeps $names 2>/dev/null
rm -rf {" ".join(f"{folder}/*" for folder in _FOLDERS.values())} /etc/pki/rpm-gpg/* /var/cache/zypp/*
{_FORGET}
"""
Make = Callable[..., RpmTransaction]


@pytest.fixture(scope="module")
def prepared(make_bench: Callable[..., Bench]) -> Bench:
    bench = make_bench("rpms_more.sh")
    bench.shell(f"mkdir -p {' '.join(_FOLDERS.values())}; rpm -i /srv/rpm-more/jet-base-1.0-1.noarch.rpm 2>/dev/null")
    return bench


@pytest.fixture
def bench(prepared: Bench) -> Iterator[Bench]:
    yield prepared
    prepared.shell(_EMPTY)
    prepared.host.warnings.clear()


@pytest.fixture(params=[Dnf, Zypper])
def module(request: pytest.FixtureRequest) -> type[RpmTransaction]:
    chosen: type[RpmTransaction] = request.param
    return chosen


@pytest.fixture
def make(module: type[RpmTransaction]) -> Make:
    return lambda **parameters: module.model_validate(parameters)


def repository(module: type[RpmTransaction], name: str, **parameters: object) -> DnfRepository:
    given = {"repository": name, "baseurl": f"file:///srv/{name}", "gpgcheck": False, "directory": _FOLDERS[module]}
    return DnfRepository.model_validate({**given, **parameters})


def have(bench: Bench, *files: str) -> None:
    bench.shell(f"rpm -U --oldpackage {' '.join(f'/srv/{one}-1.noarch.rpm' for one in files)} 2>/dev/null; {_FORGET}")


def installed(bench: Bench) -> set[str]:
    names = set(bench.shell("rpm -qa --qf '%{NAME}-%{VERSION}\\n'").split())
    return {name for name in names if not name.startswith(("jet-base", "gpg-pubkey"))}


def test_what_is_replaced_by_another_name_is_told(bench: Bench, module: type[RpmTransaction], make: Make) -> None:
    bench.host.converge(repository(module, "rpm-more"))
    foretold = {"jet-new": (None, "3.0-1"), "jet-old": ("1.0-1", None)}
    for task in (make(package="jet-new"), make(upgrade="all")):
        have(bench, "rpm-more/jet-old-1.0")
        made, outcome = bench.converge(task)
        assert made == done(outcome) == foretold
        assert installed(bench) == {"jet-new-3.0"}
        bench.shell(f"rpm -e jet-new 2>/dev/null; {_FORGET}")


def test_what_does_not_go_together_is_refused(bench: Bench, module: type[RpmTransaction], make: Make) -> None:
    bench.host.converge(repository(module, "rpm-more"))
    have(bench, "rpm-more/jet-old-1.0")
    with pytest.raises(TaskError, match=r"would fail: .*conflict"):
        bench.plan(make(package="jet-hostile"))


def test_versions_with_an_epoch(bench: Bench, module: type[RpmTransaction], make: Make) -> None:
    bench.host.converge(repository(module, "rpm-more"))
    have(bench, "rpm-more/jet-epoch-0.4")
    for wanted in ("1:0.4", "0.4", ">= 1:0.4", "> 7"):
        assert bench.plan(make(package="jet-epoch", version=wanted), round_trips=1).kind is PlanKind.NONE, wanted
    made, outcome = bench.converge(make(package="jet-epoch", version="1:0.5"))
    assert made == done(outcome) == {"jet-epoch": ("1:0.4-1", "1:0.5-1")}
    with pytest.raises(TaskError, match=r"would go back from 1:0\.5-1 to 1:0\.4-1"):
        bench.plan(make(package="jet-epoch", version="1:0.4"))


def test_a_name_that_others_provide(bench: Bench, module: type[RpmTransaction], make: Make) -> None:
    bench.host.converge(repository(module, "rpm-more"))
    made, outcome = bench.converge(make(package="jet-mta"))
    assert made == done(outcome) == {"jet-mailer": (None, "1.0-1")}


def test_a_new_kernel_comes_and_an_old_one_goes(bench: Bench) -> None:
    bench.host.converge(repository(Dnf, "rpm-more", options={"priority": "50"}))
    bench.shell(
        "cp /etc/dnf/dnf.conf /srv/; printf '[main]\\ninstallonlypkgs=jet-kernel\\ninstallonly_limit=2\\n'"
        " >/etc/dnf/dnf.conf; rpm -i /srv/rpm-more/jet-kernel-[12]-1.noarch.rpm 2>/dev/null"
    )
    try:
        made, outcome = bench.converge(Dnf.model_validate({"package": "jet-kernel", "update": True}), round_trips=2)
    finally:
        bench.shell("cp /srv/dnf.conf /etc/dnf/dnf.conf")
    assert made == done(outcome) == {"jet-kernel": ("2-1", "3-1")}
    assert installed(bench) == {"jet-kernel-2", "jet-kernel-3"}


def test_a_script_that_fails_behind_an_installation_is_told(
    bench: Bench, module: type[RpmTransaction], make: Make
) -> None:
    bench.host.converge(repository(module, "rpm-more"))
    task = make(package="jet-grumbler")
    outcome = bench.host.apply(task, bench.plan(task))
    assert installed(bench) == {"jet-grumbler-1.0"}
    assert done(outcome) == {"jet-grumbler": (None, "1.0-1")}
    # rpm, and so dnf and zypper, call this a success.
    assert not outcome.failed
    (warning,) = bench.host.warnings
    assert warning.startswith("a script of a package failed: error: ")
    assert warning.endswith("the thing behind is broken")


def test_security_upgrade_leaves_everything_else_alone(bench: Bench, module: type[RpmTransaction], make: Make) -> None:
    bench.host.converge(repository(module, "rpm-patched"))
    have(bench, "rpm-patched/jet-lib-1.0", "rpm-patched/jet-app-1.0")
    task = make(upgrade="security")
    made, outcome = bench.converge(task, round_trips=2)
    assert made == done(outcome) == {"jet-lib": ("1.0-1", "2.0-1")}
    assert installed(bench) == {"jet-lib-2.0", "jet-app-1.0"}
    # The patch asks for a restart, which zypper says by its exit code 102 and by nothing else.
    assert outcome.result["reboot_required"] is (module is Zypper)
    assert changes(bench.plan(make(upgrade="all"))) == {"jet-app": ("1.0-1", "2.0-1")}


def test_an_upgrade_by_dnf_tells_whether_a_restart_is_needed(bench: Bench) -> None:
    bench.host.converge(repository(Dnf, "rpm-patched"))
    have(bench, "rpm-patched/jet-lib-1.0")
    _, outcome = bench.converge(Dnf.model_validate({"upgrade": "all"}), round_trips=2)
    assert outcome.result["reboot_required"] is False
    have(bench, "rpm-patched/linux-firmware-1.0")
    plan = bench.plan(Dnf.model_validate({"upgrade": "all"}), round_trips=1)
    assert (plan.kind, plan.outcome.result["reboot_required"]) == (PlanKind.NONE, True)


@pytest.fixture
def keys(prepared: Bench, tmp_path: Path) -> dict[str, Path]:
    found = {name: tmp_path / f"{name}.asc" for name in ("test", "other")}
    for name, path in found.items():
        path.write_bytes(prepared.machine.read(f"/srv/{name}.asc"))
    return found


@pytest.mark.parametrize("given", ["key", "gpgkey", "key without a try"])
def test_a_signed_repository_is_known_by_its_key(
    bench: Bench, module: type[RpmTransaction], make: Make, keys: dict[str, Path], given: str
) -> None:
    key = {"gpgkey": "file:///srv/test.asc"} if given == "gpgkey" else {"key": keys["test"]}
    signed = repository(module, "rpm-signed", gpgcheck=True, refresh="try" not in given, **key)
    _, outcome = bench.host.converge(signed)
    assert not outcome.failed
    assert bench.plan(signed, round_trips=1).kind is PlanKind.NONE
    bench.shell("mkdir -p /var/cache/zypp/raw /var/cache/dnf; touch -d '3 days ago' /var/cache/zypp/raw /var/cache/dnf")
    _, outcome = bench.converge(make(package="jet-app", refresh=True), round_trips=4)
    assert done(outcome) == {"jet-app": (None, "1.0-1")}
    assert "test@example.org" in bench.shell("rpm -q gpg-pubkey --qf '%{PACKAGER}\\n'")


def test_a_package_without_a_signature_is_refused(
    bench: Bench, module: type[RpmTransaction], make: Make, keys: dict[str, Path]
) -> None:
    bench.host.converge(
        repository(module, "rpm-signed", gpgcheck=True, key=keys["test"], options={"pkg_gpgcheck": "1"})
    )
    task = make(package="jet-unsigned")
    outcome = bench.host.apply(task, bench.plan(task))
    assert (outcome.failed, outcome.changed, installed(bench)) == (True, False, set())
    assert "no package was changed" in outcome.msg


def test_a_repository_with_a_signature_by_somebody_else_is_refused(
    bench: Bench, module: type[RpmTransaction], make: Make, keys: dict[str, Path]
) -> None:
    signed = repository(module, "rpm-signed", gpgcheck=True, key=keys["other"])
    if module is Zypper:
        with pytest.raises(TaskError, match="does not work, and was put back as it was"):
            bench.host.converge(signed)
        assert not bench.machine.exists(signed.path)
        assert bench.shell("rpm -q gpg-pubkey || :").strip() == "package gpg-pubkey is not installed"
        return
    # dnf looks at the signatures of packages alone, before it installs any.
    bench.host.converge(signed)
    task = make(package="jet-app")
    outcome = bench.host.apply(task, bench.plan(task))
    assert (outcome.failed, outcome.changed, installed(bench)) == (True, False, set())
    assert "GPG check FAILED" in outcome.msg
