# SPDX-License-Identifier: GPL-3.0-or-later
"""Load inventories in order, later ones over earlier ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.content.files import paused_collection
from jetpack_core.content.problems import Problems
from jetpack_core.inventory.directory import is_inventory, read_groups, read_variables, whole
from jetpack_core.inventory.draft import Draft
from jetpack_core.inventory.model import Group, HostEntry, Inventory
from jetpack_core.inventory.order import ALL
from jetpack_core.inventory.script import TIMEOUT, read_json, read_script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.secrets.vault import Vault

LOCALHOST: Final = "localhost"


def load_inventory(paths: Sequence[Path], *, script_timeout: float = TIMEOUT, vault: Vault | None = None) -> Inventory:
    """Load directories, executable scripts and `.json` files as one inventory.

    :param script_timeout: Seconds each script may take.
    :param vault: Opens encrypted files and values.

    Raises ContentError with every problem of all of them.
    """
    problems = Problems(vault)
    draft = Draft(problems)
    with paused_collection():
        _read_all(paths, draft, script_timeout)
        inventory = draft.build()
    problems.raise_if_any()
    return inventory


def _read_all(paths: Sequence[Path], draft: Draft, timeout: float) -> None:
    variables = _last_of_each(paths)
    seen: set[Path] = set()
    for number, path in enumerate(paths):
        resolved = path.resolve()
        if resolved not in seen:
            seen.add(resolved)
            _read(path, draft, timeout)
        if number in variables:
            read_variables(variables[number], draft)


def local_inventory() -> Inventory:
    """Return the inventory of a local run: `localhost` in the group `all`."""
    return Inventory({ALL: Group(ALL, hosts=(LOCALHOST,))}, {LOCALHOST: HostEntry(LOCALHOST, (ALL,))})


def _last_of_each(paths: Sequence[Path]) -> dict[int, Path]:
    """Return the directories of variables by the number of the path they belong to, each at its last place.

    A script and the directory it lies in share them; read twice, their lists would be joined twice.
    """
    last: dict[Path, int] = {}
    homes = [path if path.is_dir() else path.parent for path in paths]
    for number, home in enumerate(homes):
        last[home.resolve()] = number
    return {number: homes[number] for number in last.values()}


def _read(path: Path, draft: Draft, timeout: float) -> None:
    """Take in the groups of one inventory, and what a script says of variables."""
    if path.is_dir():
        if not is_inventory(path):
            hint = "an inventory directory has `groups`, `group_vars` or `host_vars`"
            draft.problems.add(whole(path, draft.problems), "is no inventory", hint)
        read_groups(path, draft)
    elif not path.is_file():
        what = "is neither a directory nor a file" if path.exists() else "there is no such inventory"
        draft.problems.add(
            whole(path, draft.problems), what, "name an inventory directory or script with -i", code="missing-file"
        )
    elif os.access(path, os.X_OK):
        read_script(path, draft, timeout)
    elif path.suffix == ".json":
        read_json(path, draft)
    else:
        hint = f"make a script executable: chmod +x {path}"
        draft.problems.add(
            whole(path, draft.problems), "is neither a directory, an executable script nor a `.json` file", hint
        )
