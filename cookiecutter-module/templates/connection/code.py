"""The connection `{{ cookiecutter.__name }}`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from jetpack_core.connections.process import ProcessConnection
from jetpack_core.errors import UsageError

VARIABLE = "{{ cookiecutter.__words }}_enter"


class {{ cookiecutter.__class }}(ProcessConnection):
    """Act on what a program of this machine gives a shell in, such as a container.

    The host's variable `{{ cookiecutter.__words }}_enter` is the program with its arguments, to which a shell and its program are added;
    without it the host is this machine. `ProcessConnection` does the rest, with Python on the host or without.

    Example::

        jet_connection: {{ cookiecutter.__name }}
        {{ cookiecutter.__words }}_enter: [docker, exec, -i, web1]
    """

    summary: ClassVar[str] = "act where a program of this machine gives a shell"

    def command(self, program: str) -> Sequence[str]:
        """Return the argv that runs a program of the shell on the host."""
        enter = self.endpoint.variables.get(VARIABLE, [])
        if not isinstance(enter, list) or not all(isinstance(word, str) for word in enter):
            raise UsageError(f"{self.endpoint.host}: {VARIABLE} must be a list of words, not {enter!r}")
        return [*enter, "/bin/sh", "-c", program]
