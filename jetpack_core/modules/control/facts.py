# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `facts`."""

from __future__ import annotations

import secrets
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, ClassVar, Final

from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError
from jetpack_core.modules.control.facts_parsing.hardware import hardware_facts
from jetpack_core.modules.control.facts_parsing.local import local_facts
from jetpack_core.modules.control.facts_parsing.network import network_facts
from jetpack_core.modules.control.facts_parsing.sections import split_sections
from jetpack_core.modules.control.facts_parsing.system import system_facts
from jetpack_core.records import Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.modules.control.facts_parsing.sections import Facts as FactMap

FACTS_DIRECTORY: Final = "/etc/jetpack/facts.d"
"""Where a host keeps facts of its own: `NAME.json`, and executables that print JSON and change nothing."""

_PATIENCE: Final = 180.0


class Facts(Module):
    """Find out about the host; what is found becomes variables, listed in docs/reference/facts.md.

    Facts of the host's own are read from /etc/jetpack/facts.d: the files `NAME.json`, and executables, which
    print JSON and must change nothing. They are found under `jet_local.NAME`.

    Example::

        - !facts
        - !facts
          facter: true
    """

    sets_variables: ClassVar[bool] = True

    facter: bool = False
    """Ask `facter` as well, where it is installed; what it says is under `facter`."""

    ohai: bool = False
    """Ask `ohai` as well, where it is installed; what it says is under `ohai`."""

    async def plan(self, host: Host) -> Plan:
        """Gather the facts. Raises TaskError where not even a shell can be run."""
        mark = secrets.token_hex(16)
        asked = ["yes" if program else "" for program in (self.facter, self.ohai)]
        argv = ["/bin/sh", "-c", gathering_script(), "facts", mark, FACTS_DIRECTORY, *asked]
        ended = await host.run(argv, read_only=True, timeout=_PATIENCE)
        programs = tuple(name for name in ("facter", "ohai") if getattr(self, name))
        facts, warnings = facts_from(ended.stdout, mark, programs)
        if facts["jet_os_type"] is None:
            raise TaskError(f"the host told nothing about itself: {ended.stderr.strip() or 'no output'}")
        return Plan(PlanKind.PASSIVE, outcome=Outcome(result=facts, warnings=tuple(warnings)))


def facts_from(said: str, mark: str, programs: tuple[str, ...] = ()) -> tuple[FactMap, list[str]]:
    """Return the facts in the output of the gathering script, and warnings.

    :param programs: Those that were asked for, `facter` or `ohai`.
    """
    sections = split_sections(said, mark)
    mine, warnings = local_facts(sections, programs)
    return {**system_facts(sections), **hardware_facts(sections), **network_facts(sections), **mine}, warnings


@cache
def gathering_script() -> str:
    """Return the text of the script that is run on hosts."""
    return files("jetpack_core.modules.control.facts_parsing").joinpath("gather.sh").read_text("utf-8")
