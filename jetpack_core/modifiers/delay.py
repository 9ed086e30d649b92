# SPDX-License-Identifier: GPL-3.0-or-later
"""The `delay` modifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

from annotated_types import Ge

from jetpack_core.contracts.modifier import AttemptPolicy, Modifier


class Delay(Modifier):
    """Wait this many seconds between the attempts that `retry` makes (1 unless said).

    Example::

        - !shell
          cmd: test -e /run/app.ready
          and:
            retry: 30
            delay: 1
    """

    section: ClassVar[str] = "and"
    value: Annotated[float, Ge(0)]

    def attempt(self, policy: AttemptPolicy) -> AttemptPolicy:
        """Set how long between attempts."""
        return replace(policy, delay=self.value)
