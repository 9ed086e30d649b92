# SPDX-License-Identifier: GPL-3.0-or-later
"""The extractor on the control machine: what is in an archive that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from jetpack_core.errors import TaskError
from jetpack_plugin_unpack.onhost.archives import Archive
from jetpack_plugin_unpack.onhost.manifest import Record
from jetpack_plugin_unpack.onhost.program import checksums, listing_of, rules_of, signature_of
from jetpack_plugin_unpack.onhost.trouble import Trouble


@contextmanager
def opened(path: Path, request: Mapping[str, object]) -> Iterator[Archive]:
    """Open an archive of this machine. Raises TaskError, also for trouble found while it is open."""
    try:
        with path.open("rb") as source:
            limits = rules_of(dict(request)).limits
            password = cast("str | None", request["password"])
            yield Archive(source, str(request["name"]), limits, str(request["format"]), password)
    except Trouble as trouble:
        raise TaskError(trouble.message, hint=trouble.hint) from None
    except OSError as error:
        raise TaskError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error


def local_digest(path: Path) -> str:
    """Return the SHA-256 of an archive of this machine. Raises TaskError."""
    import hashlib

    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise TaskError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error


def read_listing(path: Path, request: Mapping[str, object]) -> Record:
    """Vet an archive and return what it makes, with the checksum of every file. Raises TaskError."""
    with opened(path, request) as archive:
        rules = rules_of(dict(request))
        record = listing_of(archive, rules, archive.digest(), signature_of(dict(request)))
        files = [one for one in record.outputs.values() if one.kind == "f"]
        found = checksums(archive, {one.source for one in files}, rules.limits)
        for one in files:
            one.sha256 = found[one.source]
        return record


def given_listing(path: Path, request: Mapping[str, object]) -> Mapping[str, object]:
    """Return the same as JSON holds it, for the extractor on a host."""
    record = read_listing(path, request)
    return {
        "outputs": [one.packed() for one in record.outputs.values()],
        "format": record.form,
        "warnings": record.warnings,
        "skipped": record.skipped,
    }
