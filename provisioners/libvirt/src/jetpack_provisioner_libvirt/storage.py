# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage pools and the volumes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from jetpack_core.errors import JetpackError
from jetpack_provisioner_libvirt.daemon import code_of, found, refusals

_PIECE: Final = 1 << 20
HEAD: Final = 4096
"""Bytes of a base image that are written last; as long as they are zeros, it is not all there."""


class Storage:
    """The storage pools of a hypervisor.

    :param check: Raises once the user wants the run to end.
    """

    def __init__(self, connection: Any, uri: str, check: Callable[[], None]) -> None:
        self._connection = connection
        self._uri = uri
        self._check = check

    @property
    def uri(self) -> str:
        """Return where the hypervisor is."""
        return self._uri

    def pool(self, name: str) -> Any:
        """Return a pool that can be used. Raises JetpackError, naming those that are there."""
        with refusals(f"looking for the storage pool {name}", self._uri):
            pool = found(lambda: self._connection.storagePoolLookupByName(name), "VIR_ERR_NO_STORAGE_POOL")
            if pool is None:
                known = sorted(one.name() for one in self._connection.listAllStoragePools())
                there = f"there are: {', '.join(known)}" if known else "there is none yet"
                make = f"make one with: virsh -c {self._uri} pool-create-as {name} dir --target /var/lib/libvirt/images"
                raise JetpackError(f"{self._uri} has no storage pool {name!r}; {there}", hint=make)
            if not pool.isActive():
                hint = f"start it with: virsh -c {self._uri} pool-start {name}"
                raise JetpackError(f"the storage pool {name} of {self._uri} is not active", hint=hint)
        return pool

    def volume(self, pool: str, name: str) -> Any:
        """Return a volume, None where there is none. Raises JetpackError."""
        where = self.pool(pool)
        with refusals(f"looking for the volume {name} in the pool {pool}", self._uri):
            return found(lambda: where.storageVolLookupByName(name), "VIR_ERR_NO_STORAGE_VOL")

    def volume_at(self, path: str) -> Any:
        """Return the volume that has a path on the hypervisor, None where no pool has it. Raises JetpackError."""
        with refusals(f"looking for the volume at {path}", self._uri):
            return found(lambda: self._connection.storageVolLookupByPath(path), "VIR_ERR_NO_STORAGE_VOL")

    def capacity(self, pool: str, name: str) -> int | None:
        """Return how large a guest sees a volume, in bytes; None where it is not there."""
        volume = self.volume(pool, name)
        if volume is None:
            return None
        with refusals(f"looking at the volume {name}", self._uri):
            return int(volume.info()[1])

    def path(self, pool: str, name: str) -> str:
        """Return where a volume is on the hypervisor. Raises JetpackError."""
        volume = self.volume(pool, name)
        if volume is None:
            raise JetpackError(f"the storage pool {pool} has no volume {name} any more")
        with refusals(f"looking at the volume {name}", self._uri):
            return str(volume.path())

    def make(self, pool: str, name: str, size: int, form: str, backing: tuple[str, str] | None = None) -> Any:
        """Return a new volume. Raises JetpackError, with `taken` as its cause where the name is taken.

        :param size: Bytes.
        :param form: `qcow2` or `raw`.
        :param backing: Path and format of what it is a layer above.
        """
        where = self.pool(pool)
        root = Element("volume")
        SubElement(root, "name").text = name
        SubElement(root, "capacity", unit="bytes").text = str(size)
        if form != "raw":
            SubElement(root, "allocation").text = "0"
        target = SubElement(root, "target")
        SubElement(target, "format", type=form)
        SubElement(SubElement(target, "permissions"), "mode").text = "0600"
        if backing is not None:
            below = SubElement(root, "backingStore")
            SubElement(below, "path").text = backing[0]
            SubElement(below, "format", type=backing[1])
        with refusals(f"making the volume {name} in the pool {pool}", self._uri):
            return where.createXML(tostring(root, encoding="unicode"), 0)

    def fill(self, volume: Any, pieces: Iterable[bytes], offset: int = 0, length: int = 0) -> None:
        """Write bytes into a volume; `length` 0 means up to their end. Raises JetpackError."""
        with refusals("sending data to the storage pool", self._uri):
            stream = self._connection.newStream(0)
            try:
                volume.upload(stream, offset, length, 0)
                for piece in pieces:
                    self._check()
                    for start in range(0, len(piece), _PIECE):
                        _send(stream, piece[start : start + _PIECE])
            except BaseException:
                _give_up(stream)
                raise
            stream.finish()

    def head(self, volume: Any) -> bytes:
        """Return the first bytes of a volume. Raises JetpackError."""
        with refusals("reading from the storage pool", self._uri):
            stream = self._connection.newStream(0)
            try:
                volume.download(stream, 0, HEAD, 0)
                data = b""
                while len(data) < HEAD and (piece := stream.recv(HEAD - len(data))):
                    data += piece
            except BaseException:
                _give_up(stream)
                raise
            stream.finish()
        return data

    def grow(self, pool: str, name: str, size: int) -> None:
        """Make a volume larger that no running guest uses. Raises JetpackError."""
        volume = self.volume(pool, name)
        if volume is None:
            raise JetpackError(f"the storage pool {pool} has no volume {name} any more")
        with refusals(f"growing the volume {name}", self._uri):
            volume.resize(size, 0)

    def remove(self, pool: str, name: str) -> None:
        """Remove a volume, if it is there. Raises JetpackError."""
        volume = self.volume(pool, name)
        if volume is None:
            return
        with refusals(f"removing the volume {name} from the pool {pool}", self._uri):
            found(lambda: volume.delete(0), "VIR_ERR_NO_STORAGE_VOL")


def is_taken(error: JetpackError) -> bool:
    """Tell whether a volume could not be made as there is one of its name."""
    import libvirt

    return code_of(error.__cause__) == int(libvirt.VIR_ERR_STORAGE_VOL_EXIST)


def by_hand(uri: str, pool: str, name: str) -> str:
    """Return the command that removes a volume."""
    return f"virsh -c {uri} vol-delete --pool {pool} {name}"


def _send(stream: Any, data: bytes) -> None:
    sent = 0
    while sent < len(data):
        count = stream.send(data[sent:])
        if count < 0:
            raise JetpackError("the storage pool takes no more data")
        sent += count


def _give_up(stream: Any) -> None:
    import contextlib

    import libvirt

    with contextlib.suppress(libvirt.libvirtError):
        stream.abort()
