# SPDX-License-Identifier: GPL-3.0-or-later
"""Describes what a run is made of, in digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.engine.fingerprint import of_task, of_variables
from jetpack_core.engine.play_run import takes_part
from jetpack_core.engine.run_state import PlaySketch, RunSketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jetpack_core.content.model import Play, Playbook
    from jetpack_core.engine.context import RunContext


def sketch_run(
    context: RunContext, playbooks: Sequence[Playbook], plays: Sequence[tuple[Play, tuple[str, ...]]]
) -> RunSketch:
    """Return the description of a run on the hosts of its plays."""
    settings = context.settings
    hosts = tuple(dict.fromkeys(name for _, names in plays for name in names))
    return RunSketch(
        run=context.events.run,
        command=settings.command,
        playbooks=absolute_paths(playbook.path for playbook in playbooks),
        hosts=hosts,
        plays=tuple(_sketch_play(play, settings.tags) for play, _ in plays),
        tags=tuple(sorted(settings.tags)),
        variables=of_variables((play for play, _ in plays), context.inventory, hosts, settings.extra_vars),
    )


def _sketch_play(play: Play, tags: frozenset[str]) -> PlaySketch:
    return PlaySketch(
        play.name,
        tuple(of_task(task) for task in play.tasks if takes_part(task, tags)),
        tuple(of_task(task) for task in play.handlers if takes_part(task, tags)),
    )


def absolute_paths(paths: Iterable[Path]) -> tuple[str, ...]:
    """Return paths as any folder would see them, which is how runs of the same playbooks are known."""
    return tuple(str(path.absolute()) for path in paths)
