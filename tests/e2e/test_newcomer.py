# SPDX-License-Identifier: GPL-3.0-or-later
"""The first five minutes: what the README tells a newcomer to type, on a fresh machine, with a second one to change.

Every command of the README's "Install" and "Five minutes" is typed as it stands there, and what it prints is compared
with what stands there. Nothing is fetched: pip finds what it needs in a folder of wheels.
"""

from __future__ import annotations

import io
import platform
import re
import tarfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
SOURCES = ("LICENSE", "README.md", "pyproject.toml", "cookiecutter-module", "jetpack_core")
HOST = "web1.example.com"
USER = "deploy"
DEBIANS_PYTHON = "3.11"
_CHANGING = (
    (re.compile(r"\b\d+(\.\d+)? (ms|s)\b"), "TIME"),
    (re.compile(r"\bage1\w+"), "RECIPIENT"),
    (re.compile(r"\b3\.\d+\.\d+\b"), "PYTHON"),
)


@dataclass(frozen=True)
class Typed:
    """A command of the README, and what it prints there."""

    command: str
    output: str


def console(section: str) -> Iterator[Typed]:
    """Yield the commands of the console blocks of a section of the README, in order."""
    text = (ROOT / "README.md").read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = f"{command}\n{more}"
            yield Typed(command, output)


def settled(text: str) -> str:
    """Return a text without what is never the same twice."""
    for pattern, name in _CHANGING:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def agrees(shown: str, printed: str) -> bool:
    """Tell whether a text is what the README shows; a line of `...` there stands for any lines."""
    wanted = [re.escape(part) for part in re.split(r"^\.\.\.$\n?", settled(shown) + "\n", flags=re.MULTILINE)]
    return re.fullmatch(r"(?:.*\n)*?".join(wanted), settled(printed) + "\n") is not None


def needed(name: str) -> set[str]:
    """Return the names of what a distribution needs, directly or not, and its own."""
    found, pending = {name}, [name]
    while pending:
        for text in distribution(pending.pop()).requires or ():
            one = Requirement(text)
            if one.name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
                found.add(one.name)
                pending.append(one.name)
    return found


def wheel(name: str) -> tuple[str, bytes]:
    """Return a wheel of what is installed here, as it was before pip unpacked it."""
    one = distribution(name)
    files = [file for file in one.files or () if ".." not in file.parts and not file.name.endswith(".pyc")]
    (tag, *_) = re.findall(r"^Tag: (\S+)", one.read_text("WHEEL") or "", re.MULTILINE)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for file in files:
            if file.name not in {"INSTALLER", "REQUESTED", "direct_url.json"}:
                archive.writestr(str(file), Path(str(file.locate())).read_bytes())
    stem = f"{re.sub(r'[-_.]+', '_', one.name)}-{one.version}"
    return f"{stem}-{tag}.whl", made.getvalue()


def packed(contents: dict[str, bytes], sources: tuple[str, ...]) -> bytes:
    """Return an archive of files and of some of this repository's."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name in sources:
            archive.add(ROOT / name, f"jetpack/{name}", filter=lambda one: None if "__pycache__" in one.name else one)
    return made.getvalue()


@pytest.fixture
def newcomer(fleet: Fleet) -> Iterator[SshHost]:
    """A machine with Python, this repository, and a key that another machine named web1.example.com lets in."""
    if not platform.python_version().startswith(f"{DEBIANS_PYTHON}."):
        pytest.skip(f"the libraries here are for Python {platform.python_version()}, and the machine's is another")
    machine, web = fleet.start("packages", name="laptop"), fleet.start("debian", name="web1")
    wheels = dict(map(wheel, (needed("jetpack-core") | needed("hatchling")) - {"jetpack-core"}))
    content = packed({f"wheels/{name}": text for name, text in wheels.items()}, SOURCES)
    home = f"/home/{USER}"
    machine.exec(["tar", "-x", "--no-same-owner", "-C", home], stdin=content, user=USER)
    machine.exec(["sh", "-c", f"umask 77; cat >{home}/.ssh/id_ed25519"], stdin=fleet.keys.plain.read_bytes(), user=USER)
    machine.shell(f"echo {web.address} {HOST} >>/etc/hosts")
    yield machine
    fleet.remove(machine)
    fleet.remove(web)


def type_in(machine: SshHost, commands: list[Typed]) -> list[tuple[Typed, str]]:
    """Type commands into one shell, and return each with what it printed; its standard error is last."""
    script = "cd ~/jetpack\nexport PIP_NO_INDEX=1 PIP_FIND_LINKS=$HOME/wheels PIP_DISABLE_PIP_VERSION_CHECK=1\n"
    for typed in commands:
        script += f"{{ {typed.command}\n}} 2>/tmp/said; cat /tmp/said; printf '\\0%s\\0' $?\n"
    settings = ["env", f"HOME=/home/{USER}", f"USER={USER}", "LANG=C.UTF-8", "COLUMNS=100"]
    done = machine.exec([*settings, "bash", "-s"], stdin=script.encode(), user=USER)
    parts = done.stdout.decode().split("\0")
    return list(zip(commands, parts[::2], strict=False))


def test_from_the_readme_alone_to_a_changed_host(newcomer: SshHost) -> None:
    commands = [*console("Install"), *console("Five minutes")]
    begun = time.monotonic()
    printed = type_in(newcomer, commands)
    seconds = time.monotonic() - begun
    print(f"{len(commands)} commands in {seconds:.1f} s")

    assert len(printed) == len(commands)
    for typed, text in printed:
        assert agrees(typed.output, text), f"$ {typed.command}\n{text}\n--- and the README says\n{typed.output}"
    assert seconds < 300
    assert newcomer.exists(f"/home/{USER}/jetpack/fleet/site.yml")
