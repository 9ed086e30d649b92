# SPDX-License-Identifier: GPL-3.0-or-later
"""Listings of a host's files, to prove that a run changed nothing or only what it said."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass

# What a login alone leaves behind; no run is judged by it.
LOGIN_TRACES = ("/run", "/var/run", "/var/log/lastlog", "/var/log/wtmp", "/var/log/btmp", "/var/lib/sudo")

_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.LNKTYPE: "hardlink",
    tarfile.SYMTYPE: "symlink",
    tarfile.DIRTYPE: "directory",
    tarfile.FIFOTYPE: "fifo",
    tarfile.CHRTYPE: "character-device",
    tarfile.BLKTYPE: "block-device",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a host: mode without the kind's bits, owner by number, mtime in seconds, size in bytes."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    target: str
    sha256: str


def take_snapshot(container: str, ignore: Iterable[str] = LOGIN_TRACES) -> dict[str, Entry]:
    """List every file of a container by path, leaving out the trees in `ignore` and mounted ones."""
    left_out = tuple(ignore)
    argv = ["docker", "export", container]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as exporter:
        assert exporter.stdout is not None
        with tarfile.open(fileobj=exporter.stdout, mode="r|", bufsize=1 << 20) as archive:
            listed = {f"/{member.name}": _entry(archive, member) for member in archive}
    if exporter.returncode != 0:
        raise RuntimeError(f"docker export {container}: exit {exporter.returncode}")
    return {path: entry for path, entry in listed.items() if not _within(path, left_out)}


def _within(path: str, trees: tuple[str, ...]) -> bool:
    return any(path == tree or path.startswith(f"{tree}/") for tree in trees)


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    digest = hashlib.sha256()
    content = archive.extractfile(member) if member.isreg() else None
    while content is not None and (chunk := content.read(1 << 20)):
        digest.update(chunk)
    return Entry(
        kind=_KINDS.get(member.type, "other"),
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        size=member.size,
        mtime=int(member.mtime),
        target=member.linkname,
        sha256=digest.hexdigest() if member.isreg() else "",
    )
