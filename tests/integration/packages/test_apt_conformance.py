# SPDX-License-Identifier: GPL-3.0-or-later
"""The public conformance suite for `apt`, on a host with Python and on one without, the whole file system in view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.modules.packages.apt import Apt
from jetpack_core.records import FileStat, PackageEffect, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import PLAIN_NAME, Sandbox
from tests.integration.packages.conftest import Bench

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

_EMPTY = """
export DEBIAN_FRONTEND=noninteractive
names=$(dpkg-query -W -f '${Package} ' 'jet-*' 2>/dev/null)
[ -z "$names" ] || dpkg --purge --force-all $names >/dev/null 2>&1
"""
_VERSIONS = r"dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n' 'jet-*' 2>/dev/null || :"
# What dpkg and apt keep about packages, and where the files of the tests' packages are.
_THEIRS = (
    "/var/lib/dpkg/",
    "/var/lib/apt/",
    "/var/cache/apt/",
    "/var/cache/debconf/",
    "/var/log/",
    "/etc/jet-",
    "/usr/",
)


class Whole(Sandbox):
    """A host, all files of which are looked at."""

    bench: Bench

    def snapshot(self) -> Mapping[str, FileStat]:
        return cast("Mapping[str, FileStat]", self.bench.snapshot())


def having(*packages: str, then: str = "") -> Callable[[Sandbox], object]:
    """Return what gives a host these packages of the tests and no others."""
    install = f"apt-get -y -qq --allow-downgrades install {' '.join(packages)} >/dev/null 2>&1" if packages else ""
    return lambda box: cast("Whole", box).bench.shell(f"{_EMPTY}\n{install}\n{then}")


def adding(package: str) -> Callable[[Sandbox], object]:
    return lambda box: cast("Whole", box).bench.shell(f"apt-get -y -qq install {package} >/dev/null 2>&1")


@pytest.fixture(scope="module")
def machines(make_bench: Callable[..., Bench]) -> dict[bool, Bench]:
    """Give a host with Python and one without, with the same repositories."""
    usual, plain = make_bench("debs.sh"), make_bench("", image="nopython")
    repositories = usual.machine.exec(["tar", "-C", "/", "-c", "srv/apt", "etc/apt/sources.list"]).stdout
    plain.machine.exec(["tar", "-C", "/", "-x"], stdin=repositories)
    for bench in (usual, plain):
        bench.shell("apt-get update -qq")
    return {False: usual, True: plain}


class TestApt(ModuleConformance):
    """Packages that come, change, stay and go."""

    module = Apt
    without_python = True
    directories = (PLAIN_NAME,)
    cases = (
        Case(
            "missing",
            lambda _: {"package": ["jet-app < 2", "jet-other"]},
            having(),
            PlanKind.CREATE,
            adding("jet-lib"),
            round_trips=3,
        ),
        Case(
            "old",
            lambda _: {"package": "jet-app", "update": "true"},
            having("jet-app=1.0"),
            disturb=adding("jet-other"),
        ),
        Case("as it is", lambda _: {"package": "jet-app>=1"}, having("jet-app=1.0"), PlanKind.NONE),
        Case(
            "gone",
            lambda _: {"package": "jet-lib", "remove": "true", "purge": "true"},
            having("jet-app"),
            PlanKind.REMOVE,
            adding("jet-other"),
            round_trips=3,
        ),
        Case(
            "on hold, from a file",
            lambda _: {"package": "/srv/apt/local/jet-local_1.0_all.deb", "hold": "true"},
            having("jet-lib=1.0"),
            PlanKind.CREATE,
            round_trips=4,
        ),
    )

    @pytest.fixture
    def host(self, on_shell: bool, machines: dict[bool, Bench]) -> Iterator[TestHost]:
        with TestHost(SshConnection(machines[on_shell].endpoint)) as host:
            yield host

    @pytest.fixture
    def box(self, host: TestHost, directory: str, on_shell: bool, machines: dict[bool, Bench]) -> Sandbox:
        box = Whole(host, directory)
        box.bench = machines[on_shell]
        return box

    def test_the_host_becomes_what_the_plan_foretold(self, case: Case, box: Sandbox, folder: Path) -> None:
        """Every package becomes what its effect says; no other package changes, and no file but theirs."""
        bench = cast("Whole", box).bench
        module = self.made(case, box, folder)
        files = box.snapshot()
        before = _packages(bench)
        plan = box.host.plan(module, planning=True)
        outcome = box.host.apply(module, box.host.plan(module))
        assert not outcome.failed, outcome.msg
        effects = [effect for effect in plan.effects if isinstance(effect, PackageEffect)]
        foretold = {one.name: one.version for one in effects if not one.name.startswith("hold of ")}
        after = _packages(bench)
        changed = {
            name: after.get(name) for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        }
        assert changed == foretold
        now = box.snapshot()
        touched = {path for path in files.keys() | now.keys() if files.get(path) != now.get(path)}
        assert {path for path in touched if not f"{path}/".startswith(_THEIRS)} <= {"/etc", "/var/lib", "/var/cache"}


def _packages(bench: Bench) -> dict[str, str]:
    rows = [line.split() for line in bench.shell(_VERSIONS).splitlines()]
    return {row[0]: row[2] for row in rows if row[1] == "installed"}
