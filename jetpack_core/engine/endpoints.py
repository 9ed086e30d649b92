# SPDX-License-Identifier: GPL-3.0-or-later
"""Where and how each host is reached: command line, host variables, play, environment, in this order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.errors import UsageError
from jetpack_core.secrets.values import LAZY, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jetpack_core.content.model import Play
    from jetpack_core.contracts.connection import Connection
    from jetpack_core.engine.settings import RunSettings
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.registry import Registry

_MAX_PORT: Final = 65535


class Endpoints:
    """Makes endpoints and connections of a run's hosts.

    :param host_keys: Pinned keys by host, learned when the hosts were provisioned; it may grow.
    :param meetings: What pins the first key of hosts that were made in this run; it may grow.
    """

    def __init__(
        self,
        inventory: Inventory,
        registry: Registry,
        settings: RunSettings,
        host_keys: Mapping[str, tuple[str, ...]],
        meetings: Mapping[str, Callable[[str], None]],
    ) -> None:
        self._inventory = inventory
        self._registry = registry
        self._settings = settings
        self._host_keys = host_keys
        self._meetings = meetings

    def endpoint(self, host: str, play: Play | None) -> Endpoint:
        """Return where a host is. Raises UsageError for variables of the wrong type."""
        settings = self._settings
        variables = _opened(self._inventory.variables(host)) if host in self._inventory.hosts else {}
        play_user = play.ssh_user if play is not None else None
        play_port = play.ssh_port if play is not None else None
        return Endpoint(
            host=host,
            address=_text(variables, "jet_ssh_hostname", host),
            port=settings.port or _port(variables, host) or play_port or settings.default_port,
            user=settings.user or _text(variables, "jet_ssh_user", host) or play_user or settings.default_user,
            credentials=_credentials(settings.credentials, variables, host),
            host_keys=self._host_keys.get(host, ()),
            meet=self._meetings.get(host),
            accept_new_host_keys=settings.accept_new_host_keys,
            connect_timeout=settings.connect_timeout,
            variables=variables,
        )

    def connect(self, endpoint: Endpoint) -> Connection:
        """Return a connection that is not open yet. Raises PluginError for an unknown kind."""
        kind = _text(endpoint.variables, "jet_connection", endpoint.host)
        if self._settings.local or (kind is None and endpoint.host == "localhost"):
            kind = "local"
        return self._registry.connection(kind or "ssh")(endpoint)


def _opened(variables: Mapping[str, object]) -> Mapping[str, object]:
    """Return variables in which those about the connection are decrypted."""
    sealed = {name: opened(value) for name, value in variables.items() if type(value) in LAZY and name[:4] == "jet_"}
    return {**variables, **sealed} if sealed else variables


def _text(variables: Mapping[str, object], name: str, host: str) -> str | None:
    value = variables.get(name)
    if value is None or (isinstance(value, str) and value):
        return value
    raise UsageError(f"{host}: the variable {name} must be text, not {value!r}")


def _port(variables: Mapping[str, object], host: str) -> int | None:
    value = variables.get("jet_ssh_port")
    if value is None:
        return None
    text = str(value)
    if text.isdecimal() and 0 < int(text) <= _MAX_PORT:
        return int(text)
    raise UsageError(f"{host}: the variable jet_ssh_port must be a port number, not {value!r}")


def _credentials(given: Credentials, variables: Mapping[str, object], host: str) -> Credentials:
    key = _text(variables, "jet_ssh_private_key_file", host)
    passphrase = _text(variables, "jet_ssh_private_key_passphrase", host)
    comment = _text(variables, "jet_ssh_key_comment", host)
    if key is None and passphrase is None and comment is None:
        return given
    return replace(
        given,
        private_key_file=Path(key).expanduser() if key else given.private_key_file,
        passphrase=passphrase or given.passphrase,
        key_comment=comment or given.key_comment,
    )
