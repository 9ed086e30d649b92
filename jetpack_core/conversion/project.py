# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole projects: which file is what, and where it goes."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.content.files import top
from jetpack_core.content.nodes import Mapping, Node, Sequence
from jetpack_core.conversion.desk import VAULT_HEAD, Desk
from jetpack_core.conversion.inventory import Inventory, is_yaml_inventory
from jetpack_core.conversion.keywords import Inherited
from jetpack_core.conversion.ledger import Ledger, Refused
from jetpack_core.conversion.plays import Playbooks
from jetpack_core.conversion.roles import convert_role
from jetpack_core.conversion.tasks import TaskLists
from jetpack_core.conversion.variables import edited
from jetpack_core.conversion.writing import lines_of
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_YAML: Final = (".yml", ".yaml")
_SIZE_LIMIT: Final = 64 * 1024 * 1024
_PLUGIN_FOLDERS: Final = frozenset(
    {"library", "module_utils"}
    | {
        f"{kind}_plugins"
        for kind in ("action", "callback", "connection", "filter", "inventory", "lookup", "strategy", "test", "vars")
    }
)
_PLUGIN_HINT: Final = "write a plugin (see docs/how-to/publish-a-plugin.md), or run it as it is with !external"
_VAULT_HINT: Final = "run `jetpack secrets import-vault`, see docs/how-to/migrate-from-ansible-vault-and-sops.md"
_ROLE_YAML: Final = frozenset({"tasks", "handlers", "defaults", "vars", "meta"})
_INVENTORY_NAMES: Final = frozenset({"hosts", "inventory"})


@dataclass
class Converted:
    """What came of a project."""

    ledger: Ledger
    files: dict[str, str | bytes] = field(default_factory=dict)
    """The files by their path in the new folder."""
    executable: set[str] = field(default_factory=set)
    """Those that may be executed."""


def convert_file(path: Path) -> Converted:
    """Convert one file: a playbook, a list of tasks, or a file of variables. Raises UsageError for others."""
    desk = Desk()
    root = desk.read(path)
    made = Converted(desk.ledger)
    if path in desk.told:
        return made
    desk.survey(root)
    if is_yaml_inventory(root) or _is_ini(path):
        made.files = dict(_inventory(path, desk).files())
    elif isinstance(root, Sequence) and _is_playbook(root):
        roles = path.parent / "roles"
        known = frozenset(one.name for one in roles.iterdir()) if roles.is_dir() else None
        made.files[path.name] = Playbooks(desk, known).convert(root, path)
    elif isinstance(root, Sequence) and any(isinstance(item, Mapping) for item in root.items):
        blocks = TaskLists(desk, path.parent.parent, path.parent).convert(root, Inherited(desk.rewriter))
        made.files[path.name] = "\n".join(line for block in blocks for line in block.lines) + "\n"
    elif isinstance(root, Mapping):
        made.files[path.name] = edited(root, desk)
    else:
        raise UsageError(f"{path} is no playbook, list of tasks, inventory or file of variables of Ansible's")
    return made


class Project:
    """Converts a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._desk = Desk()
        self._made = Converted(self._desk.ledger)
        self._playbooks: list[str] = []
        self._inventories: list[str] = []

    def convert(self) -> Converted:
        """Return the files of the new project. Raises UsageError when nothing of Ansible's is there."""
        paths = list(self._walk(self._folder))
        yaml = [path for path in paths if path.suffix in _YAML and not self._is_static(path)]
        roots = {path: self._desk.read(path) for path in yaml}
        for root in roots.values():
            self._desk.survey(root)
        self._desk.count(Counter(name for path, root in roots.items() for name in self._variables(path, root)))
        inventories = [path for path in paths if is_yaml_inventory(roots.get(path)) or _is_ini(path)]
        roles = sorted({role for path in paths if (role := self._role_of(path)) is not None})
        known = frozenset(role.name for role in roles)
        self._find_playbooks(roots, known)
        for role in roles:
            prefix = f"{role.relative_to(self._folder)}/"
            for name, text in convert_role(role, self._desk).items():
                self._made.files[prefix + name] = text
        self._write_inventories(inventories, paths)
        for path in paths:
            self._other(path, roots, inventories)
        if not self._playbooks and not roles and not inventories:
            raise UsageError(f"there is nothing of Ansible's in {self._folder}: no playbook, role or inventory")
        self._settings()
        return self._made

    def _walk(self, folder: Path) -> Iterator[Path]:
        for current, folders, files in os.walk(folder):
            folders[:] = sorted(one for one in folders if not one.startswith(".") and one != "__pycache__")
            for name in sorted(files):
                path = Path(current, name)
                if name.startswith(".") or name.endswith(("~", ".retry", ".pyc")):
                    continue
                if path.is_symlink() or not path.is_file():
                    self._desk.ledger.left(top(path), "the file", "it is no regular file", "copy what it leads to")
                    continue
                yield path

    def _role_of(self, path: Path) -> Path | None:
        parts = path.relative_to(self._folder).parts
        depth = _role_depth(parts)
        return self._folder.joinpath(*parts[:depth]) if depth else None

    def _is_static(self, path: Path) -> bool:
        """Tell whether a file is one that hosts get, whatever is in it."""
        return bool({"files", "templates"} & set(path.relative_to(self._folder).parts[:-1]))

    def _variables(self, path: Path, root: Node | None) -> list[str]:
        parts = path.relative_to(self._folder).parts
        found: list[str] = []
        if isinstance(root, Mapping) and not is_yaml_inventory(root):
            found += list(root.keys())
        for play in root.items if isinstance(root, Sequence) and len(parts) <= 2 else []:  # noqa: PLR2004
            values = play.get("vars") if isinstance(play, Mapping) else None
            found += list(values.keys()) if isinstance(values, Mapping) else []
        return found

    def _find_playbooks(self, roots: dict[Path, Node | None], known: frozenset[str]) -> None:
        playbooks = Playbooks(self._desk, known)
        for path, root in roots.items():
            if (
                isinstance(root, Sequence)
                and _is_playbook(root)
                and not _role_depth(path.relative_to(self._folder).parts)
            ):
                name = str(path.relative_to(self._folder))
                self._made.files[name] = playbooks.convert(root, path)
                self._playbooks.append(name)

    def _write_inventories(self, inventories: list[Path], paths: list[Path]) -> None:
        for path in inventories:
            single = len(inventories) == 1
            name = "inventory" if single else f"inventories/{self._inventory_name(path)}"
            self._inventories.append(name)
            for inner, text in _inventory(path, self._desk).files().items():
                self._made.files[f"{name}/{inner}"] = text
        self._inventories = self._inventories or ["inventory"]
        for path in paths:
            parts = path.relative_to(self._folder).parts
            kind = next((one for one in ("group_vars", "host_vars") if one in parts[:-1]), None)
            if kind is None or _role_depth(parts):
                continue
            tail = parts[parts.index(kind) :]
            homes = [
                name
                for one, name in zip(inventories, self._inventories, strict=False)
                if one.parent == path.parents[len(tail) - 1]
            ]
            for home in homes or self._inventories:
                self._lay_variables(path, f"{home}/{'/'.join(tail)}")

    def _inventory_name(self, path: Path) -> str:
        parts = path.relative_to(self._folder).parts
        return parts[-2] if len(parts) > 1 and path.stem in _INVENTORY_NAMES else path.stem

    def _lay_variables(self, path: Path, name: str) -> None:
        """Put a file of variables into an inventory, beside the one of that name which is there."""
        content = self._variables_text(path)
        stem = name.removesuffix(path.suffix) if path.suffix in _YAML else name
        twin = f"{stem}.yml"
        start, kind, inner = name.partition("_vars/")
        owner, slash, _ = inner.partition("/")
        if slash and f"{start}{kind}{owner}.yml" in self._made.files:
            # Beside a folder that file would come last; it is the weaker one.
            self._made.files[f"{start}{kind}{owner}/0-inventory.yml"] = self._made.files.pop(
                f"{start}{kind}{owner}.yml"
            )
        if twin in self._made.files and "/" not in name.partition("_vars/")[2]:
            # The variables of the inventory file itself come first; these are stronger.
            self._made.files[f"{stem}/1-inventory.yml"] = self._made.files.pop(twin)
            name = f"{stem}/2-{path.stem}.yml"
        self._made.files[name] = content

    def _variables_text(self, path: Path) -> str | bytes:
        content = path.read_bytes()
        if content.startswith(VAULT_HEAD):
            self._desk.ledger.left(top(path), "the file", "it is encrypted with ansible-vault", _VAULT_HINT)
            return content
        root = self._desk.read(path)
        return content if root is None else edited(root, self._desk)

    def _other(self, path: Path, roots: dict[Path, Node | None], inventories: list[Path]) -> None:
        """Put everything else where it was; templates are rewritten."""
        parts = path.relative_to(self._folder).parts
        name, ledger = str(path.relative_to(self._folder)), self._desk.ledger
        depth = _role_depth(parts)
        if name in self._made.files or path in inventories or {"group_vars", "host_vars"} & set(parts[:-1]):
            return
        if depth and len(parts) > depth + 1 and parts[depth] in _ROLE_YAML:
            return
        if _PLUGIN_FOLDERS & set(parts[:-1]):
            ledger.left(top(path), "a plugin of Ansible's", "it is Python that only Ansible can run", _PLUGIN_HINT)
        elif parts[-1] == "ansible.cfg":
            ledger.look(top(path), "ansible.cfg", "its settings were left out", "see the settings of .jetpack.yml")
        elif parts[-1] in {"requirements.yml", "requirements.yaml"} and len(parts) <= 2:  # noqa: PLR2004
            why = "roles and collections of Galaxy are not fetched"
            ledger.look(top(path), parts[-1], why, "convert the roles as well, and put them into roles/")
        elif path.stat().st_size > _SIZE_LIMIT:
            ledger.left(top(path), "the file", "it is very large", "copy it yourself")
        elif path in self._desk.told or path.resolve() in self._desk.used:
            return
        else:
            self._copy(path, name, roots.get(path))

    def _copy(self, path: Path, name: str, root: Node | None) -> None:
        content: str | bytes = path.read_bytes()
        if isinstance(content, bytes) and content.startswith(VAULT_HEAD):
            self._desk.ledger.left(top(path), "the file", "it is encrypted with ansible-vault", _VAULT_HINT)
        elif "templates" in Path(name).parts[:-1] or path.suffix == ".j2":
            content = self._template(path, path.read_bytes())
        elif isinstance(root, Mapping) and not self._is_static(path):
            content = edited(root, self._desk)
        elif isinstance(root, Sequence) and not self._is_static(path):
            why = "this list of tasks is included by nobody"
            self._desk.ledger.left(
                root.position, "the file", why, "convert it by itself, and put its tasks into a role"
            )
            return
        self._made.files[name] = content
        if os.access(path, os.X_OK):
            self._made.executable.add(name)

    def _template(self, path: Path, content: bytes) -> str | bytes:
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return content
        rewriter = replace(self._desk.rewriter, is_file=True)
        if text.startswith("#jinja2:"):
            why = "settings in the first line of a template"
            self._desk.ledger.left(top(path), "template", why, "write {%- and -%} where blanks are to go")
            return text
        try:
            return rewriter.template(text)
        except Refused as refusal:
            line = next((number for number, line in enumerate(text.split("\n"), 1) if _refuses(rewriter, line)), 1)
            place = top(path)
            where = type(place)(place.file, line, 1)
            self._desk.ledger.left(where, "template", f"{refusal.why}; the file was copied as it is", refusal.instead)
            return text

    def _settings(self) -> None:
        settings: dict[str, object] = {}
        site = next((one for one in self._playbooks if Path(one).stem == "site"), None)
        if site or len(self._playbooks) == 1:
            settings["playbook"] = site or self._playbooks[0]
        if len(self._inventories) == 1 and any(
            name.startswith(f"{self._inventories[0]}/") for name in self._made.files
        ):
            settings["inventory"] = self._inventories[0]
        if any(name.startswith("roles/") for name in self._made.files):
            settings["roles"] = "roles"
        if self._desk.plugins:
            settings["plugins"] = sorted(self._desk.plugins)
        self._made.files[".jetpack.yml"] = "\n".join(lines_of(settings) or ["{}"]) + "\n"


def _refuses(rewriter: object, line: str) -> bool:
    from jetpack_core.conversion.expressions import Rewriter

    if not isinstance(rewriter, Rewriter) or line.count("{%") != line.count("%}"):
        return False
    try:
        rewriter.template(line)
    except Refused as refusal:
        return not refusal.why.startswith("not a template")
    return False


def _role_depth(parts: tuple[str, ...]) -> int:
    """Return how many parts of a path lead to a role, or 0 where it is in none."""
    if "roles" not in parts[:-1]:
        return 0
    at = parts.index("roles")
    inner = parts[at + 2 : at + 3]
    known = _ROLE_YAML | {"files", "templates", "library"} | _PLUGIN_FOLDERS
    return at + 2 if inner and inner[0] in known and len(parts) > at + 3 else 0


def _is_playbook(root: Node | None) -> bool:
    if not isinstance(root, Sequence):
        return False
    keys = {key for item in root.items if isinstance(item, Mapping) for key in item.keys()}  # noqa: SIM118
    return bool(keys & {"hosts", "import_playbook", "ansible.builtin.import_playbook"})


def _is_ini(path: Path) -> bool:
    """Tell whether a file is an inventory in INI format."""
    in_place = path.stem in _INVENTORY_NAMES or path.parent.name in {"inventory", "inventories"}
    if path.suffix not in {"", ".ini"} or {"group_vars", "host_vars"} & set(path.parts) or os.access(path, os.X_OK):
        return False
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    if path.suffix == ".ini":
        return path.name != "ansible.ini" and ("[" in text or in_place)
    return in_place and bool(text.strip()) and not text.lstrip().startswith(("#!", "---", "{"))


def _inventory(path: Path, desk: Desk) -> Inventory:
    inventory = Inventory(desk, str(top(path).file))
    root = desk.read(path) if path.suffix in _YAML else None
    if isinstance(root, Mapping):
        inventory.read_yaml(root)
    else:
        inventory.read_ini(path.read_text(encoding="utf-8"))
    return inventory
