# SPDX-License-Identifier: GPL-3.0-or-later
"""The command group: finding verbs, and how every failure ends."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from jetpack_core import __version__
from jetpack_core.cli import failures
from jetpack_core.cli.main import ALIASES, main
from jetpack_core.errors import ContentError, Problem, UsageError
from jetpack_core.records import Position
from jetpack_core.registry import Kind, Registry
from tests.unit.cli.conftest import Run, install

PLUGIN = """
import click
from jetpack_core.hookspecs import Reference, hookimpl

@hookimpl
def jetpack_register_commands():
    return [Reference("greet", f"{__name__}:greet", "Say hello to the fleet")]

@click.command()
@click.option("--how", default="")
def greet(how):
    if how == "crash":
        raise RuntimeError("the greeting got lost")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "question":
        click.confirm("really?")
    if how == "seven":
        return 7
    click.echo("hello, fleet")
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


def test_the_version_is_the_packages() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.output) == (0, f"jetpack, version {__version__}\n")


def test_a_call_within_another_program_leaves_its_garbage_collector_alone() -> None:
    before = (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count())
    assert CliRunner().invoke(main, ["--help"]).exit_code == 0
    assert (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()) == before


def test_a_process_of_its_own_spares_itself_the_collector() -> None:
    script = (
        "import atexit, gc, sys\n"
        "atexit.register(lambda: print('collects' if gc.isenabled() else 'does not'))\n"
        "sys.argv = ['jetpack', '--version']\n"
        "from jetpack_core.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "does not"


def test_help_lists_every_verb_with_its_summary() -> None:
    result = CliRunner().invoke(main, ["--help"], terminal_width=200)
    assert result.exit_code == 0
    for name, entry in Registry().entries(Kind.COMMAND).items():
        assert f"  {name} " in result.output
        assert entry.reference.summary in result.output
    assert not set(ALIASES) & set(result.output.split())


def test_every_verb_loads_under_its_own_name() -> None:
    registry = Registry()
    for name in registry.entries(Kind.COMMAND):
        assert registry.command(name).name == name


@pytest.mark.parametrize(("older", "verb"), ALIASES.items())
def test_older_names_mean_the_same_verbs(older: str, verb: str) -> None:
    ctx = click.Context(main)
    found = main.get_command(ctx, older)
    assert found is not None
    assert found.name == verb


def test_a_wrong_verb_is_told_the_nearest_one() -> None:
    result = CliRunner().invoke(main, ["aply"])
    assert result.exit_code == 1
    assert "there is no verb 'aply'; did you mean 'apply'?" in result.stderr


def test_a_verb_that_nobody_has_names_the_package_that_would() -> None:
    result = CliRunner().invoke(main, ["frobnicate"])
    assert result.exit_code == 1
    assert "pip install jetpack-plugin-frobnicate" in result.stderr


@pytest.mark.parametrize("arguments", [["--nonsense"], ["apply", "--nonsense"], ["apply", "--port", "99999"], []])
def test_usage_errors_end_with_1_and_say_so_on_standard_error(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "Usage: " in result.stderr
    assert result.stdout == ""


def test_a_plugin_adds_a_verb(jetpack: Run, site: Path) -> None:
    install(site, "jetpack-plugin-greet", PLUGIN)
    assert "Say hello to the fleet" in jetpack("--help", path=site).stdout
    done = jetpack("greet", path=site)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello, fleet\n", "")


def test_a_broken_plugin_is_one_warning_and_stops_nothing(jetpack: Run, site: Path) -> None:
    install(site, "jetpack-plugin-greet", PLUGIN)
    install(site, "jetpack-plugin-ruin", "import no_such_library", version="0.3")
    done = jetpack("--help", path=site)
    assert done.returncode == 0
    assert "greet" in done.stdout
    (warning,) = done.stderr.splitlines()
    assert "jetpack-plugin-ruin 0.3 did not load: ModuleNotFoundError: No module named 'no_such_library'" in warning
    assert "pip uninstall jetpack-plugin-ruin" in warning


def test_two_plugins_with_one_verb_are_an_error_that_names_both(jetpack: Run, site: Path) -> None:
    install(site, "jetpack-plugin-greet", PLUGIN)
    install(site, "jetpack-plugin-hello", PLUGIN)
    done = jetpack("--help", path=site)
    assert done.returncode == 1
    assert "jetpack-plugin-greet and jetpack-plugin-hello" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unexpected_failure_is_one_sentence(jetpack: Run, site: Path) -> None:
    install(site, "jetpack-plugin-greet", PLUGIN)
    done = jetpack("greet", "--how", "crash", path=site)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("internal error: RuntimeError: the greeting got lost;")
    assert "--traceback" in line


@pytest.mark.parametrize(
    "arguments", [("--traceback", "greet", "--how", "crash"), ("greet", "--how", "crash", "--traceback")]
)
def test_a_traceback_is_shown_on_demand(jetpack: Run, site: Path, arguments: tuple[str, ...]) -> None:
    install(site, "jetpack-plugin-greet", PLUGIN)
    done = jetpack(*arguments, path=site)
    assert done.returncode == 1
    assert "RuntimeError: the greeting got lost\n" in done.stderr
    assert "in greet" in done.stderr


@pytest.mark.parametrize(("how", "code"), [("interrupt", 130), ("seven", 7), ("question", 1)])
def test_exit_codes(jetpack: Run, site: Path, how: str, code: int) -> None:
    install(site, "jetpack-plugin-greet", PLUGIN)
    done = jetpack("greet", "--how", how, path=site)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", ["--help", "doc"])
def test_a_reader_that_goes_away_is_no_error(arguments: str) -> None:
    command = f"{sys.executable} -m jetpack_core.cli {arguments} | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_output_that_cannot_be_written_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "jetpack_core.cli", "--version"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "error: writing output: No space left on device\n"


def test_errors_show_their_hint(capsys: pytest.CaptureFixture[str]) -> None:
    failures.tell(UsageError("there is no fuel", hint="buy some"))
    assert capsys.readouterr().err == "error: there is no fuel\n  hint: buy some\n"


def test_content_errors_show_every_problem_and_their_number(capsys: pytest.CaptureFixture[str]) -> None:
    first = Problem(Position("site.yml", 3, 5), "no key `groop`", "did you mean `groups`?", "    groop: [web]")
    failures.tell(ContentError([first, Problem(Position("site.yml", 9, 1), "a play has no name")]))
    told = capsys.readouterr().err
    assert "site.yml:3:5: no key `groop`\n        groop: [web]\n        ^\n" in told
    assert told.endswith("site.yml:9:1: a play has no name\n\n2 problems; nothing ran\n")
