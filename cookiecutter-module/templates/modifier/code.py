"""The modifier `{{ cookiecutter.__name }}`."""

from __future__ import annotations

from typing import ClassVar

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.modifier import Modifier
from jetpack_core.errors import TaskError


class {{ cookiecutter.__class }}(Modifier):
    """Skip the task while a path is missing on the host it acts on.

    Example::

        - !echo
          msg: there is a backup
          with:
            {{ cookiecutter.__name }}: /var/backups/latest
    """

    section: ClassVar[str] = "with"
    rank: ClassVar[int] = 20
    value: str
    """The path; a template, which a modifier renders by itself."""

    def guards_items(self) -> bool:
        """Tell that the path, and so the answer, may differ from item to item."""
        return True

    async def guard(self, host: Host) -> str | None:
        """Look whether the path is there. Only reads, as all phases of a modifier."""
        path = host.render(self.value)
        if not isinstance(path, str) or not path.startswith("/"):
            raise TaskError(f"'{{ cookiecutter.__name }}' needs an absolute path, not {path!r}")
        return None if (await host.stat(path)).exists else f"{path} is missing"
