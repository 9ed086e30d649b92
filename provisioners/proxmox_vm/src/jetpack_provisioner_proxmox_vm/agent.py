# SPDX-License-Identifier: GPL-3.0-or-later
"""What the QEMU guest agent tells: addresses and host keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jetpack_provisioner_proxmox.addresses import macs_of, usable_addresses
from jetpack_provisioner_proxmox.client import Pause
from jetpack_provisioner_proxmox.kinds import QEMU
from jetpack_provisioner_proxmox.refusals import ApiError

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.client import Client
    from jetpack_provisioner_proxmox.guests import Seen

_READ_KEYS: Final = ("/bin/sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub")
_NOT_YET: Final = ("agent is not running", "got timeout", "is not running")
_PATIENCE: Final = 10.0
"""Seconds for reading some small files."""


def agent_addresses(client: Client, found: Seen) -> tuple[str, ...]:
    """Return the addresses that the agent tells; empty while it does not run."""
    what = f"asking the agent of {found.place.vmid} for its addresses"
    try:
        told: Any = client.get(what, *found.place.path, "agent", "network-get-interfaces")
    except ApiError as error:
        if error.says(*_NOT_YET):
            return ()
        raise
    return usable_addresses((told or {}).get("result") or (), macs_of(QEMU, found.config))


def agent_keys(client: Client, found: Seen, patience: float) -> tuple[str, ...]:
    """Return the host keys that the agent reads; empty where there is none, or our user may not ask it.

    :param patience: Seconds to wait for an agent that does not run yet, and for keys that are not made yet.
    """
    pause = Pause(patience)
    while True:
        try:
            keys = _read(client, found)
        except ApiError as error:
            if error.says("No QEMU guest agent", "Permission check failed"):
                return ()
            if not error.says(*_NOT_YET):
                raise
            keys = ()
        if keys or pause.over:
            return keys
        client.around().say("waiting for its guest agent")
        client.around().check()
        pause.wait()


def _read(client: Client, found: Seen) -> tuple[str, ...]:
    what, path = f"reading the host keys of {found.place.vmid}", (*found.place.path, "agent")
    begun: Any = client.change("POST", what, *path, "exec", parameters={"command": list(_READ_KEYS)})
    pause = Pause(_PATIENCE)
    while True:
        state: Any = client.get(what, *path, "exec-status", pid=begun["pid"])
        if state.get("exited") or pause.over:
            break
        pause.wait()
    lines = str(state.get("out-data") or "").splitlines()
    words = [line.split() for line in lines]
    return tuple(" ".join(one[:2]) for one in words if len(one) > 1 and one[1].startswith("AAAA"))
