# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the variables given by `-e`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import UsageError
from jetpack_core.records import Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jetpack_core.secrets.vault import Vault

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*", re.ASCII)

_PLACE: Final = Position("-e", 1, 1)
"""Where an assignment stands."""


def read_extra_vars(pieces: Iterable[str], vault: Vault | None = None) -> dict[str, object]:
    """Merge the pieces, each one JSON, @FILE or a.b=value: maps merge deeply, later values replace.

    Raises UsageError that shows the offending piece, and ContentError for what is wrong in a file.
    """
    found: dict[str, object] = {}
    for piece in pieces:
        found = overlay_maps(found, _read(piece, vault))
    return found


def overlay_maps(low: Mapping[str, object], high: Mapping[str, object]) -> dict[str, object]:
    """Lay one map over another: maps in them merge, anything else replaces.

    Values marked `!replace` keep their mark, for they have yet to meet the variables of hosts.
    """
    from jetpack_core.variables.data import SourceMap

    both = {key: _overlay(low[key], high[key]) for key in low.keys() & high.keys()}
    return SourceMap({**low, **high, **both}.items(), {**_positions(low), **_positions(high)})


def _positions(values: Mapping[str, object]) -> dict[str, Position]:
    from jetpack_core.variables.data import SourceMap

    return values.positions if isinstance(values, SourceMap) else {}


def _overlay(low: object, high: object) -> object:
    from jetpack_core.variables.data import Replace

    if isinstance(low, Replace):
        return Replace(_overlay(low.value, high))
    if isinstance(low, dict) and isinstance(high, dict):
        return overlay_maps(low, high)
    return low if isinstance(low, dict) and high is None else high


def _read(piece: str, vault: Vault | None) -> Mapping[str, object]:
    if piece.startswith("@"):
        return _read_file(Path(piece[1:]), vault)
    if piece.lstrip().startswith("{"):
        return _read_json(piece)
    return _read_assignment(piece)


def _read_file(file: Path, vault: Vault | None) -> Mapping[str, object]:
    from jetpack_core.content.yaml import load_vars_file

    return _resolved(load_vars_file(file, vault))


def _read_json(piece: str) -> Mapping[str, object]:
    from jetpack_core.content import json_text
    from jetpack_core.content.problems import Problems

    problems = Problems()
    data = json_text.parse(piece.encode(errors="surrogateescape"), "-e", problems)
    problems.raise_if_any()
    return _resolved(data)


def _resolved(data: object) -> Mapping[str, object]:
    """Turn keys that end in `!replace` into marked values."""
    from jetpack_core.variables.merge import resolve_replace_keys

    resolved = resolve_replace_keys(data)
    return resolved if isinstance(resolved, dict) else {}


def _read_assignment(piece: str) -> Mapping[str, object]:
    name, equals, text = piece.partition("=")
    if not equals:
        hint = "write a.b=value, JSON such as '{\"a\": 1}', or @FILE"
        raise UsageError(f"-e {piece!r} is neither JSON nor an assignment", hint=hint)
    if not _NAME.fullmatch(name):
        raise UsageError(f"-e {piece!r}: {name!r} is no variable name", hint="letters, digits, _ and dots between")
    from jetpack_core.content.yaml import plain_scalar
    from jetpack_core.variables.data import SourceMap

    first, *rest = name.split(".")
    value: object = text
    if text:
        value = plain_scalar(text)
    for part in reversed(rest):
        value = SourceMap([(part, value)], {part: _PLACE})
    return SourceMap([(first, value)], {first: _PLACE})
