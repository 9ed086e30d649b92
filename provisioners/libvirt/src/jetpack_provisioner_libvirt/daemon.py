# SPDX-License-Identifier: GPL-3.0-or-later
"""The libvirt daemon: where it is, and what it refuses, in its own words and with what to do about it."""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar
from xml.etree.ElementTree import Element, fromstring

from jetpack_core.errors import JetpackError

T = TypeVar("T")

DEFAULT_URI: Final = "qemu:///system"
_HINTS: Final = (
    (("permission denied", "libvirt-sock"), "{user} may not use the socket of {uri}: {group}"),
    (("authentication unavailable",), "{user} may not use {uri}: {group}"),
    (("access denied by policy",), "{user} may not use {uri}: {group}"),
    (("authentication failed",), "{user} may not use {uri}: {group}"),
    (("no such file or directory", "libvirt-sock"), "is libvirtd running there? try: systemctl start libvirtd"),
    (("connection refused",), "is libvirtd running there? try: systemctl start libvirtd"),
    (("host key verification",), "log in once by hand, so that ssh knows the host"),
    (("cannot get interface mtu",), "the hypervisor has no such bridge; look there with: ip link show type bridge"),
    (("is not active", "network"), "start it: virsh net-start NETWORK"),
    (("permission denied", "could not open"), "QEMU's own user must be able to read it; put it into a storage pool"),
    (("unable to find", "firmware"), "install UEFI firmware on the hypervisor (Debian: ovmf), or say `firmware: bios`"),
    (("still in use",), "somebody else is filling it at this moment; run it again when that is done"),
    (("storage volume", "exists already"), "somebody else made it at this moment; run it again when that is done"),
    (("cannot allocate memory",), "the hypervisor has not that much memory left"),
)
_GROUP: Final = "join the group libvirt there, or use `uri: qemu:///session`"


def uri_of(cluster: Mapping[str, object], given: str | None) -> str:
    """Return where the daemon is: what the guest says, its cluster's `jet_libvirt_uri`, or libvirt's own default.

    Raises JetpackError.
    """
    known = given if given is not None else cluster.get("jet_libvirt_uri")
    if known is None:
        return os.environ.get("LIBVIRT_DEFAULT_URI") or DEFAULT_URI
    if not isinstance(known, str):
        raise JetpackError(f"jet_libvirt_uri must be text, not {known!r}", hint=f"such as: {DEFAULT_URI}")
    return known


def connect(uri: str) -> Any:
    """Return a connection to a daemon. Raises JetpackError."""
    try:
        import libvirt
    except ImportError as error:
        hint = "pip install libvirt-python; it needs the headers of libvirt (Debian: libvirt-dev, pkg-config, gcc)"
        raise JetpackError(f"libvirt-python cannot be loaded: {error}", hint=hint) from error
    # Without a handler of ours, libvirt writes every error to stderr besides raising it.
    libvirt.registerErrorHandler(_silent, None)
    try:
        return libvirt.open(_unattended(uri))
    except libvirt.libvirtError as error:
        hint = _hint(str(error), uri) or "`uri` names another one, such as qemu+ssh://root@hypervisor/system"
        raise JetpackError(f"{uri} cannot be reached: {words(error)}", hint=hint) from error


def _unattended(uri: str) -> str:
    """Return a URI over ssh so that ssh asks nothing: of many guests at once, nobody could answer."""
    if "+ssh" not in uri.partition(":")[0] or "no_tty=" in uri:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}no_tty=1"


def _silent(context: object, error: object) -> None:
    """Keep an error from being printed; it is raised as well."""


@contextlib.contextmanager
def refusals(what: str, uri: str = DEFAULT_URI) -> Iterator[None]:
    """Turn what libvirt refuses into JetpackError.

    :param what: What was tried, such as `starting the guest web1`.
    """
    import libvirt

    try:
        yield
    except libvirt.libvirtError as error:
        raise JetpackError(f"{what}: {words(error)}", hint=_hint(str(error), uri)) from error


def words(error: Exception) -> str:
    """Return what an error of libvirt says, without its preface."""
    text = str(error).strip().removeprefix("internal error: ")
    return text or type(error).__name__


def code_of(error: BaseException | None) -> int:
    """Return libvirt's number for an error; 0 where it is none of libvirt's."""
    get = getattr(error, "get_error_code", None)
    return int(get()) if get is not None and get() is not None else 0


def found(look: Callable[[], T], *absent: str) -> T | None:
    """Return what a call finds, None where libvirt knows of no such thing.

    :param absent: Names of the codes that mean so, such as `VIR_ERR_NO_DOMAIN`.
    """
    import libvirt

    try:
        return look()
    except libvirt.libvirtError as error:
        if error.get_error_code() in {getattr(libvirt, name) for name in absent}:
            return None
        raise


def domain_named(connection: Any, name: str) -> Any:
    """Return a domain by name, None where there is none."""
    return found(lambda: connection.lookupByName(name), "VIR_ERR_NO_DOMAIN")


def domain_with(connection: Any, uuid: str) -> Any:
    """Return a domain by UUID, None where there is none."""
    return found(lambda: connection.lookupByUUIDString(uuid), "VIR_ERR_NO_DOMAIN")


def parsed(text: str) -> Element:
    """Return XML that libvirt wrote.

    libvirt's own XML has neither entities nor a document type, which is what makes parsing others' XML dangerous;
    anything with one is refused. Raises JetpackError.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise JetpackError("libvirt's answer has a document type, which libvirt never writes")
    return fromstring(text)  # noqa: S314 - checked above


def _hint(text: str, uri: str) -> str:
    lower = text.lower()
    for signs, hint in _HINTS:
        if all(sign in lower for sign in signs):
            return hint.format(user=_user(), uri=uri, group=_GROUP)
    return ""


def _user() -> str:
    try:
        return f"the user {getpass.getuser()}"
    except (KeyError, OSError):
        return "this user"
