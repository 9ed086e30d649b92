# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts that the host's owner adds: facts.d, facter and ohai, all of them JSON."""

from __future__ import annotations

import json

from jetpack_core.modules.control.facts_parsing.sections import Facts, Sections

_HEADING = "local "


def local_facts(sections: Sections, programs: tuple[str, ...]) -> tuple[Facts, list[str]]:
    """Return the facts, and what is to be warned of: files and programs whose output is not JSON.

    :param programs: Those that were asked for, `facter` or `ohai`.
    """
    warnings: list[str] = []
    mine: Facts = {}
    for heading in sorted(sections):
        if heading.startswith(_HEADING):
            name = heading.removeprefix(_HEADING)
            value = _json(sections[heading], f"facts.d/{name} gave no JSON, so its facts are missing", warnings)
            if value is not None:
                mine[name.removesuffix(".json").replace("-", "_").replace(".", "_")] = value
    facts: Facts = {"jet_local": mine}
    for program in programs:
        value = _json(sections.get(program, ""), f"{program} is not there or gave no JSON", warnings)
        facts[program] = value if isinstance(value, dict) else {}
    return facts, warnings


def _json(text: str, complaint: str, warnings: list[str]) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if value is None:
        warnings.append(complaint)
    return value
