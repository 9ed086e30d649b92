# SPDX-License-Identifier: GPL-3.0-or-later
"""The SDK's client, which looks at nothing but what it is given. Importing it loads the SDK."""

from __future__ import annotations

from typing import Any

from docker import APIClient, DockerClient


class SoberApi(APIClient):
    """Takes authorities, proxies and passwords from its arguments only.

    Left to itself, requests lets REQUESTS_CA_BUNDLE beat the authority that a session was given, and sends what a
    ~/.netrc holds.
    """

    @property
    def trust_env(self) -> bool:
        """Tell that the environment does not count."""
        return False

    @trust_env.setter
    def trust_env(self, _value: bool) -> None:
        """Leave it at that; the session sets its own default when it begins."""


class SoberClient(DockerClient):
    """A client with such an API."""

    def __init__(self, **arguments: Any) -> None:
        self.api = SoberApi(**arguments)
