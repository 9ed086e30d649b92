# SPDX-License-Identifier: GPL-3.0-or-later
"""How sizes, times, ports and volumes are written, and the one form they are compared in."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([bkmgt]?)(?:i?b)?", re.IGNORECASE)
_FACTORS: Final = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|)")
_SECONDS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PORT: Final = re.compile(
    r"(?:(?:(?P<address>\[[0-9a-fA-F:]+\]|[0-9.]+):)?(?P<published>[0-9]+)?:)?(?P<inside>[0-9]+)(?:/(?P<kind>tcp|udp|sctp))?"
)
_LAST_PORT: Final = 65535
_ENGINES: Final = ("unix://", "tcp://", "ssh://")


def parse_size(value: Any) -> int:
    """Return bytes of `512m`, `2G`, `1.5g`, or a number of bytes. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("must be a size, such as 512m or 2g")
    return int(float(match[1]) * _FACTORS[match[2].lower()])


def parse_duration(value: Any) -> float:
    """Return seconds of `30s`, `2m`, `500ms`, or a number of seconds. Raises ValueError."""
    match = _DURATION.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError("must be a duration, such as 30s")
    return float(match[1]) * _SECONDS[match[2]]


Size = Annotated[int, BeforeValidator(parse_size)]
"""Bytes."""
Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds."""


def parse_port(value: Any) -> str:
    """Return a published port as `[ADDRESS:][PUBLISHED:]INSIDE/KIND`. Raises ValueError."""
    match = _PORT.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    numbers = [int(match[name]) for name in ("published", "inside") if match[name]] if match is not None else [0]
    if match is None or not all(0 < number <= _LAST_PORT for number in numbers):
        raise ValueError("must be a port, such as 8080:80 or 127.0.0.1:53:53/udp")
    kind = match["kind"] or "tcp"
    where = f"{match['address']}:" if match["address"] else ""
    published = f"{match['published'] or ''}:" if where or match["published"] else ""
    return f"{where}{published}{match['inside']}/{kind}"


Port = Annotated[str, BeforeValidator(parse_port)]
"""A port of the container, and where it is published."""


def port_bindings(ports: tuple[str, ...]) -> dict[str, list[tuple[str, str] | None]]:
    """Return the bindings as the engine takes them: by `80/tcp`, where each is published."""
    bindings: dict[str, list[Any]] = {}
    for port in ports:
        place, _, inside = port.rpartition(":")
        address, _, published = place.rpartition(":")
        bindings.setdefault(inside, []).append((address.strip("[]"), published or None))
    return bindings


def parse_volume(value: Any) -> str:
    """Return a volume as `SOURCE:TARGET[:OPTIONS]`; raises ValueError for paths that are not absolute."""
    parts = str(value).split(":")
    source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
    if not target.startswith("/") or len(parts) > 3 or source.startswith(("./", "../", "~")):  # noqa: PLR2004
        raise ValueError("must be NAME:/path or /path/on/the/engine:/path, with :ro behind if wanted")
    return str(value)


Volume = Annotated[str, BeforeValidator(parse_volume)]


def _parse_engine(value: Any) -> str:
    text = str(value)
    if not text.startswith(_ENGINES):
        raise ValueError("must begin with unix://, tcp:// or ssh://")
    return text


Engine = Annotated[str, BeforeValidator(_parse_engine)]
"""Where an engine is."""


class Network(BaseModel):
    """A network of the container."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """The network; it is made where there is none."""
    aliases: tuple[str, ...] = ()
    """Other names of the container in it."""
    ipv4: str | None = None
    """A fixed address; the network must have a subnet of its own."""


def _as_network(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


NetworkUse = Annotated[Network, BeforeValidator(_as_network)]


class HealthCheck(BaseModel):
    """How the engine finds out that the container is well."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    test: str | tuple[str, ...]
    """A command of the container's shell, or an argv."""
    interval: Duration = 30
    """Seconds between two checks."""
    timeout: Duration = 30
    """Seconds that a check may take."""
    retries: int = 3
    """Failures in a row that make it unhealthy."""
    start_period: Duration = 0
    """Seconds at the beginning in which failures do not count."""


class Build(BaseModel):
    """How the image is built on the engine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: str
    """Folder of this machine that is sent to the engine."""
    dockerfile: str = "Dockerfile"
    """The file in it that says how."""
    args: dict[str, str] = Field(default_factory=dict)
    """Values of ARG instructions."""
    target: str | None = None
    """The stage to stop at."""


class Mount(BaseModel):
    """A mount of the container, for what `volumes` cannot say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str
    """Path in the container."""
    source: str | None = None
    """A volume, or a path of the engine's machine."""
    type: str = "volume"
    """`volume`, `bind` or `tmpfs`."""
    read_only: bool = False


class Ulimit(BaseModel):
    """A limit of processes in the container."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Such as `nofile`."""
    soft: int
    hard: int
