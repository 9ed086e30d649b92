# SPDX-License-Identifier: GPL-3.0-or-later
"""The `retry` modifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

from annotated_types import Ge

from jetpack_core.contracts.modifier import AttemptPolicy, Modifier


class Retry(Modifier):
    """Try a failed task again, up to this many times; each attempt plans anew.

    Example::

        - !shell
          cmd: curl -fsS http://127.0.0.1:8080/health
          and:
            retry: 5
            delay: 2
    """

    section: ClassVar[str] = "and"
    value: Annotated[int, Ge(0)]

    def attempt(self, policy: AttemptPolicy) -> AttemptPolicy:
        """Set how often."""
        return replace(policy, retries=self.value)
