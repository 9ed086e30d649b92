# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories, in INI or YAML."""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jetpack_core.content.nodes import Mapping, Node, Scalar
from jetpack_core.conversion import names
from jetpack_core.conversion.arguments import plain
from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.writing import lines_of
from jetpack_core.records import Position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.conversion.desk import Desk

_SECTION: Final = re.compile(r"\[([^\]:]+)(?::(vars|children|hosts))?\]\s*(?:[#;].*)?")
_RANGE: Final = re.compile(r"\[(\w*):(\w+)(?::(\d+))?\]")
_LIMIT: Final = 10_000
"""Hosts that one range may stand for."""


@dataclass
class _Group:
    hosts: dict[str, None] = field(default_factory=dict)
    subgroups: dict[str, None] = field(default_factory=dict)
    variables: dict[str, object] = field(default_factory=dict)


class Inventory:
    """Groups and hosts in the making.

    :param file: the original's name for positions.
    """

    def __init__(self, desk: Desk, file: str) -> None:
        self._desk = desk
        self._file = file
        self._groups: dict[str, _Group] = {}
        self._hosts: dict[str, dict[str, object]] = {}

    def group_names(self) -> list[str]:
        """Return the names of the groups."""
        return list(self._groups)

    def files(self) -> dict[str, str]:
        """Return the files of an inventory directory by their path in it."""
        files = {}
        grouped = {host for name, group in self._groups.items() if name != "all" for host in group.hosts}
        loose = [host for host in self._hosts if host not in grouped]
        for name, group in self._groups.items():
            if name == "all":
                continue
            content: dict[str, object] = {}
            content |= {"hosts": list(group.hosts)} if group.hosts else {}
            # Every group is below `all` anyway.
            content |= {"subgroups": [one for one in group.subgroups if one != name]} if group.subgroups else {}
            files[f"groups/{name}"] = "\n".join(lines_of(content)) + "\n" if content else "hosts: []\n"
        if loose:
            files["groups/ungrouped"] = "\n".join(lines_of({"hosts": loose})) + "\n"
        for name, group in self._groups.items():
            if group.variables:
                files[f"group_vars/{name}.yml"] = "\n".join(lines_of(group.variables)) + "\n"
        for name, values in self._hosts.items():
            if values:
                files[f"host_vars/{name}.yml"] = "\n".join(lines_of(values)) + "\n"
        if not any(name.startswith("groups/") for name in files):
            files["groups/all"] = "hosts: []\n"
        return files

    def variable(self, into: dict[str, object], name: str, value: object, position: Position) -> None:
        """Take a variable of a group or host."""
        ledger, what = self._desk.ledger, f"variable {name!r}"
        if name in names.CONNECTION_GONE:
            gone = names.CONNECTION_GONE[name]
            note = ledger.look if gone.startswith("nothing") else ledger.left
            note(position, what, "there is no such connection variable", gone)
        elif "{{" in str(value):
            why = "values of variables are not rendered as templates"
            ledger.left(
                position, what, why, "write it with !set in a play, or the expression where the variable is used"
            )
        else:
            into[names.CONNECTION.get(name, name)] = value

    def host(self, pattern: str, position: Position) -> list[str]:
        """Return the hosts that a name with ranges stands for, and make them known."""
        name, colon, port = pattern.rpartition(":")
        if colon and port.isdecimal() and "[" not in port and name.count(":") == 0:
            pattern = name
        try:
            found = list(_expanded(pattern))
        except Refused as refusal:
            self._desk.ledger.left(position, f"hosts {pattern}", refusal.why, refusal.instead)
            return []
        for one in found:
            values = self._hosts.setdefault(one, {})
            if pattern == name and colon and port.isdecimal():
                values["jet_ssh_port"] = int(port)
        return found

    def group(self, name: str) -> _Group:
        """Return a group, which is made where it is new."""
        return self._groups.setdefault(name, _Group())

    def read_ini(self, text: str) -> None:
        """Take in an inventory in Ansible's INI format."""
        section, kind = "ungrouped", "hosts"
        for number, line in enumerate(text.splitlines(), 1):
            position = Position(self._file, number, 1)
            bare = line.strip()
            if not bare or bare[0] in "#;":
                continue
            match = _SECTION.fullmatch(bare)
            if match:
                section, kind = match[1], match[2] or "hosts"
                self.group(section)
            elif kind == "vars":
                name, _, value = bare.partition("=")
                self.variable(self.group(section).variables, name.strip(), _ini_value(value.strip()), position)
            elif kind == "children":
                child = bare.split("#")[0].strip()
                self.group(child)
                self.group(section).subgroups[child] = None
            else:
                self._ini_host(section, bare, position)

    def _ini_host(self, section: str, line: str, position: Position) -> None:
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            self._desk.ledger.left(position, "host", f"the line cannot be read: {error}", "correct its quotes")
            return
        for host in self.host(words[0], position):
            self.group(section).hosts[host] = None
            for word in words[1:]:
                name, sign, value = word.partition("=")
                if not sign:
                    self._desk.ledger.left(position, f"host {host}", f"{word!r} is no NAME=VALUE", "correct it")
                else:
                    self.variable(self._hosts[host], name, _ini_value(value), position)

    def read_yaml(self, root: Mapping) -> None:
        """Take in an inventory in YAML."""
        for key, value in root.pairs:
            self._yaml_group(key.text, value)

    def _yaml_group(self, name: str, node: Node) -> None:
        group = self.group(name)
        if not isinstance(node, Mapping):
            return
        hosts, children, values = node.get("hosts"), node.get("children"), node.get("vars")
        for key, value in hosts.pairs if isinstance(hosts, Mapping) else []:
            for host in self.host(key.text, key.position):
                group.hosts[host] = None
                self._yaml_variables(self._hosts[host], value)
        for key, value in children.pairs if isinstance(children, Mapping) else []:
            group.subgroups[key.text] = None
            self._yaml_group(key.text, value)
        self._yaml_variables(group.variables, values)
        for stranger in node.keys():  # noqa: SIM118 - it is no dict
            if stranger not in {"hosts", "children", "vars"}:
                self._desk.ledger.left(
                    node.position, f"group {name}", f"there is no key {stranger!r}", "write hosts, children or vars"
                )

    def _yaml_variables(self, into: dict[str, object], node: Node | None) -> None:
        for key, value in node.pairs if isinstance(node, Mapping) else []:
            try:
                self.variable(into, key.text, plain(value), key.position)
            except Refused as refusal:
                self._desk.ledger.left(key.position, f"variable {key.text!r}", refusal.why, refusal.instead)


def is_yaml_inventory(root: Node | None) -> bool:
    """Tell whether a file is an inventory in YAML."""
    if not isinstance(root, Mapping) or not root.pairs:
        return False
    inner = [value for _, value in root.pairs]
    keys = [set(value.keys()) for value in inner if isinstance(value, Mapping)]
    if not any(one & {"hosts", "children"} for one in keys):
        return False
    empty = [value for value in inner if isinstance(value, Scalar) and value.empty]
    return len(keys) + len(empty) == len(inner) and all(one <= {"hosts", "children", "vars"} for one in keys)


def _ini_value(text: str) -> object:
    """Read a value as Ansible does: a Python literal, or else text."""
    text = text.strip()
    if text.lower() in {"yes", "no", "true", "false"} and text not in {"True", "False"}:
        return text
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text.split(" #")[0].strip()
    return value if isinstance(value, str | int | float | bool | list | dict) else text


def _expanded(pattern: str) -> Iterator[str]:
    """Yield the names that a pattern with ranges stands for. Raises Refused."""
    match = _RANGE.search(pattern)
    if match is None:
        yield pattern
        return
    for middle in _range(match[1] or "0", match[2], int(match[3] or 1)):
        yield from _expanded(pattern[: match.start()] + middle + pattern[match.end() :])


def _range(first: str, last: str, step: int) -> list[str]:
    if first.isdecimal() and last.isdecimal():
        numbers = range(int(first), int(last) + 1, max(step, 1))
        if len(numbers) <= _LIMIT:
            width = len(first) if first.startswith("0") and len(first) > 1 else 0
            return [str(number).zfill(width) for number in numbers]
    elif len(first) == len(last) == 1:
        return [chr(number) for number in range(ord(first), ord(last) + 1, max(step, 1))]
    raise Refused(f"the range {first}:{last}", "write the names one by one")
