# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server of the tests that the containers of the fleet can reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from plugins.download.tests.server import Site
from tests.integration.fleet.engine import docker


@contextmanager
def reachable_site() -> Iterator[tuple[Site, str]]:
    """Run a server; also yields the name under which containers know this machine."""
    gateway = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}").strip()
    site = Site("0.0.0.0")  # noqa: S104 - reached through the bridge
    try:
        yield site, gateway
    finally:
        site.close()
