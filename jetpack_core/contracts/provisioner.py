# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a provisioner: it makes the hosts themselves match their `provision:` map."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, PrivateAttr

if TYPE_CHECKING:
    from jetpack_core.records import Change


class GuestAction(StrEnum):
    """What a guest needs so that it matches its parameters; whether it runs is not part of it."""

    NONE = "none"
    CREATE = "create"
    UPDATE = "update"
    """Changed in place."""
    REPLACE = "replace"
    """Removed and made anew; nothing in it is kept."""
    DRIFT = "drift"
    """Only a replacement would do, and the guest is too dear for that: it is reported and left as it is, unless
    the map says `rebuild: true`."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A host as its platform knows it."""

    id: str
    """The platform's own identifier (a VMID, a container id, a domain UUID)."""
    name: str
    running: bool
    owned: bool
    """Whether it carries Jetpack's mark; what does not is never destroyed."""
    data: Mapping[str, object] = field(default_factory=dict)
    """The provisioner's own, such as the raw configuration."""


@dataclass(frozen=True, slots=True)
class GuestPlan:
    """What has to be done to a guest, field by field."""

    action: GuestAction
    changes: tuple[Change, ...] = ()
    reason: str = ""
    """Why, where the changes do not say it: `the image was built anew`, `needs a restart`."""
    data: object = None
    """The provisioner's own; `update` gets it back."""


def _silent(_: str) -> None:
    """Tell nobody."""


def _go_on() -> None:
    """Let the work go on."""


def _alone(_: str) -> AbstractContextManager[None]:
    """Lock nothing, as there is nobody else."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a provisioner may know besides its parameters, and whom it talks to."""

    variables: Mapping[str, object] = field(default_factory=dict)
    """The host's variables, as far as they are known before any play."""
    cluster: Mapping[str, object] = field(default_factory=dict)
    """The variables of the inventory host that `cluster` names: addresses and credentials of an API."""
    say: Callable[[str], None] = _silent
    """Tell what is going on, in a few words: `fetching the template`."""
    warn: Callable[[str], None] = _silent
    """Tell what nobody could foresee and the user should know, although all went well: `it was killed`."""
    check: Callable[[], None] = _go_on
    """Raise JetpackError once the user wants the run to end; call it between steps and while polling."""
    lock: Callable[[str], AbstractContextManager[None]] = _alone
    """Hold a lock by name, against other guests of the run and other runs of this user on this machine."""


class Provisioner(BaseModel, ABC):
    """Typed parameters of one kind of guest, and the calls that converge it.

    All methods may block; the provisioning phase calls them in threads, the methods of one object in one thread at
    a time. Each raises JetpackError with the platform's own words on refusal.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    _surroundings: Surroundings = PrivateAttr(default_factory=Surroundings)

    @property
    def surroundings(self) -> Surroundings:
        """Return what is known besides the parameters."""
        return self._surroundings

    def attach(self, surroundings: Surroundings) -> None:
        """Take the surroundings; the phase calls it once, before anything else."""
        self._surroundings = surroundings

    @property
    def needs_address(self) -> bool:
        """Tell whether the connection to a guest needs an address; one that goes through the platform does not."""
        return True

    @abstractmethod
    def find(self, host: str) -> Guest | None:
        """Return the guest of an inventory host, or None where there is none."""

    @abstractmethod
    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        """Compare a guest with the parameters, its power aside; MUST change nothing."""

    @abstractmethod
    def create(self, host: str) -> Guest:
        """Make the guest and start it unless told not to; on failure, remove what was made or name what is left."""

    @abstractmethod
    def update(self, guest: Guest, plan: GuestPlan) -> Guest:
        """Change in place what the plan lists."""

    @abstractmethod
    def start(self, guest: Guest) -> None:
        """Start a stopped guest."""

    @abstractmethod
    def stop(self, guest: Guest) -> None:
        """Stop a guest: gracefully, then by force."""

    @abstractmethod
    def destroy(self, guest: Guest) -> None:
        """Remove a stopped guest and all that was made for it, and nothing else; MUST refuse one not owned."""

    def replace(self, host: str, guest: Guest, plan: GuestPlan) -> Guest:
        """Remove a guest and make it anew; what is to outlive a guest, such as volumes with a name, MUST stay."""
        del plan
        if guest.running:
            self.stop(guest)
        self.destroy(replace(guest, running=False))
        return self.create(host)

    @abstractmethod
    def addresses(self, guest: Guest) -> tuple[str, ...]:
        """Return the guest's addresses, the best first; empty while none is known."""

    def host_keys(self, guest: Guest) -> tuple[str, ...]:
        """Return the guest's SSH host keys where the platform offers a trusted way to them."""
        del guest
        return ()

    def details(self, guest: Guest) -> Mapping[str, object]:
        """Return what else users may want to see of a guest, in plain data, such as its `node`; never a secret."""
        del guest
        return {}

    def connection_variables(self, guest: Guest) -> Mapping[str, object]:
        """Return variables for the guest's connection, such as `jet_connection`; what the user sets beats them."""
        del guest
        return {}
