# SPDX-License-Identifier: {{ cookiecutter.licence }}
"""What the package offers; Jetpack loads this at its start, and the rest when it is used."""

from __future__ import annotations

from jetpack_core.hookspecs import Reference, hookimpl

{% set target = {"command": "command", "filter": cookiecutter.__words ~ "_filter"}.get(cookiecutter.kind, cookiecutter.__class) %}
{%- set quote = "'" if cookiecutter.description.count('"') > cookiecutter.description.count("'") else '"' %}

@hookimpl
def jetpack_register_{{ cookiecutter.kind }}s() -> list[Reference]:
    """Name the {{ cookiecutter.kind }}."""
    return [
        Reference(
            "{{ cookiecutter.__name }}",
            "{{ cookiecutter.__package }}.{{ cookiecutter.kind }}:{{ target }}",
            {{ quote }}{{ cookiecutter.description|replace("\\", "\\\\")|replace(quote, "\\" ~ quote) }}{{ quote }},
        )
    ]
