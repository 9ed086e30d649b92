# SPDX-License-Identifier: GPL-3.0-or-later
"""The provisioner `docker`: containers that match their `provision:` maps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, model_validator

from jetpack_core.contracts.provisioner import Guest, GuestAction, GuestPlan, Provisioner
from jetpack_core.errors import JetpackError
from jetpack_core.records import Change
from jetpack_provisioner_docker.engine import Tls, address_of, connect, container_named, refusals, tls_of
from jetpack_provisioner_docker.images import Images
from jetpack_provisioner_docker.life import Life, containers_of, is_aside
from jetpack_provisioner_docker.spec import HOST_LABEL, Spec
from jetpack_provisioner_docker.values import (
    Build,
    Duration,
    Engine,
    HealthCheck,
    Mount,
    NetworkUse,
    Port,
    Size,
    Ulimit,
    Volume,
)

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container as EngineContainer

_LEFT: Final = "JetpackLeftOver"
_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


class Container(Provisioner):
    """Make a container of Docker, change it in place where Docker can, and replace it where Docker cannot.

    Example::

        provision:
          type: docker
          image: debian:12
          ports: ["8080:80"]
          memory: 512m

    Tasks reach it through the engine, with or without Python in it; `connection: ssh` asks for SSH instead.
    """

    image: str | None = None
    """The image, such as `debian:12`; pulled where the engine has none. Not needed with `build`."""
    pull: Literal["missing", "always", "never"] = "missing"
    """When the image is pulled; `always` replaces the container once its tag means another image."""
    build: Build | None = None
    """Build the image on the engine; the container is replaced once the files of the context differ."""
    tar: str | None = None
    """File of this machine that holds `image` where the engine has none: of `docker save`, or a root file system."""
    platform: str | None = None
    """Such as `linux/arm64`."""
    name: str | None = None
    """The container's name; that of the host if not said."""
    hostname: str | None = None
    """The name the container has for itself; that of the host, up to its first dot, if not said."""
    command: str | tuple[str, ...] | None = None
    """What runs in it; the image's own command, or else something that sleeps, if not said."""
    entrypoint: str | tuple[str, ...] | None = None
    """Put before the command; the image's own if not said."""
    user: str | None = None
    """The user that runs the command."""
    working_dir: str | None = None
    """The directory that the command begins in."""
    env: dict[str, str] = Field(default_factory=dict)
    """Environment variables; everybody who may talk to the engine can read them."""
    ports: tuple[Port, ...] = ()
    """Ports published on the engine's machine: `8080:80`, `127.0.0.1:5353:53/udp`, or `80` for any free port."""
    volumes: tuple[Volume, ...] = ()
    """`NAME:/path` or `/path/on/the/engine:/path`, with `:ro` behind if wanted."""
    mounts: tuple[Mount, ...] = ()
    """Mounts, for what `volumes` cannot say."""
    tmpfs: dict[str, str] = Field(default_factory=dict)
    """Paths in memory, with their mount options."""
    networks: tuple[NetworkUse, ...] = ()
    """Networks by name, or with `name`, `aliases` and `ipv4`; made where they are not there."""
    memory: Size | None = None
    """Memory limit, such as `512m`."""
    memory_swap: Size | None = None
    """Limit of memory and swap together; twice the memory if not said."""
    cpus: float | None = None
    """How many processors it may use, such as 1.5."""
    pids_limit: int | None = None
    """How many processes it may have."""
    shm_size: Size | None = None
    """Size of /dev/shm."""
    restart: str = "unless-stopped"
    """`no`, `always`, `unless-stopped`, `on-failure` or `on-failure:5`."""
    privileged: bool = False
    """Let it do all that the engine's machine can do."""
    cap_add: tuple[str, ...] = ()
    """Capabilities to add, such as `NET_ADMIN`."""
    cap_drop: tuple[str, ...] = ()
    """Capabilities to take away; `ALL` for all of them."""
    security_opt: tuple[str, ...] = ()
    """Such as `seccomp=unconfined`."""
    cgroupns: Literal["host", "private"] | None = None
    """Whose control groups it sees; the engine's default if not said."""
    systemd: bool = False
    """Set everything that systemd needs as the container's first process, and run /sbin/init."""
    init: bool = False
    """Put a small init before the command, which reaps children."""
    devices: tuple[str, ...] = ()
    """Devices of the engine's machine, such as `/dev/net/tun`."""
    dns: tuple[str, ...] = ()
    """Name servers."""
    extra_hosts: dict[str, str] = Field(default_factory=dict)
    """Names and their addresses, for /etc/hosts."""
    sysctls: dict[str, str] = Field(default_factory=dict)
    """Kernel parameters of its namespaces."""
    ulimits: tuple[Ulimit, ...] = ()
    """Limits of its processes."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels besides Jetpack's own."""
    healthcheck: HealthCheck | None = None
    """How the engine finds out that it is well."""
    wait_healthy: bool = True
    """With a health check, wait until it is well before the plays begin."""
    health_timeout: Duration = 120
    """How long that may take."""
    start_on_create: bool = True
    """Whether a new container is started."""
    stop_timeout: Duration = 10
    """How long it may take to stop by itself before it is killed."""
    remove_volumes: bool = False
    """Remove the named volumes that were made for it as well, when it is destroyed."""
    engine: Engine | None = None
    """`unix://`, `tcp://` or `ssh://`; what `cluster` has as `jet_docker_engine`, DOCKER_HOST, or this machine's."""
    tls: Tls | None = None
    """For `tcp://`; what `cluster` has as `jet_docker_tls` if not said."""
    cluster: str | None = None
    """Inventory host whose variables `jet_docker_engine` and `jet_docker_tls` say where the engine is."""
    connection: Literal["docker", "ssh"] = "docker"
    """How tasks reach it."""

    @model_validator(mode="after")
    def _needs_an_image(self) -> Container:
        if (self.image is None) == (self.build is None):
            raise ValueError("needs either `image` or `build`")
        if self.tar is not None and self.image is None:
            raise ValueError("`tar` needs `image`, the name of what it holds")
        if self.name is not None and _NAME.fullmatch(self.name) is None:
            raise ValueError(f"`name` may have letters, digits, `_`, `.` and `-`, unlike {self.name!r}")
        return self

    @property
    def needs_address(self) -> bool:
        """Tell whether an address is needed: for SSH only."""
        return self.connection == "ssh"

    @cached_property
    def _engine(self) -> DockerClient:
        cluster = self.surroundings.cluster
        return connect(address_of(cluster, self.engine), tls_of(cluster, self.tls))

    def _container_name(self, host: str) -> str:
        if self.name is not None:
            return self.name
        if _NAME.fullmatch(host) is None:
            message = f"{host!r} cannot be the name of a container"
            raise JetpackError(message, hint="give it another one with `name`")
        return host

    def _spec(self, host: str) -> Spec:
        return Spec(self, host, self._container_name(host))

    def _life(self) -> Life:
        return Life(self, self._engine, Images(self, self._engine))

    def find(self, host: str) -> Guest | None:
        """Return the container that was made for a host, or else the one that has its name."""
        name = self._container_name(host)
        with refusals("looking for containers"):
            ours = sorted(containers_of(self._engine, host), key=lambda one: is_aside(str(one.name)))
            container = ours[0] if ours else container_named(self._engine, name)
            if container is None:
                return None
            left = [str(one.name) for one in ours[1:] if is_aside(str(one.name))]
            return as_guest(host, container, left)

    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        """Compare a container with the parameters."""
        spec = self._spec(host)
        if guest is None:
            return GuestPlan(GuestAction.CREATE, spec.summary(), data=spec)
        image = Images(self, self._engine).known_id()
        fixed = spec.fixed_changes(guest.data, image)
        changes = (*fixed, *spec.live_changes(guest.data), *(Change("left over", one, None) for one in _left(guest)))
        if names := spec.replaced_for(guest.data, fixed):
            why = f"only a new container can have another {', '.join(names)}; what is not in a volume is lost"
            return GuestPlan(GuestAction.REPLACE, changes, why)
        return GuestPlan(GuestAction.UPDATE if changes else GuestAction.NONE, changes)

    def create(self, host: str) -> Guest:
        """Make the container and start it; what fails half-way is removed again."""
        return as_guest(host, self._life().create(self._spec(host)))

    def replace(self, host: str, guest: Guest, plan: GuestPlan) -> Guest:
        """Make the new container before the old one is removed; volumes with a name and networks stay."""
        del plan
        return as_guest(host, self._life().replace(self._spec(host), guest.id))

    def update(self, guest: Guest, plan: GuestPlan) -> Guest:
        """Change name, limits, restart policy and networks."""
        del plan
        return as_guest(guest.name, self._life().update(self._spec(guest.name), guest.id))

    def start(self, guest: Guest) -> None:
        """Start the container, and wait until it is well."""
        self._life().start(guest.id)

    def stop(self, guest: Guest) -> None:
        """Stop the container."""
        self._life().stop(guest.id)

    def destroy(self, guest: Guest) -> None:
        """Remove the container, and the networks that were made for it and that nobody else uses."""
        if not guest.owned:
            message = f"the container {guest.data.get('Name')} was not made by Jetpack"
            raise JetpackError(message, hint=f"remove it by hand if you mean it: docker rm {guest.id[:12]}")
        self._life().destroy(guest.name, guest.id)

    def addresses(self, guest: Guest) -> tuple[str, ...]:
        """Return the container's addresses in its networks."""
        with refusals(f"looking at the container {guest.name}"):
            container = self._engine.containers.get(guest.id)
        networks: Mapping[str, Mapping[str, Any]] = container.attrs["NetworkSettings"]["Networks"]
        return tuple(one["IPAddress"] for one in networks.values() if one.get("IPAddress"))

    def host_keys(self, guest: Guest) -> tuple[str, ...]:
        """Return the keys of the container's SSH server, read through the engine."""
        if self.connection != "ssh":
            return ()
        program = "cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null"
        with refusals(f"reading the host keys of {guest.name}"):
            said = self._engine.containers.get(guest.id).exec_run(["/bin/sh", "-c", program], user="0").output
        lines = said.decode("ascii", "replace").splitlines() if isinstance(said, bytes) else []
        return tuple(" ".join(line.split()[:2]) for line in lines if len(line.split()) > 1)

    def details(self, guest: Guest) -> Mapping[str, object]:
        """Return the image and the networks, and where the engine is if not on this machine."""
        attrs: Any = guest.data
        address = address_of(self.surroundings.cluster, self.engine)
        networks = sorted(attrs["NetworkSettings"]["Networks"])
        return {"image": attrs["Config"]["Image"], "networks": networks, **({"node": address} if address else {})}

    def connection_variables(self, guest: Guest) -> Mapping[str, object]:
        """Return what the connection `docker` needs."""
        if self.connection == "ssh":
            return {"jet_connection": "ssh"}
        variables: dict[str, object] = {"jet_connection": "docker", "jet_docker_container": guest.id}
        cluster = self.surroundings.cluster
        engine, tls = address_of(cluster, self.engine), tls_of(cluster, self.tls)
        if engine is not None:
            variables["jet_docker_engine"] = engine
        if tls is not None:
            variables["jet_docker_tls"] = tls.model_dump(exclude_none=True)
        return variables


def as_guest(host: str, container: EngineContainer, left: Sequence[str] = ()) -> Guest:
    """Return a container as the phase knows it.

    :param left: The names of containers that it replaced, and that could not be removed then.
    """
    owned = container.labels.get(HOST_LABEL) == host
    return Guest(str(container.id), host, container.status == "running", owned, {**container.attrs, _LEFT: left})


def _left(guest: Guest) -> Sequence[str]:
    names: Any = guest.data.get(_LEFT, ())
    return names if isinstance(names, Sequence) else ()
