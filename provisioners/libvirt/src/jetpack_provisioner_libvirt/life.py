# SPDX-License-Identifier: GPL-3.0-or-later
"""Start, stop and remove guests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.errors import JetpackError
from jetpack_provisioner_libvirt.creation import undefine
from jetpack_provisioner_libvirt.daemon import code_of, domain_with, refusals
from jetpack_provisioner_libvirt.storage import by_hand
from jetpack_provisioner_libvirt.view import domain_of, view_of

if TYPE_CHECKING:
    from jetpack_core.contracts.provisioner import Guest
    from jetpack_provisioner_libvirt.provisioner import Tools

_POLL: Final = 0.5
_FIRST_POLL: Final = 0.02
_ASK_AGAIN: Final = 10.0
"""Seconds; a guest that is still booting does not hear the first time."""


def start(tools: Tools, guest: Guest) -> None:
    """Start a guest, or let one that was paused go on. Raises JetpackError."""
    import libvirt

    domain = domain_of(tools.connection, tools.uri, guest)
    with refusals(f"starting the guest {guest.name}", tools.uri):
        state = domain.state()[0]
        if state == libvirt.VIR_DOMAIN_PAUSED:
            domain.resume()
        elif not domain.isActive():
            domain.create()


def stop(tools: Tools, guest: Guest, patience: float) -> None:
    """Shut a guest down; after some time, turn its power off. Raises JetpackError.

    :param patience: Seconds.
    """
    domain = domain_of(tools.connection, tools.uri, guest)
    with refusals(f"stopping the guest {guest.name}", tools.uri):
        if _shut_down(tools, domain, patience):
            return
        tools.warn(f"it did not shut down in {patience:g} s, so its power was turned off")
        _power_off(domain)


def _shut_down(tools: Tools, domain: Any, patience: float) -> bool:
    """Ask a guest to shut down until it did, and tell whether it did."""
    import libvirt

    if domain.isActive() and domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
        # It can hear nothing while it is paused.
        domain.resume()
    until, asked, pause = time.monotonic() + patience, 0.0, _FIRST_POLL
    while domain.isActive():
        now = time.monotonic()
        if now > until:
            return False
        if not asked or now - asked > _ASK_AGAIN:
            _ask(domain)
            asked = now
            tools.say("waiting for it to shut down")
        tools.check()
        time.sleep(pause)
        pause = min(2 * pause, _POLL)
    return True


def _ask(domain: Any) -> None:
    import libvirt

    try:
        domain.shutdown()
    except libvirt.libvirtError as error:
        # It ended just now, or its agent does not answer; then only force is left.
        late = {libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_AGENT_UNRESPONSIVE, libvirt.VIR_ERR_AGENT_UNSYNCED}
        if code_of(error) not in late:
            raise


def _power_off(domain: Any) -> None:
    import libvirt

    try:
        domain.destroy()
    except libvirt.libvirtError:
        if domain.isActive():
            raise


def destroy(tools: Tools, guest: Guest) -> None:
    """Remove a guest and the volumes that were made for it. Raises JetpackError; it can be tried again then."""
    view = view_of(guest)
    if not guest.owned:
        message = f"the domain {view.name} ({guest.id}) was not made by Jetpack"
        raise JetpackError(message, hint=f"remove it by hand if you mean it: virsh -c {tools.uri} undefine {view.name}")
    with refusals(f"removing the guest {guest.name}", tools.uri):
        domain = domain_with(tools.connection, guest.id)
        if domain is not None and domain.isActive():
            _power_off(domain)
    # The domain knows what belongs to it, so it goes last: what fails half-way can be done again.
    for pool, name in view.mark.volumes.values() if view.mark is not None else ():
        try:
            tools.storage.remove(pool, name)
        except JetpackError as error:
            hint = f"try again, or remove it by hand: {by_hand(tools.uri, pool, name)}"
            raise JetpackError(error.message, hint=hint) from error
    with refusals(f"removing the domain {view.name}", tools.uri):
        if domain is not None:
            undefine(domain)
