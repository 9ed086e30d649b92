# SPDX-License-Identifier: GPL-3.0-or-later
"""Make, change, start, stop and remove containers, with what belongs to them."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.errors import JetpackError
from jetpack_provisioner_docker.engine import found, refusals
from jetpack_provisioner_docker.spec import Spec, restart_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from docker import DockerClient
    from requests import Response

    from jetpack_provisioner_docker.images import Images
    from jetpack_provisioner_docker.provisioner import Container
    from jetpack_provisioner_docker.values import Network

MADE_LABEL: Final = "io.jetpack.made"
"""Marks networks and volumes that were made because a container named them."""
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
        """Return a new container. Whatever fails, nothing of it is left."""
        image = self._images.bring()
        config = image.attrs["Config"] or {}
        sleeps = not (config.get("Cmd") or config.get("Entrypoint") or self._wanted.entrypoint)
        self._wanted.surroundings.check()
        with self._removed_on_failure() as made:
            with self._networks_kept():
                container = self._make(spec, image, made, sleeps=sleeps)
            if self._wanted.start_on_create:
                self._wait_until_well(container)
        return self._fresh(str(container.id))

    @contextlib.contextmanager
    def _networks_kept(self) -> Iterator[None]:
        """Keep others from making the same networks, or from removing them as nobody seems to use them."""
        with contextlib.ExitStack() as stack:
            for name in sorted({one.name for one in self._wanted.networks}):
                stack.enter_context(self._wanted.surroundings.lock(f"docker network {name}"))
            yield

    def _make(self, spec: Spec, image: Any, made: list[Any], *, sleeps: bool) -> Any:
        for network in self._wanted.networks:
            self._ensure_network(network, made)
        self._ensure_volumes(made)
        with refusals(f"creating the container {spec.name}"):
            container = self._engine.containers.create(
                **spec.creation(str(image.id), sleeps=sleeps), **self._first_network()
            )
        made.append(container)
        self._join(container, self._wanted.networks[1:])
        if self._wanted.start_on_create:
            with refusals(f"starting the container {spec.name}"):
                container.start()
        return container

    @contextlib.contextmanager
    def _removed_on_failure(self) -> Iterator[list[Any]]:
        made: list[Any] = []
        try:
            yield made
        except BaseException as error:
            left = [one for one in reversed(made) if not self._removed(one)]
            if left and isinstance(error, JetpackError):
                names = ", ".join(str(one.name) for one in left)
                raise JetpackError(error.message, hint=f"{names} could not be removed again; do it by hand") from error
            raise

    def _removed(self, thing: Any) -> bool:
        try:
            with refusals("removing what was made"):
                if hasattr(thing, "exec_run"):
                    thing.remove(force=True, v=True)
                else:
                    thing.remove()
        except JetpackError:
            return False
        return True

    def replace(self, spec: Spec, old: str) -> Any:
        """Return a new container in the place of an old one, which comes back when that fails."""
        self._images.bring()
        with refusals(f"replacing the container {spec.name}"):
            before = self._engine.containers.get(old)
            name, running = str(before.name), before.status == "running"
            # Ports and addresses are free only once the old one has stopped.
            if running:
                before.stop(timeout=int(self._wanted.stop_timeout))
            before.rename(f"{name}-replaced-{old[:12]}")
        try:
            container = self.create(spec)
        except BaseException:
            with refusals(f"bringing the container {name} back"):
                before.rename(name)
                if running:
                    before.start()
            raise
        with refusals(f"removing the container that {spec.name} replaces"):
            before.remove(force=True, v=True)
        return container

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
        api = self._engine.api
        with refusals(f"updating the container {spec.name}"):
            container = self._engine.containers.get(identifier)
            answer = api.post(f"{api.base_url}/v{api.api_version}/containers/{identifier}/update", json=changes)
            if not answer.ok:
                raise JetpackError(f"updating the container {spec.name}: {_complaint(answer)}")
        self._update_networks(container)
        return self._fresh(identifier)

    def _update_networks(self, container: Any) -> None:
        now = set(container.attrs["NetworkSettings"]["Networks"])
        wanted = {one.name: one for one in self._wanted.networks}
        if not wanted:
            return
        with self._networks_kept():
            for network in wanted.values():
                if network.name not in now:
                    self._ensure_network(network, [])
            self._join(container, [one for name, one in wanted.items() if name not in now])
        for name in now - wanted.keys():
            with refusals(f"leaving the network {name}"):
                self._engine.networks.get(name).disconnect(container)

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
            if container.status == "exited":
                said = container.logs(tail=20).decode("utf-8", "replace").strip()[-_LAST_WORDS:]
                code = container.attrs["State"]["ExitCode"]
                raise JetpackError(f"the container {container.name} ended at once with {code}", hint=said)

    def _wait_until_healthy(self, container: Any) -> None:
        until = time.monotonic() + self._wanted.health_timeout
        while True:
            self._wanted.surroundings.check()
            with refusals(f"looking at the container {container.name}"):
                container.reload()
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

    def destroy(self, identifier: str) -> None:
        """Remove a container, and what was made for it and is not used any more."""
        with refusals("removing the container"):
            container = self._engine.containers.get(identifier)
            networks = list(container.attrs["NetworkSettings"]["Networks"])
            volumes = [one["Name"] for one in container.attrs["Mounts"] if one["Type"] == "volume"]
            container.remove(v=True)
        for name in networks:
            with self._wanted.surroundings.lock(f"docker network {name}"):
                self._remove_if_ours(partial(self._engine.networks.get, name))
        for name in volumes if self._wanted.remove_volumes else ():
            self._remove_if_ours(partial(self._engine.volumes.get, name))

    def _remove_if_ours(self, get: Callable[[], Any]) -> None:
        from docker.errors import APIError

        with refusals("tidying up"):
            thing = found(get)
        labels = (thing.attrs.get("Labels") or {}) if thing is not None else {}
        if thing is not None and MADE_LABEL in labels:
            # Others may still use it; the last one takes it away.
            with contextlib.suppress(APIError):
                thing.remove()

    # Networks and volumes.

    def _ensure_network(self, network: Network, made: list[Any]) -> None:
        with refusals(f"making the network {network.name}"):
            if found(lambda: self._engine.networks.get(network.name)) is None:
                made.append(self._engine.networks.create(network.name, labels={MADE_LABEL: ""}))

    def _ensure_volumes(self, made: list[Any]) -> None:
        for volume in self._wanted.volumes:
            name, _, target = volume.partition(":")
            if not target or name.startswith("/"):
                continue
            with refusals(f"making the volume {name}"):
                if found(partial(self._engine.volumes.get, name)) is None:
                    made.append(self._engine.volumes.create(name, labels={MADE_LABEL: ""}))

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


def _complaint(answer: Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip() or str(answer.reason)
