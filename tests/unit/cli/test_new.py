# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack new plugin`: names, questions, refusals and the files it makes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from jetpack_core import __version__
from jetpack_core.cli.new import KINDS, LICENCES, LONGEST_NAME
from jetpack_core.cli.plugin_template import PluginTemplate
from tests.unit.cli.conftest import Run, install

ROOT = Path(__file__).parents[3]
HOSTILE = {"author": 'Ada "B" O\'Neil \\ <ada@example.com>', "description": "Say 'a' & \"b\" {{ c }} \\ é"}
LOUD = """
from jetpack_core.hookspecs import Reference, hookimpl

@hookimpl
def jetpack_register_modules():
    return [Reference("shout", "jetpack_plugin_loud:Shout", "Shout")]
"""


def new(jetpack: Run, *words: str, **more: object) -> subprocess.CompletedProcess[str]:
    return jetpack("new", "plugin", *words, **more)


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_of_each_kind_is_whole(invoke: Run, tmp_path: Path, kind: str) -> None:
    done = new(
        invoke, "big-bang", "--kind", kind, "--author", HOSTILE["author"], "--description", HOSTILE["description"]
    )
    assert done.returncode == 0, done.stderr
    group = "provisioner" if kind == "provisioner" else "plugin"
    folder = tmp_path / f"jetpack-{group}-big-bang"
    package = folder / "src" / f"jetpack_{group}_big_bang"
    assert done.stdout == f"made {folder.name}\n"
    assert "-m pip install -e '.[dev]'" in done.stderr
    made = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert made == {
        ".github/workflows/ci.yml",
        ".github/workflows/release.yml",
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        f"src/{package.name}/__init__.py",
        f"src/{package.name}/{kind}.py",
        f"src/{package.name}/plugin.py",
        f"src/{package.name}/py.typed",
        f"tests/test_{kind}.py",
        "tests/test_plugin.py",
    }
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["authors"] == [{"name": HOSTILE["author"]}]
    assert project["description"] == HOSTILE["description"]
    assert project["entry-points"]["jetpack"] == {"big_bang": f"{package.name}.plugin"}
    for file in folder.rglob("*.py"):
        text = file.read_text()
        assert text.startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")
        ast.parse(text)
    left_over = [file for file in folder.rglob("*") if file.is_file() and "cookiecutter" in file.read_text()]
    assert left_over == []


def test_workflows_have_few_rights_and_pinned_actions(invoke: Run, tmp_path: Path) -> None:
    assert new(invoke, "big-bang").returncode == 0
    workflows = tmp_path / "jetpack-plugin-big-bang" / ".github" / "workflows"
    for name in ("ci.yml", "release.yml"):
        flow = yaml.safe_load((workflows / name).read_text())
        assert flow["permissions"] == {"contents": "read"}
        for job_name, job in flow["jobs"].items():
            assert job.get("permissions", {}) == ({"id-token": "write"} if job_name == "publish" else {})
            for step in job.get("steps", []):
                assert "uses" not in step or step["uses"].partition("@")[2].strip()
                assert "${{" not in step.get("run", ""), "what others can choose must not become shell text"


def test_the_answers_of_a_command_and_its_licence(invoke: Run, tmp_path: Path) -> None:
    done = new(invoke, "jetpack-plugin-big_bang", "--kind", "verb", "--license", "MIT", "--author", "Ada")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "jetpack-plugin-big-bang"
    assert '@click.command("big-bang")' in (folder / "src/jetpack_plugin_big_bang/command.py").read_text()
    assert (folder / "LICENSE").read_text().startswith("MIT License\n\nCopyright (c) Ada\n")


@pytest.mark.parametrize("description", ['Say "hi"', "Don't say hi", "Say 'a' and \"b\"", 'a\\b "c" \\', "é & <b>"])
def test_any_description_stands_as_the_formatter_wants_it(invoke: Run, tmp_path: Path, description: str) -> None:
    assert new(invoke, "big_bang", "--description", description).returncode == 0
    (plugin,) = (tmp_path / "jetpack-plugin-big-bang" / "src").glob("*/plugin.py")
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--diff", plugin], capture_output=True, text=True, check=False
    )
    assert (formatted.returncode, formatted.stdout) == (0, "")
    texts = [node.value for node in ast.walk(ast.parse(plugin.read_text())) if isinstance(node, ast.Constant)]
    assert description in texts


@pytest.mark.parametrize("name", ["Big Bang", "1st", "a__b", "a-", "été", "a.b", "../a", "", "a\n"])
def test_a_name_that_cannot_be_is_refused(invoke: Run, tmp_path: Path, name: str) -> None:
    done = new(invoke, name, "--kind", "module")
    if name.strip() == "a":
        assert done.returncode == 0
        return
    assert (done.returncode, done.stdout) == (1, "")
    assert "is no name for a plugin" in done.stderr
    assert "hint: use small letters, digits and _" in done.stderr
    assert list(tmp_path.glob("jetpack*")) == []


def test_the_hint_has_a_name_that_can_be(invoke: Run) -> None:
    assert "beginning with a letter: big_bang\n" in new(invoke, "Big Bang!").stderr


def test_a_long_name_is_refused(invoke: Run) -> None:
    assert f"longer than {LONGEST_NAME} characters" in new(invoke, "a" * (LONGEST_NAME + 1)).stderr


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("copy", "module", "there is a module 'copy' already, built in"),
        ("items", "modifier", "there is a modifier 'items' already, built in"),
        ("check_local", "command", "there is a command 'check-local' already, built in"),
        ("upper", "filter", "templates have a filter 'upper' already"),
    ],
)
def test_a_name_that_is_built_in_is_refused(invoke: Run, tmp_path: Path, name: str, kind: str, said: str) -> None:
    done = new(invoke, name, "--kind", kind)
    assert done.returncode == 1
    assert said in done.stderr
    assert "hint: choose another name, such as my" in done.stderr
    assert list(tmp_path.glob("jetpack*")) == []


def test_the_same_name_for_another_kind_is_fine(invoke: Run) -> None:
    assert new(invoke, "copy", "--kind", "filter").returncode == 0


def test_a_name_of_an_installed_plugin_is_refused(jetpack: Run, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    install(site, "jetpack-plugin-loud", LOUD)
    done = new(jetpack, "shout", path=site)
    assert done.returncode == 1
    assert "there is a module 'shout' already, offered by jetpack-plugin-loud, which is installed" in done.stderr


def test_what_is_there_is_left_alone(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "jetpack-plugin-big-bang").mkdir()
    done = new(invoke, "big_bang")
    assert done.returncode == 1
    assert "jetpack-plugin-big-bang is there already" in done.stderr
    assert list((tmp_path / "jetpack-plugin-big-bang").iterdir()) == []


def test_nothing_is_left_where_it_cannot_be_made(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = new(invoke, "big_bang", "--folder", "file/below")
    assert done.returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "home"]


def test_without_a_terminal_nothing_is_asked(jetpack: Run, tmp_path: Path) -> None:
    assert "a new plugin needs a name" in new(jetpack).stderr
    assert new(jetpack, "big_bang", "--folder", "deep/er").returncode == 0
    assert (tmp_path / "deep" / "er" / "jetpack-plugin-big-bang" / "src/jetpack_plugin_big_bang/module.py").exists()


def test_a_description_is_one_line(invoke: Run) -> None:
    assert "one line" in new(invoke, "big_bang", "--description", "a\nb").stderr


def test_on_a_terminal_it_asks_for_what_is_missing(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    call = [sys.executable, "-m", "jetpack_core.cli", "new", "plugin", "--kind", "filter"]
    with subprocess.Popen(
        call, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, text=True
    ) as process:
        os.write(ours, b"big_bang\nMake a bang\nAda\nMIT\n")
        stdout, stderr = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, stdout) == (0, "made jetpack-plugin-big-bang\n"), stderr
    project = tomllib.loads((tmp_path / "jetpack-plugin-big-bang" / "pyproject.toml").read_text())["project"]
    assert (project["description"], project["license"]) == ("Make a bang", "MIT")
    assert project["authors"] == [{"name": "Ada"}]


def test_the_flags_offer_what_the_template_does() -> None:
    template = PluginTemplate()
    assert (template.choices("kind"), template.choices("licence")) == (KINDS, LICENCES)


def test_the_template_wants_this_version_of_the_core() -> None:
    settings = json.loads((ROOT / "cookiecutter-module" / "cookiecutter.json").read_text())
    major, minor, _ = __version__.split(".")
    assert settings["__core"] == f">={major}.{minor},<{major}.{int(minor) + 1}"
