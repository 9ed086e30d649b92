# SPDX-License-Identifier: GPL-3.0-or-later
"""The `notify` modifier."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from jetpack_core.contracts.modifier import Consequence, Modifier
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Scope


class Notify(Modifier):
    """Run the handlers that subscribe to a name when the task changed something: once per host, after the batch.

    Example::

        - !template
          src: nginx.conf.j2
          dest: /etc/nginx/nginx.conf
          and:
            notify: reload nginx
    """

    section: ClassVar[str] = "and"
    value: str | list[str]

    def after(self, scope: Scope, consequence: Consequence) -> Consequence:
        """Add the names when something changed. Raises TaskError for a name that is no text."""
        if not consequence.status.changed:
            return consequence
        names = [scope.render(text) for text in ([self.value] if isinstance(self.value, str) else self.value)]
        wrong = next((name for name in names if not isinstance(name, str)), None)
        if wrong is not None:
            message = f"'notify' needs names, not {wrong!r}"
            raise TaskError(message)
        return replace(consequence, notify=(*consequence.notify, *(str(name) for name in names)))
