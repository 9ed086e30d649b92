# SPDX-License-Identifier: GPL-3.0-or-later
"""Files fetched on the control machine: each once for all hosts of a run, kept by content."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jetpack_plugin_download.onhost.fetching import fetch
from jetpack_plugin_download.onhost.session import Session, address_key
from jetpack_plugin_download.sharing import (
    cache_folder,
    forget_unused,
    load_json,
    locked,
    private_folder,
    run_id,
    store_json,
)

_NOT_MODIFIED: Final = 304
_OF_THE_FILE: Final = (
    "urls",
    "headers",
    "authorization",
    "credentials_for",
    "logins",
    "ca",
    "client",
    "verify",
    "min_tls",
    "pins",
    "proxy",
)
"""What of a request decides which file it gets."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the cache, and what the server said of it."""

    path: Path
    sha256: str
    size: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    """`url` (as a digest), `final_url`, `status`, `etag`, `last_modified`; of a transfer just now also
    `received` and `resumed` (bytes) and `elapsed` (seconds)."""
    from_cache: bool = False


class Cache:
    """Files by content, and what each request got last.

    :param root: A private folder; it may be removed at any time, which costs transfers and nothing else.
    :param report: Hears how far a transfer is.
    """

    def __init__(self, root: Path | None = None, report: Callable[[str], None] | None = None) -> None:
        self._report = report
        self._root = private_folder(root) if root else cache_folder("download")
        self._files = private_folder(self._root / "files")
        self._answers = private_folder(self._root / "answers")

    def fetch(
        self, request: Mapping[str, Any], *, anew: bool = False, validators: Mapping[str, Any] | None = None
    ) -> Stored:
        """Return the file a request asks for, fetched unless it is here. Raises Refused, Impossible, OSError.

        What another host of this run fetched is taken as it is; what is left of an earlier run is asked for anew,
        on the condition that it changed. A SHA-256 that is here needs no asking at all, unless `anew`.

        :param validators: `etag` and `last_modified` of the file as the server was just seen to have it.
        """
        key = _key(request)
        with locked(self._root, key):
            known = self._known(key)
            if (
                known is not None
                and _is_current(known, validators or {})
                and self._may_serve(known, request, anew=anew)
            ):
                return known
            if not anew and (held := self._held(request)) is not None:
                return held
            return self._ask(request, key, None if anew else known)

    def _may_serve(self, known: Stored, request: Mapping[str, Any], *, anew: bool) -> bool:
        if known.facts.get("run") != run_id() or (anew and not known.facts.get("anew")):
            return False
        return _fits(known, request)

    def _known(self, key: str) -> Stored | None:
        answer = load_json(self._answers / key)
        if answer is None or not isinstance(answer.get("sha256"), str):
            return None
        held = self._file(str(answer["sha256"]))
        return None if held is None else Stored(held.path, held.sha256, held.size, answer, from_cache=True)

    def _held(self, request: Mapping[str, Any]) -> Stored | None:
        wanted = request.get("checksum")
        return self._file(wanted[1]) if wanted and wanted[0] == "sha256" else None

    def _file(self, sha256: str) -> Stored | None:
        path = self._files / Path(sha256).name
        try:
            state = path.stat()
            # That it is used shows in its time of access: another host may just be sent it, and its content stays.
            os.utime(path, ns=(time.time_ns(), state.st_mtime_ns))
        except OSError:
            return None
        return Stored(path, sha256, state.st_size, from_cache=True)

    def _ask(self, request: Mapping[str, Any], key: str, known: Stored | None) -> Stored:
        record = dict(known.facts) if known is not None and _fits(known, request) else None
        part, note = self._root / f"{key}.part", self._root / f"{key}.note"
        facts = fetch(Session(dict(request), self._report), str(part), str(note), record)
        if facts["status"] == _NOT_MODIFIED and known is not None:
            store_json(self._answers / key, {**known.facts, "run": run_id()})
            return Stored(known.path, known.sha256, known.size, {**known.facts, **_said(facts)}, from_cache=True)
        path = self._files / facts["sha256"]
        part.replace(path)
        kept = {**_said(facts), "sha256": facts["sha256"], "run": run_id(), "anew": record is None}
        store_json(self._answers / key, kept)
        forget_unused(self._files)
        forget_unused(self._answers)
        moved = {name: facts[name] for name in ("received", "resumed", "elapsed")}
        return Stored(path, facts["sha256"], facts["size"], {**kept, **moved})


def _key(request: Mapping[str, Any]) -> str:
    chosen = {name: request.get(name) for name in _OF_THE_FILE}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


def _is_current(stored: Stored, validators: Mapping[str, Any]) -> bool:
    """Tell whether a file may still be the one that the server has."""
    return all(stored.facts.get(name) == value for name, value in validators.items() if value is not None)


def _fits(stored: Stored, request: Mapping[str, Any]) -> bool:
    """Tell whether a file is what the request's checksum and size allow."""
    limit, wanted = request.get("max_size"), request.get("checksum")
    if limit is not None and stored.size > limit:
        return False
    if wanted is None:
        return True
    if wanted[0] == "sha256":
        return bool(wanted[1] == stored.sha256)
    with stored.path.open("rb") as file:
        return hashlib.file_digest(file, wanted[0]).hexdigest() == str(wanted[1])


def _said(facts: Mapping[str, Any]) -> dict[str, Any]:
    names = ("status", "etag", "last_modified", "final_url")
    return {**{name: facts.get(name) for name in names}, "url": address_key(facts["url"])}
