# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the variables that tell how a host is reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from jetpack_core.inventory.names import nearest
from jetpack_core.secrets.values import Sealed
from jetpack_core.variables.data import Replace

_LAST_PORT: Final = 65535
_PORT_HINT: Final = f"write a number from 1 to {_LAST_PORT}"
_PREFIX: Final = "jet_ssh_"


def faults(variables: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """Return (variable, what is wrong, hint) for connection variables of a wrong type."""
    found = []
    for name in _CHECKS.keys() & variables.keys():
        value = variables[name]
        value = value.value if isinstance(value, Replace) else value
        check, hint = _CHECKS[name]
        # What is encrypted is looked at when the host is reached.
        if value is not None and not isinstance(value, Sealed) and not check(value):
            found.append((name, f"{name} cannot be {value!r}", hint))
    return sorted(found)


def strangers(variables: Mapping[str, object]) -> list[str]:
    """Return what to say of variables that look like connection variables but are none."""
    return [
        f"{name} is no connection variable; {nearest(name, _NAMES) or 'nothing reads it'}"
        for name in variables
        if name.startswith(_PREFIX) and name not in _NAMES
    ]


def _is_port(value: object) -> bool:
    if isinstance(value, str):
        return "{{" in value or (value.isascii() and value.isdigit() and _is_port(int(value)))
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LAST_PORT


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


_TEXT: Final[tuple[Callable[[object], bool], str]] = (_is_text, "write a text")
_CHECKS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "jet_connection": _TEXT,
    "jet_ssh_hostname": _TEXT,
    "jet_ssh_key_comment": _TEXT,
    "jet_ssh_port": (_is_port, _PORT_HINT),
    "jet_ssh_private_key_file": _TEXT,
    "jet_ssh_user": _TEXT,
}
_NAMES: Final = frozenset({*_CHECKS, "jet_ssh_private_key_passphrase"})
