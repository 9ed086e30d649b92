# SPDX-License-Identifier: GPL-3.0-or-later
"""Make, change, start, stop and remove containers, with what belongs to them."""

from __future__ import annotations

import contextlib
import re
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.errors import JetpackError
from jetpack_provisioner_docker.engine import found, network_named, refusals
from jetpack_provisioner_docker.remains import Made, Making, named_remains, remove, was_made
from jetpack_provisioner_docker.spec import HOST_LABEL, Spec, restart_policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from docker import DockerClient
    from docker.models.containers import Container as EngineContainer
    from requests import Response

    from jetpack_provisioner_docker.images import Images
    from jetpack_provisioner_docker.provisioner import Container
    from jetpack_provisioner_docker.values import Network

_ASIDE: Final = "-replaced-"
_ASIDE_NAME: Final = re.compile(rf".*{_ASIDE}[0-9a-f]{{12}}")
"""What a container is named while another one takes its place."""
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_NANO: Final = 1_000_000_000
_POLL: Final = 0.25
_LAST_WORDS: Final = 1500


class Life:
    """What can be done to containers of one set of parameters."""

    def __init__(self, wanted: Container, engine: DockerClient, images: Images) -> None:
        self._wanted = wanted
        self._engine = engine
        self._images = images

    def create(self, spec: Spec) -> Any:
        """Return a new container. Whatever fails, nothing of it is left, or what is left is named."""
        image = self._images.bring()
        config = image.attrs["Config"] or {}
        sleeps = not (config.get("Cmd") or config.get("Entrypoint") or self._wanted.entrypoint)
        self._wanted.surroundings.check()
        making = Making(self._engine)
        with making.undone_on_failure():
            with self._networks_kept():
                container = self._make(spec, image, making, sleeps=sleeps)
            if self._wanted.start_on_create:
                self._wait_until_well(container)
            return self._fresh(str(container.id))

    def _networks_kept(self) -> AbstractContextManager[None]:
        """Keep others from making the same networks, or from removing them as nobody seems to use them."""
        return self._locked({one.name for one in self._wanted.networks})

    @contextlib.contextmanager
    def _locked(self, networks: Iterable[str]) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            # All in the same order, so that nobody waits for each other.
            for name in sorted(networks):
                stack.enter_context(self._wanted.surroundings.lock(f"docker network {name}"))
            yield

    def _make(self, spec: Spec, image: Any, making: Making, *, sleeps: bool) -> Any:
        for network in self._wanted.networks:
            self._ensure_network(network, making)
        self._ensure_volumes(making)
        creation = spec.creation(str(image.id), sleeps=sleeps)
        creation["labels"] = {**creation["labels"], **making.labels}
        making.begin("container", spec.name)
        with refusals(f"creating the container {spec.name}"):
            container = self._engine.containers.create(**creation, **self._first_network())
        self._join(container, self._wanted.networks[1:])
        if self._wanted.start_on_create:
            with refusals(f"starting the container {spec.name}"):
                container.start()
        return container

    def replace(self, spec: Spec, old: str) -> Any:
        """Return a new container in the place of an old one, which comes back when that fails."""
        self._images.bring()
        with refusals(f"looking at the container {spec.name}"):
            before = self._engine.containers.get(old)
        name, running = str(before.name), before.status == "running"
        aside = name if is_aside(name) else f"{name}{_ASIDE}{old[:12]}"
        try:
            with refusals(f"setting the container {name} aside"):
                # Ports and addresses are free only once the old one has stopped.
                if running:
                    before.stop(timeout=int(self._wanted.stop_timeout))
                if aside != name:
                    before.rename(aside)
            container = self.create(spec)
        except BaseException as error:
            self._bring_back(before, name, running=running, error=error)
            raise
        try:
            self._remove(before, {one.name for one in self._wanted.networks})
        except JetpackError as error:
            raise named_remains(error, [Made("container", aside)]) from error
        return container

    def _bring_back(self, before: Any, name: str, *, running: bool, error: BaseException) -> None:
        """Put the old container back in its place. Raises JetpackError with both errors when that fails, too."""
        try:
            with refusals(f"bringing the container {name} back"):
                before.reload()
                if before.name != name:
                    before.rename(name)
                if running:
                    before.start()
        except JetpackError as second:
            message = f"{error}; then, {second.message}"
            hint = f"{getattr(error, 'hint', '')}\nthe old container {before.name} is stopped; run it again"
            raise JetpackError(message, hint=hint.strip()) from error

    def update(self, spec: Spec, identifier: str) -> Any:
        """Return a container with its limits, restart policy and networks changed."""
        wanted = self._wanted
        # As the engine's API names them (ContainerUpdate); the SDK's own method knows neither CPUs nor processes.
        changes: dict[str, Any] = {"RestartPolicy": restart_policy(wanted.restart)}
        if wanted.memory:
            # The engine refuses memory above the limit of both together, so they change at once.
            changes |= {"Memory": wanted.memory, "MemorySwap": wanted.memory_swap or 2 * wanted.memory}
        if wanted.cpus:
            changes["NanoCpus"] = int(wanted.cpus * _NANO)
        if wanted.pids_limit:
            changes["PidsLimit"] = wanted.pids_limit
        self._remove_what_is_aside(spec)
        api = self._engine.api
        with refusals(f"updating the container {spec.name}"):
            container = self._engine.containers.get(identifier)
            answer = api.post(f"{api.base_url}/v{api.api_version}/containers/{identifier}/update", json=changes)
            if not answer.ok:
                raise JetpackError(f"updating the container {spec.name}: {_complaint(answer)}")
            if container.name != spec.name:
                container.rename(spec.name)
        self._update_networks(container)
        return self._fresh(identifier)

    def _update_networks(self, container: Any) -> None:
        now = set(container.attrs["NetworkSettings"]["Networks"])
        wanted = {one.name: one for one in self._wanted.networks}
        if not wanted:
            return
        making = Making(self._engine)
        with self._networks_kept(), making.undone_on_failure():
            for network in wanted.values():
                if network.name not in now:
                    self._ensure_network(network, making)
            self._join(container, [one for name, one in wanted.items() if name not in now])
        for name in now - wanted.keys():
            with refusals(f"leaving the network {name}"):
                self._engine.networks.get(name).disconnect(container)
            with self._locked([name]):
                self._remove_network(name, str(container.id))

    def _remove_what_is_aside(self, spec: Spec) -> None:
        """Remove containers that were replaced, and not removed as something failed."""
        with refusals(f"removing what {spec.name} has replaced"):
            for container in containers_of(self._engine, spec.host):
                if is_aside(str(container.name)) and container.name != spec.name:
                    remove(container)

    def start(self, identifier: str) -> None:
        """Start a container and wait until it is well."""
        with refusals("starting the container"):
            container = self._engine.containers.get(identifier)
            container.start()
        self._wait_until_well(container)

    def _wait_until_well(self, container: Any) -> None:
        self._check_alive(container)
        if self._wanted.wait_healthy and self._wanted.healthcheck is not None:
            self._wait_until_healthy(container)

    def _check_alive(self, container: Any) -> None:
        """Find out about commands that end at once, as those that are not there do."""
        with refusals(f"looking at the container {container.name}"):
            container.reload()
            if container.status in {"exited", "restarting", "dead"}:
                said = container.logs(tail=20).decode("utf-8", "replace").strip()[-_LAST_WORDS:]
                code = container.attrs["State"]["ExitCode"]
                raise JetpackError(f"the container {container.name} ended at once with {code}", hint=said)

    def _wait_until_healthy(self, container: Any) -> None:
        until = time.monotonic() + self._wanted.health_timeout
        while True:
            self._wanted.surroundings.check()
            self._check_alive(container)
            health = container.attrs["State"].get("Health") or {}
            if health.get("Status") == "healthy":
                return
            if health.get("Status") == "unhealthy" or time.monotonic() > until or container.status != "running":
                log = health.get("Log") or [{}]
                said = str(log[-1].get("Output", "")).strip()[-_LAST_WORDS:]
                raise JetpackError(f"the container {container.name} is not well: {health.get('Status')}", hint=said)
            self._wanted.surroundings.say("waiting for its health check")
            time.sleep(_POLL)

    def stop(self, identifier: str) -> None:
        """Stop a container, and kill it when it does not."""
        with refusals("stopping the container"):
            self._engine.containers.get(identifier).stop(timeout=int(self._wanted.stop_timeout))

    def destroy(self, host: str, identifier: str) -> None:
        """Remove a container, and what was made for it and is not used any more."""
        with refusals("removing the container"):
            container = self._engine.containers.get(identifier)
            for other in containers_of(self._engine, host):
                if other.id != identifier and is_aside(str(other.name)):
                    remove(other)
        self._remove(container, set())

    def _remove(self, container: Any, kept: set[str]) -> None:
        """Remove a container that does not run; what is left to do after a failure is found by it, or named."""
        networks = sorted(set(container.attrs["NetworkSettings"]["Networks"]) - kept)
        volumes = self._own_volumes(container)
        try:
            # Of the last two users of a network, one must see that it is the last.
            with self._locked(networks):
                for name in networks:
                    self._remove_network(name, str(container.id))
                with refusals(f"removing the container {container.name}"):
                    container.remove(force=True, v=True)
            while volumes:
                self._remove_volume(volumes[0])
                volumes.pop(0)
        except JetpackError as error:
            raise named_remains(error, [Made("volume", name) for name in volumes]) from error

    def _own_volumes(self, container: Any) -> list[str]:
        if not self._wanted.remove_volumes:
            return []
        names = [one["Name"] for one in container.attrs["Mounts"] if one["Type"] == "volume"]
        with refusals(f"looking at the volumes of {container.name}"):
            volumes = [found(partial(self._engine.volumes.get, name)) for name in names]
        return [str(one.name) for one in volumes if one is not None and was_made(one)]

    def _remove_network(self, name: str, user: str) -> None:
        """Remove a network that was made for containers, if nobody but one that does not run uses it."""
        with refusals(f"removing the network {name}"):
            network = network_named(self._engine, name)
            if network is None or not was_made(network):
                return
            users = self._engine.api.containers(all=True, filters={"network": str(network.id)})
            if {str(one["Id"]) for one in users} <= {user}:
                network.remove()

    def _remove_volume(self, name: str) -> None:
        from docker.errors import APIError

        with refusals(f"removing the volume {name}"):
            try:
                self._engine.volumes.get(name).remove()
            except APIError as error:
                # Others may use it as well; the last one takes it away.
                if error.status_code not in {_NOT_FOUND, _CONFLICT}:
                    raise

    # Networks and volumes.

    def _ensure_network(self, network: Network, making: Making) -> None:
        with refusals(f"making the network {network.name}"):
            if network_named(self._engine, network.name) is None:
                making.begin("network", network.name)
                self._engine.networks.create(network.name, labels=making.labels)

    def _ensure_volumes(self, making: Making) -> None:
        for volume in self._wanted.volumes:
            name, _, target = volume.partition(":")
            if not target or name.startswith("/"):
                continue
            with refusals(f"making the volume {name}"):
                if found(partial(self._engine.volumes.get, name)) is None:
                    making.begin("volume", name)
                    self._engine.volumes.create(name, labels=making.labels)

    def _first_network(self) -> dict[str, Any]:
        if not self._wanted.networks:
            return {}
        first = self._wanted.networks[0]
        endpoint = self._engine.api.create_endpoint_config(aliases=list(first.aliases), ipv4_address=first.ipv4)
        return {"network": first.name, "networking_config": {first.name: endpoint}}

    def _join(self, container: Any, networks: Sequence[Network]) -> None:
        for network in networks:
            with refusals(f"joining the network {network.name}"):
                self._engine.networks.get(network.name).connect(
                    container, aliases=list(network.aliases), ipv4_address=network.ipv4
                )

    def _fresh(self, identifier: str) -> Any:
        with refusals("looking at the container"):
            return self._engine.containers.get(identifier)


def containers_of(engine: DockerClient, host: str) -> list[EngineContainer]:
    """Return the containers that were made for a host: one, and such as could not be removed when it came."""
    wanted: dict[str, Any] = {"label": f"{HOST_LABEL}={host}"}
    return engine.containers.list(all=True, filters=wanted, ignore_removed=True)


def is_aside(name: str) -> bool:
    """Tell whether a container was set aside for another one."""
    return _ASIDE_NAME.fullmatch(name) is not None


def _complaint(answer: Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip() or str(answer.reason)
