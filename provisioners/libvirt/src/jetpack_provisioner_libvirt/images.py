# SPDX-License-Identifier: GPL-3.0-or-later
"""Base images: found in a pool, or brought there once from this machine or from the web."""

from __future__ import annotations

import hashlib
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final
from urllib.parse import urlsplit

from jetpack_core.errors import JetpackError
from jetpack_provisioner_libvirt.daemon import parsed, refusals
from jetpack_provisioner_libvirt.storage import HEAD, Storage, by_hand, is_taken
from jetpack_provisioner_libvirt.values import MIB

_TIMEOUT: Final = 60
"""Seconds without a byte after which a download has failed."""
_QCOW2: Final = b"QFI\xfb"
_SAY_EVERY: Final = 2.0


@dataclass(frozen=True, slots=True)
class Base:
    """An image that disks are layers above."""

    path: str
    """On the hypervisor."""
    form: str
    """`qcow2` or `raw`."""
    size: int
    """What a guest sees of it, in bytes."""


class BaseImage:
    """One base image, as it is written in the inventory.

    :param source: A name in the pool, a path, or a URL.
    :param checksum: Of the file behind the URL, `sha256:...`.
    """

    def __init__(
        self,
        source: str,
        checksum: str | None,
        pool: str,
        storage: Storage,
        say: Callable[[str], None],
        lock: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._source = source
        self._checksum = checksum
        self._pool = pool
        self._storage = storage
        self._say = say
        self._lock = lock

    @property
    def is_url(self) -> bool:
        """Tell whether it comes from the web."""
        return "://" in self._source

    def identity(self) -> str:
        """Return what tells it from other images, for people; asks nothing of the web. Raises JetpackError."""
        if self.is_url:
            return f"{self._source} ({str(self._checksum).partition(':')[2][:12]})"
        name = self._name_in_pool()
        return self._source if name is None else f"{self._source} ({_digest(name)})"

    def is_nowhere(self) -> bool:
        """Tell whether it is neither on the hypervisor nor on this machine. Raises JetpackError."""
        return not self.is_url and self._volume() is None and self._local() is None

    def check(self) -> None:
        """Raise JetpackError where it is nowhere, as far as can be told without fetching it."""
        if self.is_nowhere():
            raise self._missing()

    def bring(self) -> Base:
        """Return the image, brought to the pool first where it is not there yet. Raises JetpackError."""
        volume = None if self.is_url else self._volume()
        if volume is None:
            name = self._name_in_pool()
            if name is None:
                raise self._missing()
            with self._lock(f"libvirt image {self._pool} {name}"):
                return self._brought_as(self._brought(name))
        return self._described(volume)

    def _missing(self) -> JetpackError:
        if "/" in self._source:
            message = f"the base image {self._source} is neither in a pool of the hypervisor nor on this machine"
            return JetpackError(message, hint="give the path of a volume, a file of this machine, or a URL")
        message = f"the storage pool {self._pool} has no volume {self._source!r} for a base image"
        return JetpackError(message, hint=f"look at what is there: virsh vol-list {self._pool}")

    def _volume(self) -> Any:
        if self._source.startswith("/"):
            return self._storage.volume_at(self._source)
        return None if "/" in self._source else self._storage.volume(self._pool, self._source)

    def _local(self) -> Path | None:
        path = Path(self._source).expanduser()
        return path if "/" in self._source and path.is_file() else None

    def _name_in_pool(self) -> str | None:
        """Return the name it gets in the pool; None where it is not to be brought there."""
        if self.is_url:
            digest = str(self._checksum).partition(":")[2]
            name = PurePosixPath(urlsplit(self._source).path).name or "image"
            return f"jetpack-base-{digest[:16]}-{name}"
        path = self._local()
        if path is None or self._volume() is not None:
            return None
        facts = path.stat()
        told = f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}"
        return f"jetpack-base-{hashlib.sha256(told.encode()).hexdigest()[:16]}-{path.name}"

    def _brought(self, name: str) -> Any:
        volume = self._storage.volume(self._pool, name)
        if volume is not None and any(self._storage.head(volume)):
            return volume
        if volume is not None:
            # Somebody began to bring it and never came to an end.
            self._storage.remove(self._pool, name)
        if self.is_url:
            with tempfile.TemporaryFile(prefix="jetpack-image-") as file:
                self._fetch(file)
                return self._send(file, name)
        path = self._local()
        if path is None:
            raise self._missing()
        with path.open("rb") as file:
            return self._send(file, name)

    def _fetch(self, file: IO[bytes]) -> None:
        """Download into a file and check its checksum. Raises JetpackError."""
        kind, _, wanted = str(self._checksum).partition(":")
        digest = hashlib.new(kind)
        self._say(f"fetching {self._source}")
        try:
            # The scheme was checked with the parameters: http, https or file.
            with urllib.request.urlopen(self._source, timeout=_TIMEOUT) as answer:  # noqa: S310
                for piece in self._told(_pieces(answer), "fetching the base image"):
                    digest.update(piece)
                    file.write(piece)
        except (OSError, urllib.error.URLError, ValueError) as error:
            raise JetpackError(f"the base image cannot be fetched from {self._source}: {error}") from error
        if digest.hexdigest() != wanted:
            message = f"{self._source} does not have the checksum {self._checksum}, but {kind}:{digest.hexdigest()}"
            raise JetpackError(message, hint="the image was changed there, or on the way; nothing of it is used")
        file.seek(0)

    def _send(self, file: IO[bytes], name: str) -> Any:
        """Put a file into the pool, its first bytes last, so that half of it is never taken for the whole."""
        size = file.seek(0, 2)
        if size < HEAD:
            raise JetpackError(f"{self._source} is no image of a disk: it has {size} bytes only")
        self._say("copying the base image to the pool")
        try:
            volume = self._storage.make(self._pool, name, size, "raw")
        except JetpackError as error:
            if not is_taken(error):
                self._forget(name, error)
            raise
        try:
            file.seek(HEAD)
            self._storage.fill(volume, self._told(_pieces(file), "copying the base image to the pool"), HEAD)
            file.seek(0)
            self._storage.fill(volume, [file.read(HEAD)], 0, HEAD)
        except JetpackError as error:
            self._forget(name, error)
            raise
        return self._storage.volume(self._pool, name)

    def _forget(self, name: str, error: JetpackError) -> None:
        """Remove what was made of the image, or say in the error that it is left."""
        try:
            self._storage.remove(self._pool, name)
        except JetpackError:
            command = by_hand(self._storage.uri, self._pool, name)
            left = f"half of the image may be left; the next run brings it anew, or remove it: {command}"
            raise JetpackError(error.message, hint=f"{error.hint}; {left}" if error.hint else left) from error

    def _told(self, pieces: Iterator[bytes], what: str) -> Iterator[bytes]:
        """Pass pieces on and say now and then how far it is."""
        total, last = 0, time.monotonic()
        for piece in pieces:
            total += len(piece)
            if time.monotonic() - last > _SAY_EVERY:
                last = time.monotonic()
                self._say(f"{what}: {total // MIB} MiB")
            yield piece

    def _described(self, volume: Any) -> Base:
        with refusals(f"looking at the base image {self._source}"):
            path, size = volume.path(), int(volume.info()[1])
            described = parsed(volume.XMLDesc(0))
        form = described.find("target/format")
        kind = form.get("type", "raw") if form is not None else "raw"
        return Base(path, kind, size)

    def _brought_as(self, volume: Any) -> Base:
        """Return what a volume is by its first bytes, as libvirt looks at what was sent to it only now and then."""
        head = self._storage.head(volume)
        with refusals(f"looking at the base image {self._source}"):
            path, size = volume.path(), int(volume.info()[1])
        if head.startswith(_QCOW2):
            # The size is the 64 bits behind the 24th byte (QEMU, docs/interop/qcow2.txt).
            return Base(path, "qcow2", int.from_bytes(head[24:32], "big"))
        return Base(path, "raw", size)


def _pieces(file: Any) -> Iterator[bytes]:
    while piece := file.read(MIB):
        yield piece


def _digest(name: str) -> str:
    return name.removeprefix("jetpack-base-")[:12]
