# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches an asset to the control machine, once for all hosts, and sees that it is what the project published."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from jetpack_plugin_download.cache import Cache
from jetpack_plugin_download.onhost.asking import read
from jetpack_plugin_download.onhost.session import Session
from jetpack_plugin_download.onhost.trouble import Impossible, Refused, Trouble
from jetpack_plugin_download.sharing import cache_folder, forget_unused
from jetpack_plugin_download.sums import Checksum, choose, entries, parse_checksum

from jetpack_core.errors import TaskError
from jetpack_plugin_github_release.api import Account
from jetpack_plugin_github_release.archives import Program, program_in
from jetpack_plugin_github_release.releases import Asset

Verify = Literal["auto", "digest", "sidecar", "none"]

_OCTETS: Final = "application/octet-stream"
_SUMS_LIMIT: Final = 4 * 1024 * 1024
_BESIDE: Final = (".sha256", ".sha256sum", ".sha256.txt", ".sha512", ".sha512sum", ".sha512.txt")
_SUMS: Final = re.compile(r"(?:^|[-_.])(?:sha\d*-?sums?|checksums?|sha256|sha512)(?:$|[-_.])", re.IGNORECASE)
_SIGNED: Final = re.compile(r"\.(?:asc|sig|minisig|pem|crt|cert|sigstore|bundle|json|jsonl)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Expected:
    """What an asset must be, and who says so."""

    checksum: Checksum | None
    source: str


def request_for(account: Account, asset: Asset) -> dict[str, Any]:
    """Return the request for an asset: by the API for those with a token, as only they may have private ones.

    Without a token the asset's public address is asked, which does not count against the rate limit.
    """
    if account.token is not None and asset.url:
        return account.request(asset.url, _OCTETS)
    request = account.request(asset.browser_url or asset.url, _OCTETS)
    return {**request, "headers": {"Accept": _OCTETS, "User-Agent": "jetpack"}}


def expected_of(
    account: Account, asset: Asset, others: Sequence[Asset], how: Verify, given: Checksum | None
) -> Expected:
    """Return what an asset must be: as the task says, else GitHub's digest, else a file of checksums beside it.

    Blocks where such a file is to be read. Raises TaskError.
    """
    if given is not None:
        return Expected(given, "the task")
    if how in {"auto", "digest"}:
        digest = _digest(asset)
        if digest is not None:
            return Expected(digest, "GitHub's digest")
        if how == "digest":
            raise TaskError(f"GitHub has no digest of {asset.name}", hint="say `verify: sidecar`, or give 'checksum'")
    if how in {"auto", "sidecar"}:
        found = _sidecar(account, asset, others)
        if found is not None:
            return found
        if how == "sidecar":
            raise TaskError(f"the release has no checksum of {asset.name}", hint="give 'checksum'")
    return Expected(None, "nothing")


def _digest(asset: Asset) -> Checksum | None:
    try:
        found = parse_checksum(asset.digest or "")
    except ValueError:
        return None
    return found if isinstance(found, Checksum) else None


def _sidecar(account: Account, asset: Asset, others: Sequence[Asset]) -> Expected | None:
    names = {one.name: one for one in others}
    own = [names[asset.name + ending] for ending in _BESIDE if asset.name + ending in names]
    shared = [
        one for one in others if _SUMS.search(one.name) and not _SIGNED.search(one.name) and one.size < _SUMS_LIMIT
    ]
    for one in [*own, *(one for one in shared if one not in own and not _belongs_to_another(one, others))]:
        text = _text(account, one)
        listed = {entry.name.rpartition("/")[2] for entry in entries(text)}
        if asset.name in listed or (one in own and listed):
            return Expected(choose(text, (asset.name,), one.name), one.name)
    return None


def _belongs_to_another(sums: Asset, others: Sequence[Asset]) -> bool:
    """Tell whether a file of checksums is about one other asset alone."""
    return any(sums.name.startswith(f"{one.name}.") for one in others if one is not sums)


def _text(account: Account, asset: Asset) -> str:
    try:
        return str(read(Session(request_for(account, asset)), _SUMS_LIMIT)["text"])
    except (Refused, Trouble, Impossible) as error:
        raise TaskError(f"the checksums in {asset.name} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Fetched:
    """The program, ready to be sent."""

    program: Program
    asset_sha256: str
    received: int
    """Bytes that were moved just now; none where another host's download served."""


def fetch_program(
    account: Account, asset: Asset, expected: Expected, wanted: str, report: Callable[[str], None]
) -> Fetched:
    """Fetch an asset, unless it is here, and take the program out of it. Blocks; raises TaskError, OSError.

    :param report: Hears how far the transfer is.
    """
    request = request_for(account, asset)
    checksum = expected.checksum
    request["checksum"] = None if checksum is None else [checksum.kind, checksum.hex]
    try:
        stored = Cache(report=report).fetch(request)
    except (Refused, Trouble, Impossible) as error:
        source = f" (by {expected.source})" if checksum is not None else ""
        raise TaskError(f"{asset.name} cannot be fetched: {error}{source}") from error
    folder = cache_folder("github_release", "programs")
    program = program_in(stored.path, asset.name, wanted, folder)
    forget_unused(folder)
    return Fetched(program, stored.sha256, int(stored.facts.get("received") or 0))
