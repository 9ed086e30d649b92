"""The verb `jetpack {{ cookiecutter.__name }}`, called as a user does."""

from __future__ import annotations

import shlex
from pathlib import Path

from jetpack_core.testing.command_line import CommandLine
from jetpack_core.testing.documents import code_blocks

README = Path(__file__).parents[1] / "README.md"
VERB = "{{ cookiecutter.__name }}"


def test_it_greets(run_jetpack: CommandLine) -> None:
    done = run_jetpack(VERB)
    assert (done.exit_code, done.stdout) == (0, "Hello, world!\n")


def test_it_is_in_the_help(run_jetpack: CommandLine) -> None:
    assert VERB in run_jetpack("--help").stdout
    assert "--loud" in run_jetpack(VERB, "--help").stdout


def test_the_example_works(run_jetpack: CommandLine) -> None:
    (example,) = code_blocks(README, "console")
    call, _, printed = example.partition("\n")
    assert run_jetpack(*shlex.split(call)[2:]).stdout == printed
