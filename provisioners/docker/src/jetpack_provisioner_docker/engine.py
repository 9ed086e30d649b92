# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine: where it is, and what it refuses, in its own words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from jetpack_core.errors import JetpackError
from jetpack_provisioner_docker.ssh import SshRelay

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container
    from docker.models.networks import Network

T = TypeVar("T")

TIMEOUT: Final = 120
"""Seconds for one call of the engine's API; pulls and builds send something all the time."""


class Tls(BaseModel):
    """How a remote engine is trusted, and how it trusts us."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ca: str | None = None
    """File with the authority that signed the engine's certificate; the system's authorities if not said."""
    cert: str | None = None
    """File with our certificate."""
    key: str | None = None
    """File with our private key."""

    @model_validator(mode="after")
    def _pair(self) -> Tls:
        if (self.cert is None) != (self.key is None):
            raise ValueError("`cert` and `key` belong together")
        return self


def load_sdk() -> None:
    """Load the whole SDK; threads that load parts of it at the same time would find it half-made."""
    import_module("docker")


def connect(address: str | None, tls: Tls | None) -> DockerClient:
    """Return a client of an engine; nothing is asked of it yet. Raises JetpackError.

    :param address: `unix://`, `tcp://` or `ssh://`; DOCKER_HOST or this machine's engine if None.
    """
    load_sdk()
    from docker.errors import DockerException
    from docker.tls import TLSConfig

    from jetpack_provisioner_docker.client import SoberClient

    try:
        if address is None:
            return SoberClient.from_env(timeout=TIMEOUT)
        if address.startswith("ssh://"):
            relay = SshRelay(address)
            client = SoberClient(base_url=relay.address, timeout=TIMEOUT)
            relay.close_with(client)
            return client
        config = None
        if tls is not None:
            _check_files(tls)
            pair = (tls.cert, tls.key) if tls.cert and tls.key else None
            config = TLSConfig(client_cert=pair, ca_cert=tls.ca, verify=True)
        return SoberClient(base_url=address, tls=config or False, timeout=TIMEOUT)
    except (DockerException, OSError, ValueError) as error:
        where = address or "the Docker Engine"
        hint = "is it running, and may this user talk to it? `engine` names another one"
        raise JetpackError(f"{where} cannot be reached: {words(error)}", hint=hint) from error


def _check_files(tls: Tls) -> None:
    for name, file in tls.model_dump(exclude_none=True).items():
        if not Path(file).is_file():
            message = f"`tls.{name}`: there is no file {file}"
            raise JetpackError(message, hint="it is a file of this machine, relative to the working directory")


@contextlib.contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn what the engine refuses into JetpackError.

    :param what: What was tried, such as `creating the container web1`.
    """
    load_sdk()
    import requests
    from docker.errors import DockerException

    try:
        yield
    except (requests.ConnectionError, requests.Timeout) as error:
        hint = "is the engine running, and does the way to it hold?"
        raise JetpackError(f"{what}: the engine does not answer: {_cause(error)}", hint=hint) from error
    except (DockerException, requests.RequestException, OSError) as error:
        raise JetpackError(f"{what}: {words(error)}") from error


def _cause(error: BaseException) -> str:
    """Return what the system said in the end; what libraries make of it on the way helps nobody."""
    reasons = (getattr(error, "reason", None), *reversed(error.args), error.__cause__)
    inner = next((one for one in reasons if isinstance(one, BaseException)), None)
    if inner is not None:
        return _cause(inner)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).rpartition(">: ")[2] or type(error).__name__


def words(error: Exception) -> str:
    """Return what an error says, the engine's own explanation if there is one."""
    explanation = getattr(error, "explanation", None)
    if isinstance(explanation, bytes):
        explanation = explanation.decode("utf-8", "replace")
    # The SDK wraps what went wrong on the first call of all.
    inner = error.__cause__ if isinstance(error.__cause__, OSError) else None
    return str(explanation or (_cause(inner) if inner is not None else error)).strip() or type(error).__name__


def found(look: Callable[[], T]) -> T | None:
    """Return what a call finds, None where the engine knows of no such thing."""
    load_sdk()
    from docker.errors import NotFound

    try:
        return look()
    except NotFound:
        return None


def container_named(engine: DockerClient, name: str) -> Container | None:
    """Return the container of a name. The engine would take the beginning of an identifier for a name as well."""
    container = found(lambda: engine.containers.get(name))
    return container if container is not None and container.name == name else None


def network_named(engine: DockerClient, name: str) -> Network | None:
    """Return the network of a name, as `container_named` does."""
    network = found(lambda: engine.networks.get(name))
    return network if network is not None and network.name == name else None


def address_of(cluster: Mapping[str, object], given: str | None) -> str | None:
    """Return the engine's address: what the guest says, or its cluster's `jet_docker_engine`. Raises JetpackError."""
    if given is not None:
        return given
    known: Any = cluster.get("jet_docker_engine")
    if known is not None and not isinstance(known, str):
        raise JetpackError(f"jet_docker_engine must be text, not {known!r}", hint="such as: tcp://docker1:2376")
    return known


def tls_of(cluster: Mapping[str, object], given: Tls | None) -> Tls | None:
    """Return how the engine is trusted: what the guest says, or its cluster's `jet_docker_tls`. Raises JetpackError."""
    known = cluster.get("jet_docker_tls")
    if given is not None or known is None:
        return given
    try:
        return Tls.model_validate(known)
    except ValueError as error:
        raise JetpackError(f"jet_docker_tls is wrong: {error}", hint="it takes `ca`, `cert` and `key`") from error
