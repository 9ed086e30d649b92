# SPDX-License-Identifier: GPL-3.0-or-later
"""The `skip_if_exists` modifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from jetpack_core.contracts.modifier import Modifier
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


class SkipIfExists(Modifier):
    """Skip the task when a path exists on the host it acts on (the delegate, where there is one).

    Example::

        - !shell
          cmd: /opt/app/bin/install
          with:
            skip_if_exists: /opt/app/installed
    """

    section: ClassVar[str] = "with"
    rank: ClassVar[int] = 20
    value: str

    def guards_items(self) -> bool:
        """Tell that the host acted on, and so the answer, may differ from item to item."""
        return True

    async def guard(self, host: Host) -> str | None:
        """Look whether the path is there. Raises TaskError for a path that is not absolute."""
        path = host.render(self.value)
        if not isinstance(path, str) or not path.startswith("/"):
            message = f"'skip_if_exists' needs an absolute path, not {path!r}"
            raise TaskError(message)
        return f"{path} exists" if (await host.stat(path)).exists else None
