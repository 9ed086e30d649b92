# SPDX-License-Identifier: GPL-3.0-or-later
"""How editors are told of the schemas: settings of the YAML language server, and a line for a single file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FILES: Final = {
    "playbook": ("site.yml", "playbooks/*.yml", "playbooks/**/*.yml", "*.playbook.yml"),
    "tasks": ("roles/*/tasks/**/*.yml", "roles/*/handlers/**/*.yml"),
    "role": ("roles/*/role.yml",),
    "inventory": ("inventory/groups/*", "inventories/*/groups/*"),
    "vars": (
        "inventory/group_vars/**",
        "inventory/host_vars/**",
        "inventories/*/group_vars/**",
        "inventories/*/host_vars/**",
    ),
    "project": (".jetpack.yml",),
}
"""Where the files of each schema usually are, relative to the project."""


def file_name(schema: str) -> str:
    """Return the name of a schema's file."""
    return f"{schema}.schema.json"


def _associations(folder: str) -> dict[str, list[str]]:
    return {f"{folder}/{file_name(name)}": list(patterns) for name, patterns in FILES.items()}


def language_server(folder: str, tags: Sequence[str]) -> dict[str, object]:
    """Return the settings of the YAML language server.

    :param folder: where the schemas are, as the editor finds them from the project.
    """
    return {"yaml": {"schemas": _associations(folder), "customTags": list(tags), "validate": True, "hover": True}}


def _vscode(folder: str, tags: Sequence[str]) -> str:
    # Files of an inventory have no suffix, so the editor has to be told what they are.
    inventory = [pattern for name in ("inventory", "vars") for pattern in FILES[name]]
    settings = {
        "yaml.schemas": _associations(f"./{folder}"),
        "yaml.customTags": list(tags),
        "files.associations": {f"**/{pattern}": "yaml" for pattern in inventory},
    }
    return json.dumps(settings, indent=2)


def _neovim(folder: str, tags: Sequence[str]) -> str:
    rows = "\n".join(f"        [{_lua(path)}] = {_lua(globs)}," for path, globs in _associations(f"./{folder}").items())
    return (
        "vim.lsp.config('yamlls', {\n  settings = {\n    yaml = {\n      schemas = {\n"
        f"{rows}\n      }},\n      customTags = {_lua(list(tags))},\n    }},\n  }},\n}})\n"
        "vim.lsp.enable('yamlls')"
    )


def _lua(value: str | list[str]) -> str:
    """Return a text, or a list of them, in Lua; both are written as in JSON but for the brackets."""
    if isinstance(value, str):
        return json.dumps(value)
    return "{ " + ", ".join(map(_lua, value)) + " }"


def _helix(folder: str, tags: Sequence[str]) -> str:
    rows = "\n".join(f"{json.dumps(path)} = {json.dumps(globs)}" for path, globs in _associations(folder).items())
    return (
        f"[language-server.yaml-language-server.config.yaml]\ncustomTags = {json.dumps(list(tags))}\n\n"
        f"[language-server.yaml-language-server.config.yaml.schemas]\n{rows}"
    )


def _plain(folder: str, tags: Sequence[str]) -> str:
    return json.dumps(language_server(folder, tags), indent=2)


EDITORS: Final[dict[str, Callable[[str, Sequence[str]], str]]] = {
    "vscode": _vscode,
    "neovim": _neovim,
    "helix": _helix,
    "other": _plain,
}
"""What is printed for each editor; `other` is for all that speak to the YAML language server."""
