# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of what a run is made of, so that a later one can tell whether it is still the same."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from jetpack_core.secrets.values import Sealed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jetpack_core.content.model import Play, Task
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.variables.layers import Layer


def of_task(task: Task) -> str:
    """Return the digest of a task as it is written: where it stands in its file does not matter."""
    role = task.role
    return _digest(
        [
            task.module,
            task.name,
            [role.name, sorted(role.tags)] if role is not None else None,
            task.handler,
            task.subscribe,
            {name: one.value for name, one in task.parameters.items()},
            [[use.name, getattr(use.modifier, "value", None)] for use in task.modifiers],
        ]
    )


def of_variables(
    plays: Iterable[Play], inventory: Inventory, hosts: Iterable[str], extra_vars: Mapping[str, object]
) -> str:
    """Return the digest of all variables that are known before a run; of secrets, the ciphertext counts."""
    total = hashlib.sha256()
    seen: dict[int, str] = {}

    def add(layers: Iterable[Layer]) -> None:
        for layer in layers:
            key = id(layer.values)
            if key not in seen:
                seen[key] = _digest([layer.name, layer.values])
            total.update(seen[key].encode())

    for host in hosts:
        total.update(host.encode("utf-8", "surrogateescape"))
        add(inventory.layers(host))
    for play in plays:
        scopes = [[role.defaults, role.vars] for role in play.roles]
        total.update(_digest([play.defaults, play.vars, list(play.vars_files), scopes]).encode())
    total.update(_digest(extra_vars).encode())
    return total.hexdigest()


def _digest(value: object) -> str:
    text = json.dumps(value, default=_named, sort_keys=True, skipkeys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _named(value: object) -> str:
    """Return what stands for a value that JSON has no form for: of an encrypted one, never what it decrypts to."""
    if isinstance(value, Sealed) and value.ciphertext is not None:
        return f"{value} {hashlib.sha256(value.ciphertext).hexdigest()}"
    return f"{type(value).__name__} {value}"
