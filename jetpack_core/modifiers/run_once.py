# SPDX-License-Identifier: GPL-3.0-or-later
"""The `run_once` modifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from jetpack_core.contracts.modifier import Modifier


class RunOnce(Modifier):
    """Run the task once in the play, on the first host that is left; what it saves, all hosts of the play have.

    Where it fails, the run ends, for the other hosts wait for what it does. A handler runs once for each batch of
    hosts. It needs the linear strategy.

    Example::

        - !command
          cmd: [app-ctl, migrate]
          with:
            run_once: true
    """

    section: ClassVar[str] = "with"
    value: bool

    def choose(self, hosts: Sequence[str]) -> Sequence[str] | None:
        """Choose the first host."""
        return hosts[:1] if self.value else None
