# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a repository for all hosts of a run, and the answers that are kept for the next run where asked.

Both are files that only this user can read, for the releases of a private repository are in them.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

from jetpack_plugin_download.sharing import (
    cache_folder,
    forget_unused,
    load_json,
    locked,
    private_folder,
    run_id,
    store_json,
)

from jetpack_plugin_github_release.api import Account, Spent, list_releases
from jetpack_plugin_github_release.releases import Release, read_releases

_KEPT_FOR: Final = 30 * 24 * 3600
"""Seconds after which an answer is not used any more."""
_MOST_ANSWERS: Final = 500


@dataclass(frozen=True, slots=True)
class Found:
    """The releases of a repository."""

    releases: list[Release]
    spent: Spent
    """What asking took; nothing where another host of the run had asked."""


def find_releases(account: Account, repo: str, *, cache_etags: bool) -> Found:
    """Return the releases of a repository, asked for once in a run. Blocks; raises TaskError, OSError."""
    folder = cache_folder("github_release", "runs")
    key = hashlib.sha256(f"{account.api_url}\n{repo.lower()}\n{account.fingerprint}".encode()).hexdigest()
    with locked(folder, key):
        known = load_json(folder / key)
        if known is not None and known.get("run") == run_id() and isinstance(known.get("releases"), list):
            return Found(read_releases(cast("list[Any]", known["releases"])), Spent())
        memory = EtagFile() if cache_etags else None
        listed, spent = list_releases(account, repo, memory)
        store_json(folder / key, {"run": run_id(), "releases": _slim(listed), "spent": asdict(spent)})
        forget_unused(folder)
        return Found(read_releases(listed), spent)


_OF_RELEASE: Final = ("tag_name", "prerelease", "draft", "published_at", "created_at")
_OF_ASSET: Final = ("name", "url", "browser_download_url", "size", "digest", "state")


def _slim(listed: list[Any]) -> list[dict[str, Any]]:
    """Keep what is used of the releases: a tenth of what the API tells."""
    return [
        {
            **{name: one.get(name) for name in _OF_RELEASE},
            "assets": [{name: asset.get(name) for name in _OF_ASSET} for asset in one.get("assets") or []],
        }
        for one in listed
        if isinstance(one, dict)
    ]


class EtagFile:
    """The file that keeps answers between runs; one token's answers are never found by another."""

    def __init__(self, path: Path | None = None) -> None:
        data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
        self.path = path or private_folder(data / "jetpack") / "github_etags.json"

    def recall(self, key: str) -> Mapping[str, Any] | None:
        """Return an answer that is not too old."""
        found = self._entries().get(key)
        if not isinstance(found, dict) or not isinstance(found.get("body"), list) or not found.get("etag"):
            return None
        return found if time.time() - float(found.get("stored") or 0) < _KEPT_FOR else None

    def remember(self, key: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer, and let go of those that are too old or too many. Raises OSError."""
        with locked(self.path.parent, "etags"):
            now = time.time()
            body = _slim(list(answer["body"]))
            entries = {**self._entries(), key: {**answer, "body": body, "stored": now}}
            young = sorted(
                ((name, one) for name, one in entries.items() if _age(one, now) < _KEPT_FOR),
                key=lambda pair: _age(pair[1], now),
            )
            store_json(self.path, {"version": 1, "entries": dict(young[:_MOST_ANSWERS])})

    def _entries(self) -> dict[str, Any]:
        loaded = load_json(self.path)
        entries = loaded.get("entries") if loaded is not None and loaded.get("version") == 1 else None
        return cast("dict[str, Any]", entries) if isinstance(entries, dict) else {}


def _age(entry: object, now: float) -> float:
    stored = entry.get("stored") if isinstance(entry, dict) else None
    return now - float(stored) if isinstance(stored, int | float) else float(_KEPT_FOR)
