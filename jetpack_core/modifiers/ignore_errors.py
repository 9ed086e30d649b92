# SPDX-License-Identifier: GPL-3.0-or-later
"""The `ignore_errors` modifier."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from jetpack_core.contracts.modifier import Consequence, Modifier
from jetpack_core.records import Status

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Scope


class IgnoreErrors(Modifier):
    """Show a failure, count it as ignored, and go on with the host; `retry` comes first.

    Example::

        - !shell
          cmd: /usr/bin/optional-cleanup
          and:
            ignore_errors: true
    """

    section: ClassVar[str] = "and"
    rank: ClassVar[int] = 10
    value: bool

    def after(self, scope: Scope, consequence: Consequence) -> Consequence:
        """Turn a failure into an ignored one; an unreachable host stays one."""
        del scope
        if self.value and consequence.status is Status.FAILED:
            return replace(consequence, status=Status.IGNORED)
        return consequence
