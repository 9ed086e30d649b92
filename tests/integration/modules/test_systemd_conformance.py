# SPDX-License-Identifier: GPL-3.0-or-later
"""The public conformance suite for `sd_service` and `systemd_unit`, on real systemds with and without Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from jetpack_core.modules.system.sd_service import SdService
from jetpack_core.modules.system.systemd_unit import SystemdUnit
from jetpack_core.records import FileStat, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import PLAIN_NAME, Sandbox
from tests.integration.modules.conftest import machines, shell

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

UNITS = "/etc/systemd/system"
PATH = f"{UNITS}/written.service"
TEXT = "[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
OTHER = TEXT.replace("true", "echo")


machine = machines("systemd", "systemd without Python", prepare=lambda _: None)


def file(path: str, text: str) -> Callable[[Sandbox], object]:
    return shell(f"mkdir -p {path.rpartition('/')[0]}; cat >{path} <<'END'\n{text}END\n")


RESET = (
    f"set +e; systemctl --quiet stop written 2>/dev/null; rm -rf {PATH} {PATH}.d {UNITS}/many@.service"
    f" {UNITS}/multi-user.target.wants/written.service; systemctl daemon-reload"
)


class Units(Sandbox):
    """The directory of units, and how one of them is."""

    def snapshot(self) -> dict[str, FileStat]:
        found = self.host.ask(self.host.walk(UNITS, checksum=True))
        # The times and sizes of directories are nobody's doing.
        return {now.path: replace(now, size=0, mtime=0) if now.is_directory else now for now in found}

    def state(self) -> dict[str, object]:
        """Return what a change of `sd_service` is about."""
        said = self.host.ask(self.host.query(["systemctl", "show", "-p", "ActiveState,UnitFileState", "written"]))
        told = dict(line.split("=", 1) for line in said.stdout.splitlines())
        enabled, masked = told["UnitFileState"] == "enabled", told["UnitFileState"] == "masked"
        return {"state": told["ActiveState"], "enabled": enabled, "masked": masked}


class OnSystemd:
    """What both suites share."""

    directories: ClassVar[Sequence[str]] = (PLAIN_NAME,)

    @pytest.fixture
    def host(self, connected: TestHost) -> TestHost:
        return connected

    @pytest.fixture
    def box(self, host: TestHost, directory: str) -> Iterator[Units]:
        box = Units(host, directory)
        shell(RESET)(box)
        yield box
        box.close()


def unverified(**more: str) -> Callable[[Sandbox], dict[str, object]]:
    return lambda _: {"unit": "written", "content": TEXT, "verify_unit": "false", **more}


class TestUnit(OnSystemd, ModuleConformance):
    module = SystemdUnit
    cases = (
        Case(
            "none yet",
            lambda _: {"unit": "written", "content": TEXT},
            expected=PlanKind.CREATE,
            disturb=file(PATH, OTHER),
            round_trips=4,
        ),
        Case("another text", unverified(), file(PATH, OTHER), disturb=file(PATH, f"{OTHER}# mine\n")),
        Case("as it is", unverified(), file(PATH, TEXT), PlanKind.NONE),
        Case("a template", unverified(unit="many@"), expected=PlanKind.CREATE),
        Case(
            "a drop-in",
            unverified(dropin="more"),
            expected=PlanKind.CREATE,
            disturb=file(f"{PATH}.d/more.conf", OTHER),
        ),
        Case("another drop-in", unverified(dropin="more.conf"), file(f"{PATH}.d/more.conf", OTHER)),
        Case(
            "removed",
            lambda _: {"unit": "written", "remove": "true"},
            file(PATH, TEXT),
            PlanKind.REMOVE,
            disturb=file(PATH, OTHER),
        ),
    )


WRITTEN = shell(f"cat >{PATH} <<'END'\n{TEXT}END\nsystemctl daemon-reload")
STARTED = shell("systemctl start written")


def both(*steps: Callable[[Sandbox], object]) -> Callable[[Sandbox], object]:
    return lambda box: [step(box) for step in steps]


class TestService(OnSystemd, ModuleConformance):
    module = SdService
    cases = (
        Case("started and enabled", lambda _: {"service": "written", "started": "true", "enabled": "true"}, WRITTEN),
        Case("stopped", lambda _: {"service": "written", "started": "false"}, both(WRITTEN, STARTED)),
        Case("as it is", lambda _: {"service": "written", "started": "true"}, both(WRITTEN, STARTED), PlanKind.NONE),
        Case("reloaded", lambda _: {"service": "written", "reload": "true"}, both(WRITTEN, STARTED), PlanKind.EXECUTE),
    )

    def test_the_host_becomes_what_the_plan_foretold(self, case: Case, box: Sandbox, folder: Path) -> None:
        """A unit's state is what the changes say, and no other file than the links of its start changes."""
        assert isinstance(box, Units)
        assert isinstance(self, ModuleConformance)
        module = self.made(case, box, folder)
        before = box.snapshot()
        plan = box.host.plan(module, planning=True)
        assert {one.field: one.before for one in plan.changes}.items() <= box.state().items()
        box.host.apply(module, box.host.plan(module))
        assert {one.field: one.after for one in plan.changes}.items() <= box.state().items()
        after = box.snapshot()
        changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        assert {path for path in changed if not path.startswith(f"{UNITS}/multi-user.target.wants")} == set()
