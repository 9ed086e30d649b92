# SPDX-License-Identifier: GPL-3.0-or-later
"""A generated package of every kind installs, passes its tests, types and lint, builds, and works, unchanged.

Nothing is fetched: packages are built with the hatchling that is here, and installed into an environment of their own
that sees the libraries of this one.
"""

from __future__ import annotations

import filecmp
import sys
from pathlib import Path

import pytest

from jetpack_core.cli.new import KINDS
from jetpack_core.testing.documents import code_blocks
from tests.integration.plugins.conftest import Workshop

ROOT = Path(__file__).parents[3]
SHORT, LONG = "x", "abcdefghijklmn_pqrstuvwxyz_bcd"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cookiecutter")]


def package(workshop: Workshop, kind: str) -> Path:
    """Return the folder of the package of a kind."""
    group = "provisioner" if kind == "provisioner" else "plugin"
    return workshop.folder / "made" / f"jetpack-{group}-sample-{kind}"


@pytest.fixture(scope="module", autouse=True)
def _packages(workshop: Workshop) -> None:
    """Generate a package of every kind, build all of them, and install the wheels."""
    for kind in KINDS:
        words = [f"sample_{kind}", "--kind", kind, "--author", 'Ada "B"', "--folder", "made"]
        workshop.jetpack("new", "plugin", *words, cwd=workshop.folder)
        build: list[str | Path] = [workshop.python, "-m", "hatchling", "build", "-d", workshop.folder / "dist"]
        workshop.works(*build, cwd=package(workshop, kind))
    workshop.pip_install(*sorted((workshop.folder / "dist").glob("*.whl")))


def test_every_package_builds_both_ways(workshop: Workshop) -> None:
    dist = workshop.folder / "dist"
    for kind in KINDS:
        name = f"{package(workshop, kind).name.replace('-', '_')}-0.1.0"
        assert (dist / f"{name}-py3-none-any.whl").exists()
        assert (dist / f"{name}.tar.gz").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_its_tests_pass(workshop: Workshop, kind: str) -> None:
    said = workshop.works(
        workshop.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", cwd=package(workshop, kind)
    )
    assert " passed" in said
    assert " skipped" not in said
    assert " warning" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_it_types(workshop: Workshop, kind: str) -> None:
    cache = workshop.folder / "mypy"
    mypy: list[str | Path] = [workshop.python, "-m", "mypy", "--strict", "--cache-dir", cache, "src", "tests"]
    assert "Success" in workshop.works(*mypy, cwd=package(workshop, kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [SHORT, LONG])
def test_it_lints_and_is_formatted_whatever_its_name(workshop: Workshop, kind: str, name: str, tmp_path: Path) -> None:
    workshop.jetpack("new", "plugin", name, "--kind", kind, "--folder", str(tmp_path), cwd=tmp_path)
    workshop.works(sys.executable, "-m", "ruff", "check", "--no-cache", ".", cwd=tmp_path)
    workshop.works(sys.executable, "-m", "ruff", "format", "--no-cache", "--diff", ".", cwd=tmp_path)


def example(workshop: Workshop, kind: str, folder: Path) -> None:
    """Write the README's playbook where it is to be run, with paths of its own."""
    (playbook,) = code_blocks(package(workshop, kind) / "README.md", "yaml")
    (folder / "site.yml").write_text(playbook.replace("/tmp", str(folder)))


def test_the_module_works_in_a_playbook(workshop: Workshop, tmp_path: Path) -> None:
    example(workshop, "module", tmp_path)
    assert "1 change" in workshop.jetpack("local", "-p", "site.yml", cwd=tmp_path)
    assert (tmp_path / "greeting.txt").read_text() == "hello\n"
    assert "nothing was changed" in workshop.jetpack("local", "-p", "site.yml", cwd=tmp_path)
    assert "Keep one line of text" in workshop.jetpack("doc", "sample_module", cwd=tmp_path)


def test_the_modifier_works_in_a_playbook(workshop: Workshop, tmp_path: Path) -> None:
    example(workshop, "modifier", tmp_path)
    assert "backup is missing" in workshop.jetpack("local", "-v", "-p", "site.yml", cwd=tmp_path)
    (tmp_path / "backup").touch()
    assert "there is a backup" in workshop.jetpack("local", "-p", "site.yml", cwd=tmp_path)


def test_the_connection_works_in_a_playbook(workshop: Workshop, tmp_path: Path) -> None:
    example(workshop, "connection", tmp_path)
    (tmp_path / "inventory" / "groups").mkdir(parents=True)
    (tmp_path / "inventory" / "host_vars").mkdir()
    (tmp_path / "inventory" / "groups" / "boxes").write_text("hosts: [box]\n")
    (tmp_path / "inventory" / "host_vars" / "box.yml").write_text(
        "jet_connection: sample_connection\nsample_connection_enter: [env, A=b]\n"
    )
    assert "1 change" in workshop.jetpack("apply", "-i", "inventory", "-p", "site.yml", cwd=tmp_path)


def test_the_filter_works_in_a_playbook(workshop: Workshop, tmp_path: Path) -> None:
    example(workshop, "filter", tmp_path)
    assert "HELLO!" in workshop.jetpack("local", "-p", "site.yml", cwd=tmp_path)


def test_the_command_works_on_the_command_line(workshop: Workshop, tmp_path: Path) -> None:
    assert workshop.jetpack("sample-command", "Ada", cwd=tmp_path) == "Hello, Ada!\n"


def test_the_view_hears_of_a_run(workshop: Workshop, tmp_path: Path) -> None:
    example(workshop, "view", tmp_path)
    workshop.jetpack("local", "-p", "site.yml", cwd=tmp_path, SAMPLE_VIEW_FILE="runs")
    assert (tmp_path / "runs").read_text() == "local: 1 changed, exit code 0\n"


def test_the_provisioner_is_known(workshop: Workshop, tmp_path: Path) -> None:
    listed = workshop.jetpack("plugins", "list", cwd=tmp_path)
    assert "jetpack-provisioner-sample-provisioner 0.1.0: provisioner sample_provisioner\n" in listed
    assert "memory" in workshop.jetpack("doc", "sample_provisioner", cwd=tmp_path)


def test_the_provisioner_makes_a_guest_before_a_playbook(workshop: Workshop, tmp_path: Path) -> None:
    (variables,) = code_blocks(package(workshop, "provisioner") / "README.md", "yaml")
    for folder in ("groups", "host_vars"):
        (tmp_path / "inventory" / folder).mkdir(parents=True)
    (tmp_path / "inventory" / "groups" / "guests").write_text("hosts: [web1]\n")
    (tmp_path / "inventory" / "host_vars" / "web1.yml").write_text(variables.replace("/tmp", str(tmp_path)))
    (tmp_path / "site.yml").write_text("- name: greet\n  groups: [guests]\n  tasks:\n    - !echo {msg: hello}\n")
    words = ("-i", "inventory", "-p", "site.yml")
    assert "would create" in workshop.jetpack("plan", *words, cwd=tmp_path)
    assert not (tmp_path / "guests").exists()
    said = workshop.jetpack("apply", *words, cwd=tmp_path)
    assert "web1: hello" in said
    assert "1 change" in said
    assert (tmp_path / "guests" / "web1.json").exists()
    assert "nothing was changed" in workshop.jetpack("apply", *words, cwd=tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_cookiecutter_makes_the_same(workshop: Workshop, kind: str, tmp_path: Path) -> None:
    answers = {"name": f"sample_{kind}", "kind": kind, "author": 'Ada "B"'}
    cookiecutter = [sys.executable, "-m", "cookiecutter", "--no-input", "--default-config", "-o", str(tmp_path)]
    template = str(ROOT / "cookiecutter-module")
    workshop.works(*cookiecutter, template, *(f"{name}={value}" for name, value in answers.items()), cwd=tmp_path)
    (made,) = tmp_path.glob("jetpack-*")
    difference = filecmp.dircmp(made, package(workshop, kind), ignore=["__pycache__"])
    assert (difference.left_only, difference.right_only, difference.diff_files) == ([], [], [])
    for file in (path for path in made.rglob("*") if path.is_file()):
        assert file.read_bytes() == (package(workshop, kind) / file.relative_to(made)).read_bytes()


def test_the_wheel_of_the_core_has_the_template(workshop: Workshop, tmp_path: Path) -> None:
    workshop.works(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    site_packages = tmp_path / "site"
    workshop.works(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", site_packages, wheel,
        cwd=tmp_path,
    )  # fmt: skip
    shipped = site_packages / "jetpack_core" / "cli" / "_template"
    for file in (path for path in (ROOT / "cookiecutter-module").rglob("*") if path.is_file()):
        assert (shipped / file.relative_to(ROOT / "cookiecutter-module")).read_bytes() == file.read_bytes()
    script = f"import sys; sys.path.insert(0, {str(site_packages)!r}); from jetpack_core.cli.main import main; main()"
    workshop.works(sys.executable, "-c", script, "new", "plugin", "from_wheel", cwd=tmp_path)
    assert (tmp_path / "jetpack-plugin-from-wheel" / "src" / "jetpack_plugin_from_wheel" / "module.py").exists()
