# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jetpack_core.content.nodes import Mapping, Node, Sequence
from jetpack_core.conversion.keywords import Inherited
from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.plays import invocation
from jetpack_core.conversion.tasks import Block, TaskLists
from jetpack_core.conversion.variables import Variables
from jetpack_core.conversion.writing import comment, item_lines

if TYPE_CHECKING:
    from pathlib import Path

    from jetpack_core.conversion.desk import Desk

_SUFFIXES = (".yml", ".yaml", "")


def main_file(folder: Path) -> Path | None:
    """Return the file of a role's folder that Ansible reads."""
    return next((path for suffix in _SUFFIXES if (path := folder / f"main{suffix}").is_file()), None)


def convert_role(folder: Path, desk: Desk) -> dict[str, str]:
    """Return the files of a role's tasks, handlers and role.yml by their path within the role."""
    files: dict[str, str] = {}
    variables = Variables(desk)
    for name in ("defaults", "vars"):
        path = main_file(folder / name)
        root = desk.read(path) if path else None
        variables.add(root, defaults=name == "defaults")
        if name == "vars" and root is not None:
            why = "the variables in vars/ became defaults, which the inventory may override"
            desk.ledger.look(root.position, "vars of the role", why, "give them another name where it does")
    around = Inherited(rewriter=desk.rewriter)
    blocks = _tasks(folder, "tasks", desk, around)
    sets = variables.sets()
    task_files = _write(files, "tasks", [*([Block(sets, "variables")] if sets else []), *blocks])
    handler_files = _write(files, "handlers", _tasks(folder, "handlers", desk, replace(around)))
    defaults = variables.lines()
    lines = ["defaults:", *(f"  {line}" if line else "" for line in defaults)] if defaults else []
    for key, names in (("tasks", task_files), ("handlers", handler_files)):
        lines += [f"{key}:", *(f"  - {name}" for name in names)] if names else []
    lines += _dependencies(folder, desk)
    files["role.yml"] = "\n".join(lines or ["{}"]) + "\n"
    _note_unused(folder, desk)
    return files


def _tasks(folder: Path, kind: str, desk: Desk, around: Inherited) -> list[Block]:
    path = main_file(folder / kind)
    if path is None:
        return []
    desk.used.add(path.resolve())
    root = desk.read(path)
    if root is None and path in desk.told:
        return [Block(comment(f"NOT CONVERTED: {path.name} cannot be read", 0), is_task=False)]
    return TaskLists(desk, folder, folder / kind, handlers=kind == "handlers").convert(root, around)


def _write(files: dict[str, str], kind: str, blocks: list[Block]) -> list[str]:
    """Put blocks into files, one for each run of blocks of one origin; return the names in their order."""
    names: list[str] = []
    runs: list[tuple[str, list[str], bool]] = []
    for block in blocks:
        if not runs or runs[-1][0] != block.file:
            runs.append((block.file, [], False))
        file, lines, is_task = runs[-1]
        lines += block.lines
        runs[-1] = (file, lines, is_task or block.is_task)
    for file, lines, is_task in runs:
        name, number = f"{file or 'main'}.yml", 2
        while name in names:
            name, number = f"{file or 'main'}-{number}.yml", number + 1
        names.append(name)
        files[f"{kind}/{name}"] = "\n".join([*lines, *([] if is_task else ["[]"])]) + "\n"
    return names


def _dependencies(folder: Path, desk: Desk) -> list[str]:
    path = main_file(folder / "meta")
    root = desk.read(path) if path else None
    node = root.get("dependencies") if isinstance(root, Mapping) else None
    if not isinstance(node, Sequence) or not node.items:
        return []
    lines = ["dependencies:"]
    for item in node.items:
        lines += [f"  {line}" for line in _dependency(item, desk)]
    return (
        lines
        if any("- role" in line for line in lines if not line.lstrip().startswith("#"))
        else [
            "dependencies: []",
            *lines[1:],
        ]
    )


def _dependency(item: Node, desk: Desk) -> list[str]:
    try:
        return item_lines(invocation(item, Inherited(rewriter=desk.rewriter)), 0)
    except Refused as refusal:
        desk.ledger.left(item.position, "dependency of a role", refusal.why, refusal.instead)
        return comment(f"NOT CONVERTED: {refusal.why}", 0)


def _note_unused(folder: Path, desk: Desk) -> None:
    for kind in ("tasks", "handlers"):
        for path in sorted((folder / kind).rglob("*.y*ml")):
            root = desk.read(path)
            if path.resolve() not in desk.used and root is not None:
                why = "no task of the role includes this file by its name"
                desk.ledger.left(
                    root.position, f"the file {path.name}", why, "name it in role.yml, or in a role of its own"
                )
