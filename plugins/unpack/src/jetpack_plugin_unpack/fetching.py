# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives at an address: fetched to the control machine, once for all hosts, and kept there by content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jetpack_plugin_download.access import Access
from jetpack_plugin_download.cache import Cache
from jetpack_plugin_download.onhost.session import address_key
from jetpack_plugin_download.onhost.trouble import shown
from jetpack_plugin_download.reporting import Reporter
from jetpack_plugin_download.request import Request, on_control
from jetpack_plugin_download.sums import name_in

from jetpack_core.contracts.host import Host


@dataclass(frozen=True, slots=True)
class Web:
    """The address of an archive, and how it is reached."""

    key: str
    """What stands for the address in notes on the host: without its query, which may hold a key."""
    name: str
    """The file's name."""
    request: Request

    @classmethod
    def at(cls, url: str, access: Access | None, sha256: str | None) -> Self:
        """Return the one at an address. Raises TaskError for files of `access` that cannot be read."""
        given = (access or Access()).request([url])
        checksum = None if sha256 is None else ["sha256", sha256]
        key = f"{shown(url)}#{address_key(url)[:16]}" if "?" in url else url
        return cls(key, name_in(url) or "archive", {**given, "checksum": checksum})

    async def fetch(self, host: Host) -> Path:
        """Return the archive, which is fetched unless it is here and unchanged. Raises TaskError."""
        cache = Cache(report=Reporter(host).hear)
        stored = await on_control(host, lambda: cache.fetch(self.request), f"{self.key} cannot be fetched")
        return stored.path
