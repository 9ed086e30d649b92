# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that run something do what every module must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from jetpack_core.modules.commands.external import External
from jetpack_core.modules.commands.script import Script
from jetpack_core.modules.commands.shell import Shell
from jetpack_core.records import PlanKind
from jetpack_core.testing.modules import Case, ModuleConformance


class TestShell(ModuleConformance):
    module = Shell
    cases = (
        Case(
            "writes",
            lambda box: {"cmd": "echo x >made", "cwd": box.path()},
            expected=PlanKind.EXECUTE,
            round_trips=1,
        ),
    )


class TestScript(ModuleConformance):
    module = Script
    sources: ClassVar[Mapping[str, str | None]] = {"run": "#!/bin/sh\necho x >made\n", "register.py": ""}
    cases = (Case("writes", lambda box: {"src": "run", "cwd": box.path()}, expected=PlanKind.EXECUTE, round_trips=3),)


class TestExternal(ModuleConformance):
    module = External
    sources: ClassVar[Mapping[str, str | None]] = {"run": "#!/bin/sh\necho x >made; echo '{}'\n", "join_cluster": ""}
    cases = (Case("writes", lambda box: {"use": "run", "cwd": box.path()}, expected=PlanKind.EXECUTE, round_trips=3),)
