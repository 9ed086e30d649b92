# SPDX-License-Identifier: GPL-3.0-or-later
"""What Jetpack must reach, as ratios against the best peer of the same row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.matrix import FIRST, SECOND, Row

NO_PYTHON_ALLOWANCE: Final = 1.6
"""On hosts without Python, Jetpack may be this much slower than on others."""
MEMORY_AT_40: Final = 75e6


@dataclass(frozen=True, slots=True)
class Target:
    """The least speed-up in wall time, the greatest share of CPU, and the greatest memory in bytes."""

    speed_up: float | None = None
    cpu_share: float | None = None
    memory: float | None = None


_SPEED_UPS: Final[dict[tuple[str, int], float]] = {
    (FIRST, 1): 4.0,
    (FIRST, 10): 3.0,
    (FIRST, 40): 2.4,
    (SECOND, 1): 5.0,
    (SECOND, 10): 2.9,
    (SECOND, 40): 2.9,
}
_FIRST_SPEED_UP_OF_ONE_FAR_HOST: Final = 3.2
_CPU_SHARES: Final[dict[tuple[str, int], float]] = {
    (FIRST, 1): 0.98,
    (FIRST, 10): 0.56,
    (FIRST, 40): 0.42,
    (SECOND, 1): 0.9,
    (SECOND, 10): 0.5,
    (SECOND, 40): 0.35,
}


def target_of(row: Row, run: str) -> Target:
    """Return what is asked of a row; nothing of numbers of hosts that no target names."""
    speed_up = _SPEED_UPS.get((run, row.hosts))
    if speed_up is not None and row.rtt and (run, row.hosts) == (FIRST, 1):
        speed_up = _FIRST_SPEED_UP_OF_ONE_FAR_HOST
    cpu_share = _CPU_SHARES.get((run, row.hosts))
    if not row.has_python:
        speed_up = speed_up and speed_up / NO_PYTHON_ALLOWANCE
        cpu_share = cpu_share and cpu_share * NO_PYTHON_ALLOWANCE
    return Target(speed_up, cpu_share, MEMORY_AT_40 if row.hosts == 40 else None)  # noqa: PLR2004 - the target's row
