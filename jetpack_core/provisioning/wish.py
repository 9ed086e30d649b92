# SPDX-License-Identifier: GPL-3.0-or-later
"""What a `provision:` map says, whichever provisioner carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from jetpack_core.contracts.provisioner import Provisioner

Seconds = Annotated[float, Field(gt=0)]


class State(StrEnum):
    """What is to become of a guest."""

    PRESENT = "present"
    STARTED = "started"
    STOPPED = "stopped"
    ABSENT = "absent"


class Wish(BaseModel):
    """The keys of a `provision:` map that the phase itself reads; all others are the provisioner's."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    type: str
    """The provisioner: `docker`, `libvirt`, `proxmox_lxc`, or one of a plugin."""
    state: State = State.PRESENT
    """`present` ends running, except a new guest with `start_on_create: false`; `started`, `stopped`, `absent`."""
    start_on_create: bool = True
    """Whether a new guest is started; with false, `present` leaves its power alone ever after."""
    ssh_user: str | None = None
    """The user to log in as, unless `jet_ssh_user` says another."""
    adopt: bool = False
    """Take over a guest of this name that Jetpack did not make."""
    rebuild: bool = False
    """Replace the guest where its drift cannot be mended in place."""
    wait_for_host: bool = True
    """Wait until a guest that was started can be reached."""
    wait_timeout: Seconds = 300
    """Seconds."""
    wait_delay: Seconds = 2
    """Seconds before the second try; it grows up to `wait_max_delay`."""
    wait_max_delay: Seconds = 30
    """Seconds."""
    cluster: str | None = None
    """Inventory host whose variables say where the platform is, and how to log in there."""

    @property
    def stays(self) -> bool:
        """Tell whether the guest takes part in plays afterwards."""
        return self.state in {State.PRESENT, State.STARTED}


@dataclass(frozen=True, slots=True)
class GuestRequest:
    """One host that is to be provisioned, validated."""

    host: str
    wish: Wish
    provisioner: Provisioner
