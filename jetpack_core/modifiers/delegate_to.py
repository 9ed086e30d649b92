# SPDX-License-Identifier: GPL-3.0-or-later
"""The `delegate_to` modifier."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from jetpack_core.contracts.modifier import Modifier, Route
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Scope


class DelegateTo(Modifier):
    """Act on another host of the inventory; variables, facts and results stay those of the original host.

    `delegate_host` is the original host's name. `localhost` needs `--allow-localhost-delegation`.

    Example::

        - !command
          cmd: [lb-ctl, drain, "{{ delegate_host }}"]
          with:
            delegate_to: balancer
    """

    section: ClassVar[str] = "with"
    value: str

    def route(self, scope: Scope, route: Route) -> Route:
        """Put the delegate in. Raises TaskError for a value that is no name."""
        host = scope.render(self.value)
        if not isinstance(host, str) or not host:
            message = f"'delegate_to' needs a host name, not {host!r}"
            raise TaskError(message)
        return replace(route, host=host)
