# SPDX-License-Identifier: GPL-3.0-or-later
"""Real hosts for the tests: containers from our own images, each with its own sshd."""

from __future__ import annotations

from tests.integration.fleet.hosts import (
    DEPLOY_USER,
    OPS_PASSWORD,
    OPS_USER,
    ROOT_PASSWORD,
    SshHost,
    start_host,
)
from tests.integration.fleet.keys import ClientKeys, generate_keys
from tests.integration.fleet.proxy import DelayingProxy
from tests.integration.fleet.session import Fleet
from tests.integration.fleet.snapshot import Entry

__all__ = [
    "DEPLOY_USER",
    "OPS_PASSWORD",
    "OPS_USER",
    "ROOT_PASSWORD",
    "ClientKeys",
    "DelayingProxy",
    "Entry",
    "Fleet",
    "SshHost",
    "generate_keys",
    "start_host",
]
