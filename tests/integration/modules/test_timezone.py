# SPDX-License-Identifier: GPL-3.0-or-later
"""`timezone` on real hosts: what `date` then says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jetpack_core.modules.system.timezone import Timezone
from jetpack_core.records import PathEffect, PlanKind
from tests.integration.fleet import SshHost
from tests.integration.modules.conftest import Reach

pytestmark = [pytest.mark.docker, pytest.mark.ssh]


@pytest.mark.parametrize("image", ["debian", "nopython", "busybox"])
def test_the_clock_shows_the_zone(image: str, reach: Reach, new_host: Callable[[str], SshHost]) -> None:
    machine = new_host(image)
    with reach(machine) as host:
        module = Timezone(zone="Asia/Tokyo")
        planned = host.plan(module, planning=True)
        assert machine.shell("date +%Z") == "UTC\n"
        host.converge(module)
        assert host.plan(module).kind is PlanKind.NONE
        for effect in planned.effects:
            assert isinstance(effect, PathEffect)
            now = host.ask(host.stat(effect.state.path, content=100))
            assert (now.kind, now.target, now.content) == (effect.state.kind, effect.state.target, effect.state.content)
            assert now.mode == effect.state.mode
    assert machine.shell("date +%Z; cat /etc/timezone") == "JST\nAsia/Tokyo\n"
