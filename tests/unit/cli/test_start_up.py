# SPDX-License-Identifier: GPL-3.0-or-later
"""What is loaded, and how long it takes, before a verb does anything."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

HEAVY = {"pydantic", "yaml", "jinja2", "paramiko", "rich", "pluggy"}
SCRIPT = """
import json, sys
from jetpack_core.cli.main import main
try:
    main(sys.argv[1:], prog_name="jetpack")
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def loaded_by(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def cpu_seconds(*words: str) -> float:
    """Return the least user and system time of a few runs, for other work on the machine only adds to it."""
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(times)


def test_version_loads_click_and_nothing_else() -> None:
    assert not loaded_by("--version") & HEAVY


def test_help_loads_what_finds_plugins_and_none_of_the_rest() -> None:
    assert loaded_by("--help") & HEAVY == {"pluggy"}


@pytest.mark.parametrize("verb", ["apply", "plan", "local", "run", "check", "init"])
def test_the_help_of_a_verb_loads_no_more(verb: str) -> None:
    assert loaded_by(verb, "--help") & HEAVY == {"pluggy"}


def test_version_and_help_are_quick() -> None:
    # The measure is this machine's own: what Python and the reader of the command line take without us.
    least = cpu_seconds("-c", "import click")
    assert cpu_seconds("-m", "jetpack_core.cli", "--version") < 2.5 * least
    assert cpu_seconds("-m", "jetpack_core.cli", "--help") < 5 * least
