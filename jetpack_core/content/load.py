# SPDX-License-Identifier: GPL-3.0-or-later
"""Load a playbook with the roles and files it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.content.checks import Checks
from jetpack_core.content.files import paused_collection, shown, top
from jetpack_core.content.model import Playbook
from jetpack_core.content.nodes import Sequence
from jetpack_core.content.plays import PlayReader
from jetpack_core.content.problems import Problems
from jetpack_core.content.roles import RoleReader
from jetpack_core.content.tasks import TaskReader
from jetpack_core.content.template_files import check_template_files
from jetpack_core.content.values import ValueReader
from jetpack_core.content.yaml import parse, read
from jetpack_core.variables.templates import Templates

if TYPE_CHECKING:
    import collections.abc
    from pathlib import Path

    from jetpack_core.content.model import Play
    from jetpack_core.content.nodes import Node
    from jetpack_core.registry import Registry
    from jetpack_core.secrets.vault import Vault


def load_playbook(
    path: Path,
    *,
    registry: Registry,
    roles_paths: collections.abc.Sequence[Path] = (),
    modules_paths: collections.abc.Sequence[Path] = (),
    extra_vars: collections.abc.Mapping[str, object] | None = None,
    text: bytes | None = None,
    vault: Vault | None = None,
) -> Playbook:
    """Load and validate a playbook. Raises ContentError with every problem of every file.

    :param roles_paths: where roles are looked for, before `roles` beside the playbook.
    :param modules_paths: where executables of `external` are looked for first.
    :param extra_vars: the variables of `-e`.
    :param text: the playbook itself, where it is in no file; `path` then only says where it would be.
    :param vault: opens encrypted files and values.
    """
    problems = Problems(vault)
    templates = Templates(registry, problems.vault)
    tasks = TaskReader(registry, ValueReader(Checks(templates, problems), problems), problems)
    folder = path.parent
    roles = RoleReader([*roles_paths, folder / "roles"], folder, modules_paths, tasks, problems)
    plays = PlayReader(folder, modules_paths, roles, tasks, templates, extra_vars or {}, problems)
    with paused_collection():
        found = _plays(path, text, plays, problems)
    check_template_files(found, registry, templates, problems)
    problems.raise_if_any()
    return Playbook(path, found)


def _plays(path: Path, text: bytes | None, reader: PlayReader, problems: Problems) -> tuple[Play, ...]:
    document = read(path, problems) if text is None else parse(text, shown(path), problems)
    nodes = _nodes(path, document, problems)
    plays = [reader.read(node) for node in nodes]
    return tuple(play for play in plays if play is not None)


def _nodes(path: Path, document: Node | None, problems: Problems) -> collections.abc.Sequence[Node]:
    hint = "begin each play with `- name: ...`"
    if document is None:
        if not problems:
            problems.add(top(path), "the playbook is empty", hint)
        return ()
    if not isinstance(document, Sequence):
        problems.add(document, f"a playbook is a list of plays, not {document.noun}", hint)
        return ()
    if not document.items:
        problems.add(document, "the playbook has no plays", hint)
    return document.items
