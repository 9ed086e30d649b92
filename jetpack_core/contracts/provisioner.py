# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a provisioner: it makes the hosts themselves match their `provision:` map."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from jetpack_core.records import Change


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
    """What has to be done to a guest; `action` is one of create, update, replace, start, stop, destroy, none."""

    action: str
    changes: tuple[Change, ...] = ()
    data: object = None


class Provisioner(BaseModel, ABC):
    """Typed parameters of one kind of guest, and the calls that converge it.

    All methods may block; the provisioning phase calls them in threads, one guest per thread. Each raises
    JetpackError with the platform's own words on refusal.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @abstractmethod
    def find(self, host: str) -> Guest | None:
        """Return the guest of an inventory host, or None where there is none."""

    @abstractmethod
    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        """Compare a guest with the parameters; MUST change nothing."""

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

    @abstractmethod
    def addresses(self, guest: Guest) -> tuple[str, ...]:
        """Return the guest's addresses, the best first; empty while none is known."""

    def host_keys(self, guest: Guest) -> tuple[str, ...]:
        """Return the guest's SSH host keys where the platform offers a trusted way to them."""
        del guest
        return ()

    def connection_variables(self, guest: Guest) -> Mapping[str, object]:
        """Return variables for the guest's connection, such as `jet_connection`."""
        del guest
        return {}
