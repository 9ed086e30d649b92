# SPDX-License-Identifier: GPL-3.0-or-later
"""What was made for a container, and goes again when that fails."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.errors import JetpackError
from jetpack_provisioner_docker.engine import container_named, found, network_named, refusals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

MADE_LABEL: Final = "io.jetpack.made"
"""Marks containers, networks and volumes that were made, with what tells one making from any other."""
_REMOVALS: Final = {"container": "docker rm -f", "network": "docker network rm", "volume": "docker volume rm"}


@dataclass(frozen=True, slots=True)
class Made:
    """A thing on the engine."""

    kind: str
    name: str

    @property
    def removal(self) -> str:
        """Return the command that removes it."""
        return f"{_REMOVALS[self.kind]} {self.name}"


def named_remains(error: JetpackError, left: list[Made]) -> JetpackError:
    """Return an error that says what may be left as well, and how to remove it."""
    if not left:
        return error
    what = ", ".join(f"{one.kind} {one.name}" for one in left)
    how = "; ".join(one.removal for one in left)
    remains = f"what may be left: {what}; the next run goes on from there, or remove it: {how}"
    return JetpackError(error.message, hint="\n".join(filter(None, [error.hint, remains])))


class Making:
    """Notes what is about to be made, and takes it away again when something fails."""

    def __init__(self, engine: DockerClient) -> None:
        self._engine = engine
        self._token = uuid.uuid4().hex
        self._begun: list[Made] = []

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels of what is made."""
        return {MADE_LABEL: self._token}

    def begin(self, kind: str, name: str) -> None:
        """Note a thing before it is made: it may be there although the answer was lost."""
        self._begun.append(Made(kind, name))

    @contextlib.contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        """Remove what was made when anything fails; what cannot be removed is named."""
        try:
            yield
        except BaseException as error:
            left = [one for one in reversed(self._begun) if not self._gone(one)]
            if left and isinstance(error, JetpackError):
                raise named_remains(error, left) from error
            raise

    def _gone(self, made: Made) -> bool:
        try:
            with refusals("removing what was made"):
                thing = look(self._engine, made)
                # Somebody else's of the same name may be what stood in the way.
                if thing is not None and _labels(thing).get(MADE_LABEL) == self._token:
                    remove(thing)
        except JetpackError:
            return False
        return True


def look(engine: DockerClient, made: Made) -> Any:
    """Return a thing of the engine; None where it is not there."""
    if made.kind == "container":
        return container_named(engine, made.name)
    if made.kind == "network":
        return network_named(engine, made.name)
    return found(lambda: engine.volumes.get(made.name))


def remove(thing: Any) -> None:
    """Remove a container with its nameless volumes, a network or a volume."""
    if hasattr(thing, "exec_run"):
        thing.remove(force=True, v=True)
    else:
        thing.remove()


def was_made(thing: Any) -> bool:
    """Tell whether Jetpack made a network or a volume because a container named it."""
    return MADE_LABEL in _labels(thing)


def _labels(thing: Any) -> dict[str, str]:
    attrs = thing.attrs
    return attrs.get("Labels") or (attrs.get("Config") or {}).get("Labels") or {}
