# SPDX-License-Identifier: GPL-3.0-or-later
"""What was learned of guests, kept for later runs: where each is, and the host keys it is known by."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from jetpack_core.errors import JetpackError
from jetpack_core.state import state_folder

if TYPE_CHECKING:
    from pathlib import Path

    from jetpack_core.contracts.provisioner import Guest
    from jetpack_core.provisioning.wish import GuestRequest

_VERSION: Final = 1
_LONGEST: Final = 80
"""Characters of a host's name in the name of its file; a digest tells longer ones apart."""


class KeySource(StrEnum):
    """How a guest's host keys became known."""

    PLATFORM = "told by its platform"
    FIRST_SEEN = "first seen in the run that made it"


@dataclass(frozen=True, slots=True)
class GuestRecord:
    """What was learned of one guest."""

    host: str
    """The inventory name."""
    type: str
    cluster: str
    """Inventory host that holds the API; empty where none is named."""
    id: str
    """The platform's own identifier."""
    name: str
    running: bool
    address: str = ""
    """Empty where none is needed or known."""
    details: Mapping[str, object] = field(default_factory=dict)
    """What else the provisioner tells, such as its `node`."""
    host_keys: tuple[str, ...] = ()
    key_source: str = ""
    seen: str = ""
    """When it was looked at last, in ISO 8601."""

    @property
    def file(self) -> Path:
        """Return where it is kept."""
        return _file(self.host, self.type, self.cluster, self.id)


def record_of(request: GuestRequest, guest: Guest, details: Mapping[str, object], address: str) -> GuestRecord:
    """Return what there is to say of a guest now; its host keys are those that were known before."""
    known = recall(request, guest)
    return GuestRecord(
        host=request.host,
        type=request.wish.type,
        cluster=_cluster(request),
        id=guest.id,
        name=guest.name,
        running=guest.running,
        address=address,
        details=details,
        host_keys=known.host_keys if known is not None else (),
        key_source=known.key_source if known is not None else "",
        seen=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def recall(request: GuestRequest, guest: Guest) -> GuestRecord | None:
    """Return what was learned of this very guest; None where nothing was, or it cannot be read any more."""
    return _read(_file(request.host, request.wish.type, _cluster(request), guest.id))


def remember(record: GuestRecord) -> None:
    """Keep a record, in place of an older one of the same guest. Raises JetpackError."""
    text = json.dumps({"version": _VERSION, **asdict(record)}, indent=2, default=str)
    folder = record_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened, written = tempfile.mkstemp(dir=folder, prefix=".new-")
        try:
            with os.fdopen(opened, "w", encoding="utf-8") as file:
                file.write(f"{text}\n")
            os.replace(written, record.file)  # noqa: PTH105 - mkstemp returns text
        except BaseException:
            os.unlink(written)  # noqa: PTH108 - the same
            raise
    except OSError as error:
        message = f"what was learned of {record.host} cannot be kept in {folder}: {error.strerror}"
        raise JetpackError(message, hint="make the folder writable, or set XDG_STATE_HOME") from error


def forget(request: GuestRequest, guest: Guest) -> None:
    """Drop what was learned of a guest that is not there any more."""
    with contextlib.suppress(OSError):
        _file(request.host, request.wish.type, _cluster(request), guest.id).unlink(missing_ok=True)


def records_of(host: str, kind: str | None, cluster: str | None) -> tuple[GuestRecord, ...]:
    """Return what is known of the guests of a host, the latest first.

    :param kind: Their provisioner; any if None.
    :param cluster: Theirs; any if None.
    """
    found = (_read(file) for file in record_folder().glob(f"{_prefix(host)}-*.json"))
    records = [
        one
        for one in found
        if one is not None and one.host == host and kind in {None, one.type} and cluster in {None, one.cluster}
    ]
    return tuple(sorted(records, key=lambda one: one.seen, reverse=True))


def record_folder() -> Path:
    """Return where the records of this user are."""
    return state_folder() / "guests"


def _cluster(request: GuestRequest) -> str:
    return request.wish.cluster or ""


def _prefix(host: str) -> str:
    # No brackets, stars or slashes are left, which mean something to a search for files.
    return quote(host, safe="")[:_LONGEST].replace("%", "=")


def _file(host: str, kind: str, cluster: str, identifier: str) -> Path:
    digest = hashlib.sha256(repr((host, kind, cluster, identifier)).encode()).hexdigest()
    return record_folder() / f"{_prefix(host)}-{digest[:24]}.json"


def _read(file: Path) -> GuestRecord | None:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data.pop("version") != _VERSION:
            return None
        data["host_keys"] = tuple(data["host_keys"])
        known = {one.name for one in fields(GuestRecord)}
        return GuestRecord(**{name: value for name, value in data.items() if name in known})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # A record that cannot be read vouches for nothing.
        return None
