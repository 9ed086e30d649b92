# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest as libvirt has it at this moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from jetpack_core.contracts.provisioner import Guest
from jetpack_core.errors import JetpackError
from jetpack_provisioner_libvirt.daemon import domain_named, domain_with, parsed, refusals
from jetpack_provisioner_libvirt.mark import Mark, mark_of

if TYPE_CHECKING:
    from jetpack_provisioner_libvirt.storage import Storage

_VIEW = "view"


@dataclass(frozen=True, slots=True)
class View:
    """What libvirt says of a domain."""

    name: str
    config: Element
    """Its XML as it is from the next start on."""
    live: Element | None
    """Its XML as it runs; None where it does not."""
    run: int
    """Tells one start from another; 0 where it does not run."""
    autostart: bool
    mark: Mark | None
    sizes: Mapping[str, int | None]
    """What its own volumes hold, in bytes; None for those that are gone."""


def look(host: str, domain: Any, storage: Storage) -> Guest:
    """Return a domain as the phase knows it. Raises JetpackError."""
    import libvirt

    with refusals(f"looking at the guest {host}"):
        running = domain.state()[0] in {libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_BLOCKED}
        active = bool(domain.isActive())
        config = parsed(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))
        live = parsed(domain.XMLDesc(0)) if active else None
        autostart = bool(domain.autostart())
        run = int(domain.ID()) if active else 0
        name, identity = domain.name(), domain.UUIDString()
    mark = mark_of(config)
    volumes = mark.volumes if mark is not None else {}
    sizes = {role: storage.capacity(pool, volume) for role, (pool, volume) in volumes.items() if role != "seed"}
    view = View(name, config, live, run, autostart, mark, sizes)
    return Guest(identity, host, running, mark is not None and mark.host == host, {_VIEW: view})


def view_of(guest: Guest) -> View:
    """Return what libvirt said of a guest."""
    view = guest.data[_VIEW]
    if not isinstance(view, View):
        raise JetpackError(f"{guest.name} was found by another provisioner")
    return view


def find_domain(connection: Any, uri: str, host: str, name: str) -> Any:
    """Return the domain of a host: the one of its name, or else one that was made for it; None where there is none.

    Raises JetpackError.
    """
    with refusals(f"looking for the guest {name}", uri):
        domain = domain_named(connection, name)
        if domain is not None:
            return domain
        return next((one for one in connection.listAllDomains() if _is_of(one, host)), None)


def _is_of(domain: Any, host: str) -> bool:
    import libvirt

    try:
        mark = mark_of(parsed(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)))
    except libvirt.libvirtError:
        # Somebody removed it meanwhile.
        return False
    return mark is not None and mark.host == host


def domain_of(connection: Any, uri: str, guest: Guest) -> Any:
    """Return the domain of a guest. Raises JetpackError where it is gone."""
    with refusals(f"looking for the guest {guest.name}", uri):
        domain = domain_with(connection, guest.id)
    if domain is None:
        raise JetpackError(f"the guest {guest.name} ({guest.id}) is not there any more", hint="run it again")
    return domain
