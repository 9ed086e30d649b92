# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark that makes a guest Jetpack's: lines in its description, and a tag for people."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

TAG: Final = "jetpack"
_INTRODUCTION: Final = "Made by Jetpack; these lines tell it so:"
_HOST: Final = "jetpack-host="
_VMID: Final = "jetpack-vmid="
_ID: Final = "jetpack-id="
_MADE_OF: Final = "jetpack-made-of="
_KEYS: Final = (_HOST, _VMID, _ID, _MADE_OF)


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose a guest is, which of several incarnations, and what it was made of."""

    host: str
    vmid: int
    """A copy of a guest has its description, but another number."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Made anew with each guest, so it tells a rebuilt guest from the one before."""
    made_of: Mapping[str, str] = field(default_factory=dict)
    """What is fixed at creation, and what Proxmox does not tell later, as the map said it."""


def marked(text: str, mark: Mark) -> str:
    """Return a description with the mark below the user's own text."""
    made_of = json.dumps(dict(mark.made_of), sort_keys=True)
    lines = [_INTRODUCTION, f"{_HOST}{mark.host}", f"{_VMID}{mark.vmid}", f"{_ID}{mark.id}", f"{_MADE_OF}{made_of}"]
    return "\n\n".join([*([text.strip()] if text.strip() else []), "\n".join(lines)])


def read_mark(description: str) -> Mark | None:
    """Return the mark of a description; None where there is none."""
    found: dict[str, str] = {}
    for line in description.splitlines():
        for key in _KEYS:
            if line.startswith(key):
                found[key] = line.removeprefix(key).strip()
    if _HOST not in found or _ID not in found or not found.get(_VMID, "").isdecimal():
        return None
    return Mark(found[_HOST], int(found[_VMID]), found[_ID], _made_of(found.get(_MADE_OF, "{}")))


def _made_of(text: str) -> dict[str, str]:
    try:
        read = json.loads(text)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in read.items()} if isinstance(read, dict) else {}


def own_text(description: str) -> str:
    """Return a description without the mark."""
    lines = description.splitlines()
    kept = [one for one in lines if one != _INTRODUCTION and not one.startswith(_KEYS)]
    return "\n".join(kept).strip()
