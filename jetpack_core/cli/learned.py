# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs have learned of provisioned hosts, for people and for programs to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import SecretError

if TYPE_CHECKING:
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.provisioning.records import GuestRecord

_KEY: Final = "provision"


def learned_note(inventory: Inventory, host: str) -> str:
    """Return in a few words what is known of a host; empty where it is not provisioned."""
    given = _provision(inventory, host)
    if given is None:
        return ""
    record = _record(given, host)
    kind = str(given.get("type", "")) or "provisioned"
    if record is None:
        return f"{kind}, not made yet"
    power = "running" if record.running else "stopped"
    node = record.details.get("node")
    return ", ".join(filter(None, [kind, power, record.address, f"on {node}" if node else ""]))


def learned_lines(inventory: Inventory, host: str) -> list[str]:
    """Return all that is known of a host, a line for each thing; none where it is not provisioned."""
    given = _provision(inventory, host)
    if given is None:
        return []
    record = _record(given, host)
    if record is None:
        return ["  guest: no run of this user has made or met it yet"]
    told = {
        "id": record.id,
        "name": record.name if record.name != host else "",
        "state": "running" if record.running else "stopped",
        "address": record.address,
        **{name: value for name, value in record.details.items() if value not in (None, "", [], {})},
    }
    lines = [f"  guest, as of {record.seen}:", *(f"    {name}: {value}" for name, value in told.items() if value)]
    lines += [f"    host key: {key} ({record.key_source})" for key in _fingerprints(record)]
    return [*lines, f"    kept in: {record.file}"]


def learned_data(inventory: Inventory, hosts: Iterable[str]) -> dict[str, object]:
    """Return what is known of hosts as plain data; those of which nothing is known are left out."""
    found: dict[str, object] = {}
    for host in hosts:
        given = _provision(inventory, host)
        record = _record(given, host) if given is not None else None
        if record is not None:
            found[host] = {**asdict(record), "fingerprints": _fingerprints(record)}
    return found


def _provision(inventory: Inventory, host: str) -> Mapping[str, object] | None:
    try:
        given = inventory.variables(host).get(_KEY)
    except SecretError:
        return None
    return given if isinstance(given, Mapping) else None


def _record(given: Mapping[str, object], host: str) -> GuestRecord | None:
    """Return what was learned last of the guest that a map speaks of."""
    from jetpack_core.provisioning.records import records_of

    found = records_of(host, _plain(given.get("type")), _plain(given.get("cluster")))
    return found[0] if found else None


def _plain(value: object) -> str | None:
    """Return text; None for what only a run could tell."""
    text = str(value or "")
    return None if "{{" in text else text


def _fingerprints(record: GuestRecord) -> list[str]:
    from jetpack_core.connections.host_keys import fingerprint

    try:
        return [f"{kind} {fingerprint(text)}" for kind, _, text in (key.partition(" ") for key in record.host_keys)]
    except ValueError:
        return list(record.host_keys)
