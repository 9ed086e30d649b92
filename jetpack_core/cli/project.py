# SPDX-License-Identifier: GPL-3.0-or-later
"""The project file `.jetpack.yml`, which says what the flags would otherwise have to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from jetpack_core.content.problems import Problems
    from jetpack_core.secrets.vault import Vault

FILE_NAME: Final = ".jetpack.yml"


@dataclass(frozen=True, slots=True)
class Project:
    """A project's settings; paths are made absolute, from the folder of the file."""

    file: Path | None = None
    """None where there is no project."""
    playbook: tuple[Path, ...] = ()
    """Playbooks to run when `-p` is not given."""
    inventory: tuple[Path, ...] = ()
    """Inventories to use when `-i` is not given."""
    secrets_inventory: tuple[Path, ...] = ()
    """Inventories laid over all others, so that secrets can live in another repository."""
    roles: tuple[Path, ...] = ()
    """Folders of roles, after those of `-r` and $JET_ROLES_PATH."""
    modules: tuple[Path, ...] = ()
    """Folders of external modules, after those of `-m` and $JET_MODULES_PATH."""
    plugins: tuple[Requirement, ...] = ()
    """Plugins the project needs, such as `jetpack-plugin-download>=1.2`; checked before a run."""
    user: str | None = None
    """User to log in as, where neither the inventory nor a play says it."""
    port: int | None = None
    """SSH port, where neither the inventory nor a play says it."""
    threads: int | None = None
    """Hosts worked on at once."""
    batch_size: int | None = None
    """Hosts of a rolling batch, where a play does not say it."""
    sudo: str | None = None
    """User to become, where neither `--sudo` nor a play says it."""
    ask_sudo_password: bool = False
    """Ask for the sudo password in every run."""
    forward_agent: bool = False
    """Let hosts use the SSH agent."""
    lock_timeout: str | None = None
    """Seconds to wait for another run on a host, or `off`."""
    extra_vars: Mapping[str, object] = field(default_factory=dict)
    """Variables that beat all others but those of `-e`."""


def find_project(chosen: Path | None = None, vault: Vault | None = None) -> Project:
    """Load the project file that was chosen, or the nearest one upward from the current folder.

    Raises ContentError with all its problems, and UsageError where the chosen one is not there.
    """
    if chosen is None:
        file = _nearest(Path.cwd())
        return load_project(file, vault) if file else Project()
    file = chosen / FILE_NAME if chosen.is_dir() else chosen
    if not file.exists():
        raise UsageError(f"there is no project file {file}", hint="`jetpack init` makes a project")
    return load_project(file, vault)


def _nearest(folder: Path) -> Path | None:
    candidates = (parent / FILE_NAME for parent in (folder, *folder.parents))
    return next((file for file in candidates if os.path.lexists(file)), None)


def load_project(file: Path, vault: Vault | None = None) -> Project:
    """Load a project file. Raises ContentError with all its problems."""
    from jetpack_core.content.files import top
    from jetpack_core.content.problems import Problems
    from jetpack_core.content.yaml import load_data
    from jetpack_core.variables.data import SourceMap

    data = load_data(file, vault)
    problems = Problems()
    if data is None:
        return Project(file)
    if not isinstance(data, SourceMap):
        problems.add(
            top(file),
            "a project file is a map",
            "write settings such as `playbook: site.yml`",
        )
        problems.raise_if_any()
        return Project(file)
    values = _values(data, file, problems)
    problems.raise_if_any()
    return Project(file, **values)


def _values(data: Any, file: Path, problems: Problems) -> dict[str, Any]:
    """Convert the settings, and note what is wrong with them."""
    from jetpack_core.content.problems import suggest

    values: dict[str, Any] = {}
    for key, value in data.items():
        reader = _READERS.get(key)
        if reader is None:
            problems.add(
                data.positions[key], f"there is no setting `{key}`", suggest(key, _READERS), code="unknown-key"
            )
            continue
        try:
            values[key] = reader(value, file.parent)
        except ValueError as error:
            problems.add(data.positions[key], f"`{key}` {error}", code="wrong-value")
    return values


def _texts(value: object) -> list[str]:
    """Return a text, or a list of them, as a list."""
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and item for item in items):
        message = "is a text or a list of texts"
        raise ValueError(message)
    return [str(item) for item in items]


def _paths(value: object, folder: Path) -> tuple[Path, ...]:
    texts = _texts(value)
    tilde = next((text for text in texts if text.startswith("~")), None)
    if tilde is not None:
        message = f"has {tilde!r}, and '~' is not expanded; write the path in full, or relative to this file"
        raise ValueError(message)
    return tuple(folder.absolute() / text for text in texts)


def _requirements(value: object, _: Path) -> tuple[Requirement, ...]:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return tuple(Requirement(text) for text in _texts(value))
    except InvalidRequirement as error:
        reason = str(error).partition("\n")[0]
        message = f"has an entry that pip cannot read ({reason}); write such as jetpack-plugin-download>=1.2"
        raise ValueError(message) from None


def _text(value: object, _: Path) -> str:
    if not isinstance(value, str) or not value:
        message = "is a text"
        raise ValueError(message)
    return value


def _flag(value: object, _: Path) -> bool:
    if not isinstance(value, bool):
        message = "is true or false"
        raise ValueError(message)  # noqa: TRY004 - told like every other wrong value
    return value


def _count(value: object, _: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        message = "is a whole number above 0"
        raise ValueError(message)
    return value


def _wait(value: object, _: Path) -> str:
    from jetpack_core.cli.options import lock_timeout

    text = str(value)
    lock_timeout(text)
    return text


def _map(value: object, _: Path) -> Mapping[str, object]:
    if not isinstance(value, dict):
        message = "is a map of variables"
        raise ValueError(message)  # noqa: TRY004 - told like every other wrong value
    return value


_READERS: Final[Mapping[str, Callable[[object, Path], object]]] = {
    "playbook": _paths,
    "inventory": _paths,
    "secrets_inventory": _paths,
    "roles": _paths,
    "modules": _paths,
    "plugins": _requirements,
    "user": _text,
    "port": _count,
    "threads": _count,
    "batch_size": _count,
    "sudo": _text,
    "ask_sudo_password": _flag,
    "forward_agent": _flag,
    "lock_timeout": _wait,
    "extra_vars": _map,
}
