# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of what was measured, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks.matrix import Figure, Measured, Row
from benchmarks.targets import Target, target_of

_OURS: Final = "jetpack"
_MEGABYTE: Final = 1e6


@dataclass(frozen=True, slots=True)
class Comparison:
    """Jetpack beside the best peer of a row: for each measure, the best of the others, whichever it is."""

    row: Row
    run: str
    speed_up: float
    """The best peer's wall time over Jetpack's: more is better."""
    wall_peer: str
    cpu_share: float
    """Jetpack's CPU time over the best peer's: less is better."""
    cpu_peer: str
    memory: float
    memory_share: float
    target: Target

    @property
    def missed(self) -> list[str]:
        """Name the targets that were not reached."""
        target = self.target
        short = {
            "wall": target.speed_up is not None and self.speed_up < target.speed_up,
            "CPU": target.cpu_share is not None and self.cpu_share > target.cpu_share,
            "memory": target.memory is not None and self.memory > target.memory,
        }
        return [name for name, is_short in short.items() if is_short]


def comparisons(measured: Sequence[Measured]) -> list[Comparison]:
    """Compare Jetpack with the others wherever both were measured."""
    found = []
    for ours in (one for one in measured if one.peer == _OURS):
        others = [one for one in measured if (one.row, one.run) == (ours.row, ours.run) and one.peer != _OURS]
        if others:
            found.append(_compare(ours, others))
    return found


def _compare(ours: Measured, others: Sequence[Measured]) -> Comparison:
    def median(one: Measured, name: str) -> float:
        return one.figure(name).median

    best = {name: min(others, key=lambda one: median(one, name)) for name in ("wall", "cpu", "memory")}
    return Comparison(
        row=ours.row,
        run=ours.run,
        speed_up=median(best["wall"], "wall") / median(ours, "wall"),
        wall_peer=best["wall"].peer,
        cpu_share=median(ours, "cpu") / median(best["cpu"], "cpu"),
        cpu_peer=best["cpu"].peer,
        memory=median(ours, "memory"),
        memory_share=median(ours, "memory") / median(best["memory"], "memory"),
        target=target_of(ours.row, ours.run),
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table as Markdown, which reads well on a terminal too."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(header), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, rows)])


def measured_table(measured: Sequence[Measured]) -> str:
    """Show every peer's medians and spread."""
    header = ("hosts, RTT", "run", "tool", "n", "wall s", "control CPU s", "peak MB")
    return table(header, [list(_measured_cells(one)) for one in measured])


def _measured_cells(one: Measured) -> Iterator[str]:
    yield from (_setting(one.row), one.run, one.peer, str(len(one.readings)))
    yield _spread(one.figure("wall"))
    yield _spread(one.figure("cpu"))
    yield f"{one.figure('memory').median / _MEGABYTE:.0f}"


def comparison_table(found: Sequence[Comparison]) -> str:
    """Show Jetpack's ratios beside their targets."""
    header = ("hosts, RTT", "run", "faster than", "times (target)", "CPU of", "share (target)", "MB (share)", "verdict")
    return table(header, [list(_comparison_cells(one)) for one in found])


def _comparison_cells(one: Comparison) -> Iterator[str]:
    target = one.target
    yield from (_setting(one.row), one.run, one.wall_peer)
    yield f"{one.speed_up:.1f}x" + (f" (>= {target.speed_up:.1f})" if target.speed_up is not None else "")
    yield one.cpu_peer
    yield f"{one.cpu_share:.2f}" + (f" (<= {target.cpu_share:.2f})" if target.cpu_share is not None else "")
    limit = f" of {target.memory / _MEGABYTE:.0f}" if target.memory is not None else ""
    yield f"{one.memory / _MEGABYTE:.0f}{limit} ({one.memory_share:.1f}x)"
    yield f"short: {', '.join(one.missed)}" if one.missed else "reached"


def _setting(row: Row) -> str:
    return f"{row.hosts}, {row.rtt * 1000:g} ms" + ("" if row.has_python else ", no Python")


def _spread(figure: Figure) -> str:
    return f"{figure.median:.2f} ({figure.least:.2f}-{figure.greatest:.2f})"


def as_data(measured: Sequence[Measured]) -> dict[str, object]:
    """Return everything for a JSON file: each reading, and the ratios."""
    return {
        "readings": [
            {**_row_data(one.row), "run": one.run, "peer": one.peer, "readings": [asdict(r) for r in one.readings]}
            for one in measured
        ],
        "ratios": [{**asdict(one), "row": _row_data(one.row), "missed": one.missed} for one in comparisons(measured)],
    }


def _row_data(row: Row) -> dict[str, object]:
    return {"hosts": row.hosts, "rtt_ms": row.rtt * 1000, "image": row.image}
