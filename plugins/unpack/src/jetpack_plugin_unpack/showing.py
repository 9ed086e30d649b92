# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extractor would do, as changes and effects of a plan."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from jetpack_core.contracts.fields import Mode
from jetpack_core.contracts.host import Host
from jetpack_core.records import Change, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind

_SHOWN: Final = 200
"""Members; of the others only the number is told."""
_KINDS: Final = {"f": FileKind.FILE, "d": FileKind.DIRECTORY, "l": FileKind.SYMLINK, "o": FileKind.OTHER}
_LINK_MODE: Final = 0o777
_ABOVE: Final = {"kind": "d", "mode": 0o755}
"""A directory above the destination."""

Step = Mapping[str, Any]
"""As `program.shown` makes it."""


def plan_of(
    host: Host, dest: str, answer: Mapping[str, object], owner: str | None, group: str | None, data: object
) -> Plan:
    """Return the plan that an answer of the extractor means."""
    steps = cast("Sequence[Step]", answer["steps"])
    count = cast("int", answer["count"])
    warnings = tuple(cast("Sequence[str]", answer["warnings"]))
    result = {name: answer[name] for name in ("format", "files", "skipped", "kept", "digest")}
    if not count:
        return Plan(PlanKind.NONE, outcome=Outcome({**result, "changed": [], "bytes": 0}, warnings=warnings))
    new = any(step["path"] == "" and step["action"] == "create" for step in steps)
    effects = [_effect(host, dest, step, owner, group) for step in steps]
    if count > len(steps) or answer["whole"] is not None:
        top = _ABOVE if answer["whole"] is None else {**_ABOVE, "mode": answer["whole"]}
        listed = effects if count <= len(steps) else []
        effects = [PathEffect(_state(host, dest, top, owner, group), tree=True), *listed]
    above = cast("Sequence[str]", answer["above"]) if new else ()
    made = [PathEffect(_state(host, path, _ABOVE, None, None)) for path in above]
    shown = [step["path"] or dest for step in steps]
    return Plan(
        PlanKind.CREATE if new else PlanKind.MODIFY,
        (*(Change(path, None, _described(_ABOVE)) for path in above), *_changes(dest, steps, count, owner, group)),
        effects=(*made, *effects),
        outcome=Outcome({**result, "changed": shown}, warnings=warnings),
        data=data,
    )


def _changes(dest: str, steps: Sequence[Step], count: int, owner: str | None, group: str | None) -> Iterator[Change]:
    for step in steps[:_SHOWN]:
        yield from _changes_of(step["path"] or dest, step, owner, group)
    if count > _SHOWN:
        yield Change("more members", None, count - min(count, _SHOWN))


def _changes_of(name: str, step: Step, owner: str | None, group: str | None) -> Iterator[Change]:
    before, kind = step["before"], step["kind"]
    if before is None:
        yield Change(name, None, _described(step))
        return
    if kind is None:
        yield Change(name, _KINDS[before[0]].value, None)
        return
    if step["action"] == "replace":
        yield Change(name, _KINDS[before[0]].value, _described(step))
        return
    if step["action"] == "content":
        yield _content_change(name, step)
    if kind != "l" and before[1] != step["mode"]:
        yield Change(f"{name} mode", Mode(before[1]), Mode(step["mode"]))
    elif step["action"] == "attributes":
        yield Change(f"{name} owner", None, ":".join(part or "" for part in (owner, group)))


def _described(step: Step) -> str:
    if step["kind"] == "l":
        return f"link to {step['target']}"
    return f"{_KINDS[step['kind']].value} {Mode(step['mode'])}"


def _content_change(name: str, step: Step) -> Change:
    before = step["before"]
    if step["kind"] == "l":
        return Change(f"{name} target", before[3], step["target"])
    if before[4] and step["sha256"]:
        return Change(f"{name} content", f"sha256:{before[4]}", f"sha256:{step['sha256']}")
    return Change(f"{name} content", f"{before[2]} bytes", "new" if step["size"] < 0 else f"{step['size']} bytes")


def _effect(host: Host, dest: str, step: Step, owner: str | None, group: str | None) -> PathEffect:
    path = posixpath.join(dest, step["path"]) if step["path"] else dest
    if step["kind"] is None:
        return PathEffect(FileStat(path))
    return PathEffect(_state(host, path, step, owner, group))


def _state(host: Host, path: str, step: Step, owner: str | None, group: str | None) -> FileStat:
    link = step["kind"] == "l"
    fresh = step.get("before") is None
    return FileStat(
        path,
        _KINDS[step["kind"]],
        mode=_LINK_MODE if link else step["mode"],
        owner=owner or (host.user or "" if fresh else ""),
        group=group or "",
        size=max(0, step.get("size") or 0),
        target=step["target"] if link else None,
        checksum=step.get("sha256"),
    )
