# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember where guests were put a moment ago: of new ones, a cluster tells the memory only after some seconds."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_LASTING: Final = 120.0
"""Seconds after which a cluster has told of a guest, or it was never made."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One guest that is being made."""

    name: str
    node: str
    memory: int
    """MiB."""
    time: float
    """Seconds since the epoch."""


class Placements:
    """What was put on the nodes of one cluster by this user; used under a lock that all runs share.

    :param folder: Private folder of this user; made where it is not there.
    """

    def __init__(self, folder: Path, cluster: str) -> None:
        digest = hashlib.sha256(cluster.encode()).hexdigest()[:24]
        self._folder = folder
        self._file = folder / f"placed-{digest}.json"

    def promised(self, told: Collection[tuple[str, str]]) -> Mapping[str, int]:
        """Return the bytes that guests are about to have, by node.

        :param told: Names and nodes of the guests whose memory the cluster tells already.
        """
        found: Counter[str] = Counter()
        for one in self._read():
            if (one.name, one.node) not in told:
                found[one.node] += one.memory << 20
        return found

    def add(self, name: str, node: str, memory: int) -> None:
        """Remember a guest; where that cannot be written, the nodes are only less evenly used.

        :param memory: MiB.
        """
        kept = [one for one in self._read() if one.name != name]
        placements = [*kept, Placement(name, node, memory, time.time())]
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, written = tempfile.mkstemp(dir=self._folder, prefix=".new-")
            with os.fdopen(handle, "w", encoding="utf-8") as opened:
                json.dump([asdict(one) for one in placements], opened)
            Path(written).replace(self._file)

    def _read(self) -> list[Placement]:
        since = time.time() - _LASTING
        try:
            rows = json.loads(self._file.read_text(encoding="utf-8"))
            read = [Placement(str(r["name"]), str(r["node"]), int(r["memory"]), float(r["time"])) for r in rows]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return [one for one in read if one.time > since]
