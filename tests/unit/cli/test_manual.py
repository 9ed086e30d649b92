# SPDX-License-Identifier: GPL-3.0-or-later
"""The man page tells of every verb and flag, is what the code says, and reads without a complaint of roff."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetpack_core.cli.main import main
from jetpack_core.cli.manual import FILE, escaped, page
from jetpack_core.registry import Kind, Registry

TOP = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def roff() -> str:
    program = shutil.which("groff")
    if program is None:
        pytest.skip("there is no groff")
    return program


def printed(roff: str, text: str) -> str:
    """Return what a reader sees, without what stands for hyphens and quotes in print."""
    done = subprocess.run(
        [roff, "-man", "-ww", "-Tascii", "-P-cbou", "-rLL=200n", "-k"],
        input=text, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


def test_the_page_is_up_to_date() -> None:
    assert FILE.read_text() == page(), "it is old: python -m jetpack_core.cli.manual"


def test_every_verb_and_flag_is_on_it(roff: str) -> None:
    text = printed(roff, page())
    context = main.make_context("jetpack", [], resilient_parsing=True)
    pending = [(f"jetpack {name}", main.get_command(context, name)) for name in Registry().entries(Kind.COMMAND)]
    assert len(pending) > 15
    while pending:
        path, command = pending.pop()
        assert command is not None
        _, found, after = text.partition(f"   {path} [")
        assert found, path
        section = after.partition("\n   jetpack ")[0]
        flags = [flag for param in command.params if isinstance(param, click.Option) for flag in param.opts]
        assert [flag for flag in flags if flag != "--traceback" and flag not in section] == []
        if isinstance(command, click.Group):
            pending += [
                (f"{path} {name}", command.get_command(context, name)) for name in command.list_commands(context)
            ]


@settings(max_examples=40)
@given(text=st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1, max_size=40))
def test_a_text_is_printed_as_it_is(roff: str, text: str) -> None:
    lines = printed(roff, f".TH TITLE 1\n.SH TEXT\n.nf\n\\&{escaped(text)}\n").splitlines()
    assert lines[lines.index("TEXT") + 1].strip() == text


@pytest.mark.slow
def test_a_wheel_brings_it_where_man_looks(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("LICENSE", "README.md", "pyproject.toml", "cookiecutter-module", "jetpack_core"):
        (tree / name).symlink_to(TOP / name)
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(words, cwd=tree, check=True, capture_output=True, timeout=240)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        (name,) = [one for one in wheel.namelist() if one.endswith("share/man/man1/jetpack.1")]
        assert wheel.read(name) == FILE.read_bytes()
