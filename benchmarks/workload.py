# SPDX-License-Identifier: GPL-3.0-or-later
"""Workload W1: the files that every peer is given, and what a host must look like when it is done."""

from __future__ import annotations

import hashlib
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TARGET: Final = "/srv/bench"
TASKS: Final = 24
SHELL_TASKS: Final = 5
SMALL_FILES: Final = 5
SMALL_SIZE: Final = 1024
LARGE_SIZE: Final = 1 << 20
TEMPLATES: Final = 5
VARIABLES: Final = {"app_name": "orders", "app_port": "8080", "app_workers": "4", "app_title": "Orders & returns"}
CONTENT: Final = Path(__file__).parent / "peers" / "w1"

# What a host holds before a first run: an empty folder, and two files whose attributes will be changed.
RESET: Final = f"""
set -e
rm -rf {TARGET} /root/.ansible /root/.ansible_async /tmp/pyinfra-* /tmp/.pyinfra*
mkdir -p {TARGET}
for name in one two; do
    echo "seed $name" >{TARGET}/seed-$name
    chmod 600 {TARGET}/seed-$name
done
"""
# One line for each path, sorted; contents by checksum.
LISTING: Final = f"""
set -e
cd {TARGET}
find . -mindepth 1 -printf '%P %y %m %u %g\\n' | LC_ALL=C sort
find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
"""


@dataclass(frozen=True, slots=True)
class _Path:
    """One path that W1 leaves on a host."""

    name: str
    kind: str
    mode: str
    owner: str
    group: str
    content: bytes = b""


def write_sources(folder: Path) -> None:
    """Write the content of every peer and the files it sends into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CONTENT, folder)
    (folder / "files").mkdir()
    for name, content in _sent_files().items():
        path = folder / "files" / name
        path.write_bytes(content)
        path.chmod(0o644)
    template = (CONTENT / "templates" / "app.conf.j2").read_text()
    for number in range(1, TEMPLATES + 1):
        (folder / "templates" / f"app-{number}.conf.j2").write_text(template.replace("NUMBER", str(number)))


def expected_listing() -> str:
    """Return what LISTING must print on a host where W1 ran."""
    paths = sorted(_wanted(), key=lambda path: path.name.encode())
    lines = [f"{path.name} {path.kind} {path.mode} {path.owner} {path.group}" for path in paths]
    # `sort -z` above sees the names with their "./", which does not change the order.
    sums = [f"{hashlib.sha256(path.content).hexdigest()}  ./{path.name}" for path in paths if path.kind == "f"]
    return "\n".join([*lines, *sums]) + "\n"


def _sent_files() -> dict[str, bytes]:
    """Return the files to be copied: the same in every run, and bytes that no compression makes smaller."""
    source = random.Random(20261121)
    files = {f"small-{number}": source.randbytes(SMALL_SIZE) for number in range(1, SMALL_FILES + 1)}
    return {**files, "large": source.randbytes(LARGE_SIZE)}


def _wanted() -> list[_Path]:
    paths = [_Path(name, "f", "644", "root", "root", content) for name, content in _sent_files().items()]
    paths += [
        _Path(f"app-{number}.conf", "f", "640", "root", "deploy", _rendered(number))
        for number in range(1, TEMPLATES + 1)
    ]
    paths += [
        _Path("data", "d", "750", "deploy", "deploy"),
        _Path("logs", "d", "755", "root", "adm"),
        _Path("cache", "d", "700", "nobody", "nogroup"),
        _Path("spool", "d", "711", "root", "root"),
    ]
    return [
        *paths,
        _Path("seed-one", "f", "640", "root", "adm", b"seed one\n"),
        _Path("seed-two", "f", "444", "deploy", "deploy", b"seed two\n"),
    ]


def _rendered(number: int) -> bytes:
    """Render the template by hand: no peer's engine judges its own work."""
    text = (CONTENT / "templates" / "app.conf.j2").read_text().replace("NUMBER", str(number))
    for name, value in VARIABLES.items():
        text = text.replace(f"{{{{ {name} }}}}", value)
    return text.encode()
