# SPDX-License-Identifier: GPL-3.0-or-later
"""What Jetpack writes down in the metadata of a domain: that it is Jetpack's, and what belongs to it."""

from __future__ import annotations

import getpass
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

NAMESPACE: Final = "urn:io.jetpack:libvirt:1"
PREFIX: Final = "jetpack"
_TAG: Final = f"{{{NAMESPACE}}}guest"

Volume = tuple[str, str]
"""A storage pool, and the name of a volume in it."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Who is making a guest, and since when; there as long as it is not finished."""

    who: str
    since: float
    """Seconds since 1970."""

    @classmethod
    def now(cls) -> Maker:
        """Return this user of this machine."""
        return cls(_me(), time.time())

    @property
    def is_me(self) -> bool:
        """Tell whether it is this user of this machine, whose runs are kept apart by locks."""
        return self.who == _me()


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a guest besides what libvirt knows."""

    host: str
    """The inventory name it was made for."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that have had their effect once and for all, as they were then; secrets as digests."""
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    """What was made for it: `disk`, `seed`, and `extra.NAME`."""
    extra: tuple[str, ...] = ()
    """Names of the disks that it has besides the first one."""
    host_keys: tuple[str, ...] = ()
    """Its SSH host keys, as they were given to cloud-init."""
    making: Maker | None = None
    waits: tuple[int, tuple[str, ...]] = (0, ())
    """The number of a run of the domain, and fields that it takes on only when it is started anew."""

    def element(self, tag: str = _TAG) -> Element:
        """Return it as XML."""
        register_namespace(PREFIX, NAMESPACE)
        made = Element(tag)
        made.text = json.dumps(asdict(self), sort_keys=True)
        return made

    def write(self, root: Element) -> None:
        """Put it into the XML of a domain, in the place of an older one."""
        metadata = root.find("metadata")
        if metadata is None:
            metadata = SubElement(root, "metadata")
        for old in metadata.findall(_TAG):
            metadata.remove(old)
        metadata.append(self.element())

    def xml(self) -> str:
        """Return it as text without a namespace, which libvirt adds itself."""
        return tostring(self.element("guest"), encoding="unicode")


def mark_of(root: Element) -> Mark | None:
    """Return the mark in the XML of a domain; None where there is none, or none that can be understood."""
    found = root.find(f"metadata/{_TAG}")
    try:
        plain = json.loads((found.text or "") if found is not None else "")
        making = plain["making"]
        return Mark(
            host=str(plain["host"]),
            fixed=dict(plain["fixed"]),
            volumes={str(role): (str(pool), str(name)) for role, (pool, name) in plain["volumes"].items()},
            extra=tuple(plain["extra"]),
            host_keys=tuple(plain["host_keys"]),
            making=Maker(str(making["who"]), float(making["since"])) if making else None,
            waits=(int(plain["waits"][0]), tuple(plain["waits"][1])),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None


def _me() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    return f"{user}@{socket.gethostname()}"
