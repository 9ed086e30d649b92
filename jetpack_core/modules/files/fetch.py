# SPDX-License-Identifier: GPL-3.0-or-later
"""The `fetch` module."""

from __future__ import annotations

import os
import posixpath
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from jetpack_core.contracts.fields import FileName
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained, noun
from jetpack_core.errors import StaleError, TaskError
from jetpack_core.modules.files.payload import fingerprint, payload_of_file, read_payload
from jetpack_core.records import Change, FileStat, Outcome, Plan, PlanKind


def _control_path(value: str) -> str:
    if not value or "\0" in value:
        message = "this must be a path of the control machine"
        raise ValueError(message)
    if value.startswith("~"):
        message = "'~' is not expanded; write the directory in full"
        raise ValueError(message)
    return value


@dataclass(frozen=True, slots=True)
class FetchWork:
    """The host's file as it was seen, and where it goes."""

    remote: FileStat
    path: Path
    before: str | None
    """The checksum of what is there; None for nothing."""


class Fetch(Module):
    """Fetch a file from the host to the control machine.

    The file is replaced atomically, and only when its content differs. Missing directories above it are made. A new
    file is readable for you alone. Where the play has several hosts, `dest` must tell them apart.

    Example::

        - !fetch
          src: /etc/ssh/ssh_host_ed25519_key.pub
          dest: host-keys/{{ inventory_hostname }}.pub
        - !fetch
          src: /var/log/app.log
          dest: collected/
    """

    writes_here: ClassVar[bool] = True

    src: FileName
    """The file on the host; a link is followed."""
    dest: Annotated[str, AfterValidator(_control_path)]
    """The file's own name on the control machine, relative to the working directory.

    One that ends with a slash is a directory, in which the file becomes HOST/PATH.
    """
    flat: bool = False
    """Allow a `dest` that does not hold the host's name though the play has several: only one of them fetches."""

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that one file is fetched, and put in place only where neither side has changed."""
        del plan
        return True

    async def plan(self, host: Host) -> Plan:
        """Compare the two files by their checksums."""
        path = self._destination(host)
        with explained(self.src):
            remote = await host.stat(self.src, follow=True, checksum=True)
        if not remote.is_file:
            raise TaskError(
                f"{self.src} is {noun(remote)}, not a file" if remote.exists else f"{self.src} does not exist"
            )
        local = await payload_of_file(host, path) if _is_there(path) else None
        if local is not None and local.checksum == remote.checksum:
            return Plan(PlanKind.NONE)
        before = local.checksum if local is not None else None
        return Plan(
            PlanKind.CREATE if local is None else PlanKind.MODIFY,
            (
                Change("content", fingerprint(before), fingerprint(remote.checksum)),
                Change("size", local.size if local is not None else None, remote.size),
            ),
            data=FetchWork(remote, path, before),
        )

    def _destination(self, host: Host) -> Path:
        if not self.dest.endswith("/"):
            self._refuse_clash(host)
            return Path(self.dest)
        if "/" in host.name or host.name in {".", ".."}:
            raise TaskError(
                f"the host name {host.name!r} cannot be a directory", hint="write the file's name into 'dest'"
            )
        return Path(self.dest, host.name, posixpath.normpath(self.src).lstrip("/"))

    def _refuse_clash(self, host: Host) -> None:
        """Raise TaskError where the hosts of the play would overwrite each other's file."""
        named = re.search(rf"(?<![A-Za-z0-9]){re.escape(host.name)}(?![A-Za-z0-9])", self.dest)
        if not self.flat and named is None and len(_hosts_of_play(host)) > 1:
            raise TaskError(
                f"every host of the play would write the same file {self.dest}",
                hint="put {{ inventory_hostname }} into 'dest', end it with a slash, or say `flat: true`"
                " if only one host fetches",
            )

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Fetch the file beside its destination, and put it in place if neither side has changed."""
        work = plan.data
        if not isinstance(work, FetchWork):
            message = "fetch was given the plan of another module"
            raise TypeError(message)
        temporary = await host.in_thread(lambda: _prepare(work.path))
        try:
            with explained(self.src):
                got = await host.get(self.src, temporary)
            if got.checksum != work.remote.checksum:
                raise StaleError(self.src)
            await host.in_thread(lambda: _place(temporary, work))
        finally:
            temporary.unlink(missing_ok=True)
        return Outcome({"dest": str(work.path), "checksum": got.checksum})


def _hosts_of_play(host: Host) -> Sequence[object]:
    hosts = host.variables.get("jet_play_hosts")
    return hosts if isinstance(hosts, list | tuple) else host.groups.get("all", ())


def _is_there(path: Path) -> bool:
    """Tell whether there is a file. Raises TaskError where a directory is in the way."""
    if path.is_dir():
        raise TaskError(f"{path} is a directory", hint="'dest' is the file's own name, or ends with a slash")
    return path.exists()


def _prepare(path: Path) -> Path:
    """Make the directories and an empty file beside the destination. Raises TaskError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    os.close(handle)
    return Path(name)


def _place(temporary: Path, work: FetchWork) -> None:
    before = read_payload(work.path).checksum if work.path.exists() else None
    if before != work.before:
        raise StaleError(str(work.path))
    try:
        temporary.chmod(work.path.stat().st_mode & 0o777 if before is not None else 0o600)
        temporary.replace(work.path)
    except OSError as error:
        raise _unwritable(work.path, error) from error


def _unwritable(path: Path, error: OSError) -> TaskError:
    return TaskError(f"the control machine's {path} cannot be written: {(error.strerror or str(error)).lower()}")
