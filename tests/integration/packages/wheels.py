# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes small wheels in /srv/wheels, and a virtual environment without any of them in /srv/venv. Runs on the host."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

FOLDER = Path("/srv/wheels")
FOLDER.mkdir()


def wheel(name: str, version: str, *requires: str, extras: tuple[str, ...] = ()) -> None:
    """Make one wheel with one file."""
    plain = name.replace("-", "_")
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in requires)
    metadata += "".join(f"Provides-Extra: {one}\n" for one in extras)
    info = f"{plain}-{version}.dist-info"
    files = {
        f"{plain}.py": "",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(FOLDER / f"{plain}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


wheel("jet-app", "1.0", "jet-lib")
wheel("jet-app", "1.10", "jet-lib")
wheel("Jet.App", "2.0", "jet-lib >= 2")
wheel("jet-lib", "1.0")
wheel("jet-lib", "2.0")
fast = 'jet-fast[more] >= 2; extra == "fast_one"'
wheel("jet-extra", "1.0", "jet-lib", fast, 'jet-nowhere; extra == "unmet"', extras=("fast_one", "unmet"))
wheel("jet-extra", "2.0", "jet-lib", fast, extras=("fast_one",))
wheel("jet-fast", "1.0")
wheel("jet-fast", "2.0", 'jet-more; extra == "more"', extras=("more",))
wheel("jet-more", "1.0")
subprocess.run(["python3", "-m", "venv", "/srv/venv"], check=True)
