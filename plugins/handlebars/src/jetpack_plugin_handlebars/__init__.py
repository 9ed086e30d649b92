# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlebars templates for Jetpack."""

from __future__ import annotations

from collections.abc import Sequence

from jetpack_core.hookspecs import Reference, hookimpl

_TARGET = "jetpack_plugin_handlebars.engine:Handlebars"


@hookimpl
def jetpack_register_template_engines() -> Sequence[Reference]:
    """Name the suffixes."""
    return [Reference(suffix, _TARGET, "Handlebars, as in Jetporch") for suffix in (".hb", ".hbs", ".handlebars")]
