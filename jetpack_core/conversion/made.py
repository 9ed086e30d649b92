# SPDX-License-Identifier: GPL-3.0-or-later
"""A task of Jetpack's in the making."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Made:
    """A module with parameters and modifiers."""

    tag: str
    parameters: dict[str, object] = field(default_factory=dict)
    before: dict[str, object] = field(default_factory=dict)
    """What stands under `with:`."""
    after: dict[str, object] = field(default_factory=dict)
    """What stands under `and:`."""

    def put(self, name: str, value: object) -> Made:
        """Set a parameter unless there is nothing to set."""
        if value is not None and value is not False:
            self.parameters[name] = value
        return self


Converter = "Callable[[Arguments], list[Made]]"
PLUGINS = {"download": "jetpack-plugin-download", "unpack": "jetpack-plugin-unpack"}
"""Modules that a plugin brings, and its name."""
