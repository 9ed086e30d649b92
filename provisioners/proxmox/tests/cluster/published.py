# SPDX-License-Identifier: GPL-3.0-or-later
"""The published schema of the API, where a copy is at hand; it is never part of this repository.

It is looked for in the file that `JETPACK_PVE_SCHEMA` names, else in `shared/data/pve-api.json` beside the checkout.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provisioners.proxmox.tests.cluster.calls import Call
from provisioners.proxmox.tests.cluster.parameters import Parameter

CHECKOUT = Path(__file__).parents[4]


def find_schema() -> Path | None:
    """Return where the published schema is, None when it is not at hand."""
    named = os.environ.get("JETPACK_PVE_SCHEMA")
    path = Path(named) if named else CHECKOUT.parent / "shared" / "data" / "pve-api.json"
    return path if path.is_file() else None


def read_schema(path: Path) -> dict[str, Call]:
    """Return every call of the published schema by method and path."""
    content = json.loads(path.read_text(encoding="utf-8"))
    calls = (_read_call(endpoint) for endpoint in content["endpoints"])
    return {call.name: call for call in calls}


def read_formats(path: Path) -> dict[str, Mapping[str, Any]]:
    """Return the published schema's named formats."""
    formats: dict[str, Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["formats"]
    return formats


def _read_call(endpoint: Mapping[str, Any]) -> Call:
    parameters = [_read_parameter(one["name"], one) for one in endpoint["parameters"]]
    return Call(
        method=endpoint["method"],
        path=endpoint["path"],
        parameters={one.name: one for one in parameters},
        returns=(endpoint["returns"] or {}).get("type") or "null",
        allows_token=bool(endpoint["allowtoken"]),
        check=_read_check(endpoint["permissions"] or {}),
    )


def _read_check(permissions: Mapping[str, Any]) -> tuple[str, tuple[str, ...]] | None:
    """Return a plain check of a path; checks made of several parts are the handlers' own."""
    match permissions.get("check"):
        case ["perm", str() as path, [*privileges], *_]:
            return path, tuple(privileges)
    return None


def _read_parameter(name: str, given: Mapping[str, Any]) -> Parameter:
    shape = given.get("format")
    return Parameter(
        name=name,
        type=given.get("type") or "string",
        optional=bool(given.get("optional")),
        indexed=bool(given.get("indexed")),
        minimum=given.get("minimum"),
        maximum=given.get("maximum"),
        min_length=given.get("minLength"),
        max_length=given.get("maxLength"),
        enum=tuple(str(one) for one in given.get("enum") or ()),
        pattern=given.get("pattern"),
        format=shape if isinstance(shape, str) else None,
        keys={key: _read_parameter(key, one) for key, one in shape.items()} if isinstance(shape, dict) else None,
        default_key=bool(given.get("default_key")),
        alias=given.get("alias"),
        key_alias=given.get("keyAlias"),
        requires=given.get("requires"),
    )
