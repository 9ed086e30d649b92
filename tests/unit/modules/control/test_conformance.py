# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that steer a run do what every module must."""

from __future__ import annotations

from jetpack_core.modules.control.debug import Debug
from jetpack_core.modules.control.echo import Echo
from jetpack_core.modules.control.facts import Facts
from jetpack_core.modules.control.set import Set
from jetpack_core.modules.control.wait_for_http import WaitForHttp
from jetpack_core.modules.control.wait_for_others import WaitForOthers
from jetpack_core.records import PlanKind
from jetpack_core.testing.modules import Case, ModuleConformance


class TestDebug(ModuleConformance):
    module = Debug
    cases = (Case("all", lambda _: {}, expected=PlanKind.PASSIVE),)


class TestEcho(ModuleConformance):
    module = Echo
    cases = (Case("text", lambda _: {"msg": "hello"}, expected=PlanKind.PASSIVE),)


class TestFacts(ModuleConformance):
    module = Facts
    cases = (Case("plain", lambda _: {}, expected=PlanKind.PASSIVE),)


class TestSet(ModuleConformance):
    module = Set
    cases = (Case("one", lambda _: {"vars": {"a": 1}}, expected=PlanKind.PASSIVE),)


class TestWaitForHttp(ModuleConformance):
    module = WaitForHttp


class TestWaitForOthers(ModuleConformance):
    module = WaitForOthers
    cases = (Case("alone", lambda _: {}, expected=PlanKind.EXECUTE, round_trips=0),)
