# SPDX-License-Identifier: {{ cookiecutter.licence }}
"""The package is installed, and Jetpack finds what it offers."""

from __future__ import annotations

import json

from jetpack_core.testing.command_line import CommandLine


def test_jetpack_finds_the_plugin(run_jetpack: CommandLine) -> None:
    plugins = json.loads(run_jetpack("plugins", "list", "--json").stdout)
    (plugin,) = [one for one in plugins if one["distribution"] == "{{ cookiecutter.__distribution }}"]
    assert plugin["works"], plugin
    (offer,) = plugin["offers"]
    assert offer["kind"] == "{{ cookiecutter.kind }}"
    assert offer["name"] == "{{ cookiecutter.__name }}"


def test_everything_it_offers_loads(run_jetpack: CommandLine) -> None:
    done = run_jetpack("plugins", "doctor")
    assert "{{ cookiecutter.__distribution }}" not in done.stdout, done.stdout
