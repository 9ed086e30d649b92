# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a plugin package from the template in `cookiecutter-module`, without cookiecutter being installed."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHIPPED: Final = Path(__file__).parent / "_template"
_IN_CHECKOUT: Final = Path(__file__).parents[2] / "cookiecutter-module"
_SETTINGS: Final = "cookiecutter.json"


class PluginTemplate:
    """The template, with the questions it asks and the names it derives from the answers.

    It keeps to what of cookiecutter's format it uses: answers, derived names (`__name`), prompts, and included parts.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or (_SHIPPED if _SHIPPED.is_dir() else _IN_CHECKOUT)
        self._settings: dict[str, Any] = json.loads((self.folder / _SETTINGS).read_text(encoding="utf-8"))
        self._environment = SandboxedEnvironment(
            loader=FileSystemLoader(self.folder / "templates"),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            **self._settings["_jinja2_env_vars"],
        )

    def question(self, name: str) -> str:
        """Return the words that ask for an answer."""
        return str(self._settings["__prompts__"][name])

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the answers to choose from, the first one being the default; none where any will do."""
        value = self._settings[name]
        return tuple(value) if isinstance(value, list) else ()

    def answers(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return all answers and the names that follow from them; what is not given is the template's default."""
        found: dict[str, str] = {}
        for key, default in self._settings.items():
            if key == "__prompts__" or (key.startswith("_") and not key.startswith("__")):
                continue
            if key in given:
                found[key] = given[key]
            else:
                found[key] = self._render(default[0] if isinstance(default, list) else default, found)
        return found

    def make(self, answers: Mapping[str, str], parent: Path) -> Path:
        """Write the package into a new folder below another one, whole or not at all, and return it.

        Raises UsageError where it is there already, or cannot be written.
        """
        (source,) = self.folder.glob("{{*}}")
        target = parent / self._render(source.name, answers)
        if target.exists() or target.is_symlink():
            raise UsageError(f"{target} is there already", hint="nothing was made; choose another name or --folder")
        try:
            parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".jetpack-new-", dir=parent) as scratch:
                draft = Path(scratch) / target.name
                for file in _files(source):
                    self._write(file, draft / self._render(str(file.relative_to(source)), answers), answers)
                draft.rename(target)
        except OSError as error:
            raise UsageError(f"cannot make {target}: {error.strerror}") from error
        return target

    def _write(self, source: Path, file: Path, answers: Mapping[str, str]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._render(source.read_text(encoding="utf-8"), answers), encoding="utf-8")

    def _render(self, text: str, answers: Mapping[str, str]) -> str:
        return self._environment.from_string(text).render(cookiecutter=answers)


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        # pip compiles every file called .py that it can, these as well.
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        yield from (Path(root) / name for name in sorted(names))


def git_user() -> str:
    """Return the name that git signs commits with, or nothing."""
    import subprocess

    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run([git, "config", "--get", "user.name"], capture_output=True, text=True, check=False)
    return done.stdout.strip()
