"""The view `{{ cookiecutter.__name }}`."""

from __future__ import annotations

import os
from pathlib import Path

from jetpack_core.contracts.view import View
from jetpack_core.events import Event, HostResult, RunFinished, RunStarted

VARIABLE = "{{ cookiecutter.__words|upper }}_FILE"


class {{ cookiecutter.__class }}(View):
    """Add a line about every run to the file that `${{ cookiecutter.__words|upper }}_FILE` names.

    The views of all installed plugins take part in every run, so one that is not asked for does nothing.
    """

    def __init__(self) -> None:
        name = os.environ.get(VARIABLE)
        self._file = Path(name) if name else None
        self._command = ""
        self._changes = 0

    def handle(self, event: Event) -> None:
        """Count what changes, and write the line when the run ends."""
        match event:
            case RunStarted(command=command):
                self._command = command
            case HostResult(status=status, planned=False) if status.changed:
                self._changes += 1
            case RunFinished(exit_code=code):
                self._write(f"{self._command}: {self._changes} changed, exit code {code}\n")
            case _:
                pass

    def _write(self, line: str) -> None:
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(line)
