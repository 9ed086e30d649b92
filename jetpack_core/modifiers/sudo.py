# SPDX-License-Identifier: GPL-3.0-or-later
"""The `sudo` modifier."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from jetpack_core.contracts.modifier import Modifier, Route
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Scope


class Sudo(Modifier):
    """Become another user for the task; beats the play's and the command line's.

    Example::

        - !command
          cmd: [psql, -c, "SELECT 1"]
          with:
            sudo: postgres
    """

    section: ClassVar[str] = "with"
    value: str

    def route(self, scope: Scope, route: Route) -> Route:
        """Put the user in. Raises TaskError for a name that cannot be one."""
        user = scope.render(self.value)
        if not isinstance(user, str) or not user or user.startswith("-") or any(char.isspace() for char in user):
            message = f"'sudo' needs a user name, not {user!r}"
            raise TaskError(message)
        return replace(route, user=user)
