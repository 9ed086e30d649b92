# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `wait_for_http`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jetpack_core.modules.control.probes import WebAddress, page_problem
from jetpack_core.modules.control.waiting import Waiting

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


class WaitForHttp(Waiting):
    """Wait until a web page answers, asked for from the control machine; the same as `wait_for` with `http`.

    Example::

        - !wait_for_http
          url: https://app.example.com/health
          expected: "200"
    """

    url: WebAddress
    """The page."""

    expected: str | None = None
    """A status code such as 401, or text that must be in the page; without it, any 2xx will do."""

    verify_tls: bool = True
    """Check the certificate."""

    async def missing(self, host: Host) -> str | None:
        """Ask for the page once."""
        return await host.in_thread(partial(page_problem, self.url, self.expected, verify_tls=self.verify_tls))
