# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `fail`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.records import Plan


class Fail(Module):
    """Fail on purpose, most often under a condition.

    Example::

        - !fail
          msg: this release needs Debian
          with:
            condition: jet_os_flavor != "Debian"
    """

    msg: str = "the playbook says so"
    """Why."""

    async def plan(self, host: Host) -> Plan:
        """Raise TaskError with the message."""
        raise TaskError(self.msg)
