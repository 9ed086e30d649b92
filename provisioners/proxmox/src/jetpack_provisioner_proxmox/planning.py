# SPDX-License-Identifier: GPL-3.0-or-later
"""In what a guest differs from its parameters, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jetpack_core.records import Change
from jetpack_provisioner_proxmox.comparison import Setting, change_of, configured, differs, parameters
from jetpack_provisioner_proxmox.disks import compare_disks
from jetpack_provisioner_proxmox.marks import TAG, Mark, marked, own_text

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.guests import Seen
    from jetpack_provisioner_proxmox.provisioner import ProxmoxGuest


@dataclass(frozen=True, slots=True)
class Difference:
    """In what a guest differs."""

    changes: tuple[Change, ...]
    """What is changed in place."""
    impossible: tuple[Change, ...]
    """What only a new guest could have."""
    why_impossible: str
    written: Mapping[str, object]
    """What to write into the configuration."""
    grown: Mapping[str, str]
    """New sizes by disk."""
    pool: str | None
    """The pool to move it to."""
    cold: tuple[str, ...]
    """Parameters that a running guest takes on only when it is restarted."""


def compared(wanted: ProxmoxGuest, host: str, found: Seen) -> Difference:
    """Return in what a guest differs from its parameters."""
    kind, config = wanted.kind, found.config
    settings = [one for one in settings_of(wanted, host, found) if differs(kind, one, config)]
    live = [one for one in settings if not one.fixed]
    fixed = [change_of(one, config) for one in settings if one.fixed]
    made = _made_of_changes(wanted, found.mark)
    node = [Change("node", found.place.node, wanted.node)] if wanted.node not in {None, found.place.node} else []
    disks = compare_disks(kind, wanted.disks_of(), config)
    pool = wanted.pool if wanted.pool not in {None, found.pool} else None
    changes = [change_of(one, config) for one in live if one.key != "description"]
    texts = [_description_change(config, one) for one in live if one.key == "description"]
    moved = [Change("pool", found.pool, pool)] if pool is not None else []
    reasons = [f"{change.field} is fixed once it is made" for change in (*fixed, *made)]
    reasons += [f"it is on {change.before}, and Jetpack migrates no guests" for change in node]
    return Difference(
        changes=(*changes, *texts, *disks.changes, *moved),
        impossible=(*fixed, *made, *node, *disks.impossible),
        why_impossible="; ".join([*reasons, *([disks.reason] if disks.reason else [])]),
        written={**parameters(kind, live, config), **disks.written},
        grown=disks.grown,
        pool=pool,
        cold=tuple(dict.fromkeys(one.field for one in live if kind.family(one.key) in kind.cold)),
    )


def settings_of(wanted: ProxmoxGuest, host: str, found: Seen) -> list[Setting]:
    """Return all settings of a guest that is there."""
    description = configured(found.config, "description") or ""
    # A guest that is taken over is made of what nobody knows, so nothing about that is ever held against it.
    mark = found.mark if found.mark is not None and found.mark.host == host else Mark(host, found.place.vmid)
    text = own_text(description) if wanted.description is None else wanted.description
    return [
        *wanted.settings_of(host),
        *wanted.settings_for(found.config),
        Setting("description", "description", marked(text, mark)),
        tag_setting(wanted),
    ]


def tag_setting(wanted: ProxmoxGuest) -> Setting:
    """Return the tags as they are to be."""
    said = ";".join(sorted({*(wanted.tags or ()), TAG}))
    return Setting("tags", "tags", said, partial=wanted.tags is None)


def _description_change(config: Mapping[str, object], setting: Setting) -> Change:
    """Return a change of the notes as it is shown: the user's own text, or else that the mark is new."""
    before, after = own_text(configured(config, "description") or ""), own_text(setting.value or "")
    return Change("description", before, after) if before != after else Change("owner", None, "Jetpack")


def _made_of_changes(wanted: ProxmoxGuest, mark: Mark | None) -> list[Change]:
    before = mark.made_of if mark is not None else {}
    after = wanted.made_of()
    return [Change(name, before[name], after.get(name)) for name in before if before[name] != after.get(name)]
