# SPDX-License-Identifier: GPL-3.0-or-later
"""The file `.jetpack-secrets.yml`: who may read which secrets, and what must not stay in clear."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.content.compose import items_of
from jetpack_core.content.files import read_bytes, shown, top
from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence
from jetpack_core.content.problems import Problems, suggest
from jetpack_core.content.scalars import plain_scalar
from jetpack_core.content.yaml import check_tag, parse
from jetpack_core.errors import SecretError, UsageError
from jetpack_core.secret_files.globs import key_matches, path_matches
from jetpack_core.secrets import age
from jetpack_core.secrets.binding import RULES_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Sequence as Listed

    from jetpack_core.records import Position

_SETTINGS: Final = ("recipients", "groups", "rules", "require_binding", "plugins")
_RULE_SETTINGS: Final = ("paths", "recipients", "whole", "keys")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody that can be encrypted to, under a name."""

    name: str
    text: str
    """`age1...`, `ssh-ed25519 AAAA...` or `ssh-rsa AAAA...`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """For whom the secrets of some files are, and what in these files must be secret."""

    patterns: tuple[str, ...]
    recipients: tuple[Recipient, ...]
    position: Position
    whole: bool = False
    """The files must be encrypted as a whole."""
    keys: tuple[str, ...] = ()
    """Patterns of keys whose values must be encrypted."""

    def is_about(self, names: Iterable[str]) -> bool:
        """Tell whether one of the names of a file is among the paths."""
        return any(path_matches(pattern, name) for pattern in self.patterns for name in names)

    def wants_encrypted(self, keys: Listed[str]) -> bool:
        """Tell whether the value at these keys must be encrypted."""
        return any(key_matches(pattern, keys) for pattern in self.keys)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a file of rules says."""

    file: Path | None = None
    """None where there is no such file."""
    recipients: tuple[Recipient, ...] = ()
    groups: tuple[tuple[str, tuple[Recipient, ...]], ...] = ()
    """Each group with everybody in it."""
    rules: tuple[Rule, ...] = ()
    require_binding: bool = False
    """Refuse encrypted values that do not say where they belong."""
    plugins: tuple[str, ...] = field(default=())
    """The age plugins that may be started: `yubikey` for age-plugin-yubikey."""

    def relative(self, file: Path) -> str:
        """Return a file's path from the folder of the rules, with slashes."""
        base = self.file.parent if self.file else Path.cwd()
        return Path(os.path.relpath(file.absolute(), base.absolute())).as_posix()

    def rule_for(self, file: Path) -> Rule | None:
        """Return the first rule whose paths a file is among; what is meant for NAME is for NAME.age, too."""
        path = self.relative(file)
        names = {path, path.removesuffix(".age")}
        return next((rule for rule in self.rules if rule.is_about(names)), None)

    def recipients_for(self, file: Path) -> tuple[Recipient, ...]:
        """Return for whom a file's secrets are. Raises UsageError where no rule is about it."""
        rule = self.rule_for(file)
        if rule is not None:
            return rule.recipients
        if self.file is None:
            raise UsageError(
                f"nothing says for whom the secrets of {shown(file)} are",
                hint=f"write a {RULES_FILE} with recipients and rules, or name somebody with --recipient",
            )
        raise UsageError(
            f"no rule of {shown(self.file)} is about {shown(file)}",
            hint=f"add one whose `paths` include {self.relative(file)!r}, or name somebody with --recipient",
        )

    def named(self, name: str) -> tuple[Recipient, ...]:
        """Return the recipient, or everybody of the group, of a name; empty where there is none."""
        everybody = {**dict(self.groups), **{one.name: (one,) for one in self.recipients}}
        return everybody.get(name, ())

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all recipients and groups."""
        return (*(one.name for one in self.recipients), *(name for name, _ in self.groups))


def _check_recipient(text: str, plugins: Listed[str]) -> None:
    """Check a recipient without starting the plugin that it may need. Raises SecretError."""
    plugin, mark, _ = text.removeprefix("age1").rpartition("1") if text.startswith("age1") else ("", "", "")
    if not mark:
        age.parse_recipient(text, None)
    elif plugin not in plugins:
        hint = f"if you trust the program age-plugin-{plugin}, write `plugins: [{plugin}]` in this file"
        raise SecretError(f"the age plugin {plugin!r} is not allowed", hint=hint)


def find_rules(start: Path) -> Rules:
    """Load the nearest file of rules upward from a file or folder; empty rules where there is none.

    Raises ContentError with all its problems.
    """
    folder = start.absolute() if start.is_dir() else start.absolute().parent
    candidates = (parent / RULES_FILE for parent in (folder, *folder.parents))
    file = next((one for one in candidates if os.path.lexists(one)), None)
    return load_rules(file) if file else Rules()


def load_rules(file: Path) -> Rules:
    """Load a file of rules. Raises ContentError with all its problems."""
    problems = Problems()
    content = read_bytes(file, problems)
    node = None if content is None else parse(content, shown(file), problems)
    rules = Rules(file)
    if isinstance(node, Mapping):
        rules = _Reader(problems).rules(file, node)
    elif node is not None:
        problems.add(top(file), "a file of rules is a mapping", "write `recipients:` and `rules:`")
    problems.raise_if_any()
    return rules


class _Reader:
    """Turns nodes into rules, noting what is wrong."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._recipients: dict[str, Recipient] = {}
        self._groups: dict[str, Node] = {}
        self._members: dict[str, tuple[Recipient, ...]] = {}
        self._plugins: tuple[str, ...] = ()

    def rules(self, file: Path, node: Mapping) -> Rules:
        self._check_keys(node, _SETTINGS, "setting")
        self._plugins = tuple(self._read_plugins(node.get("plugins")))
        self._read_recipients(node.get("recipients"))
        self._read_groups(node.get("groups"))
        groups = tuple((name, self._group(name, ())) for name in self._groups)
        return Rules(
            file=file,
            recipients=tuple(self._recipients.values()),
            groups=groups,
            rules=tuple(self._read_rules(node.get("rules"))),
            require_binding=self._flag(node.get("require_binding")),
            plugins=self._plugins,
        )

    def _check_keys(self, node: Mapping, known: tuple[str, ...], noun: str) -> None:
        for key, _ in node.pairs:
            if key.text not in known:
                self._problems.add(key, f"there is no {noun} `{key.text}`", suggest(key.text, known))

    def _read_recipients(self, node: Node | None) -> None:
        for key, value in self._pairs(node, "`recipients` is a mapping of names to recipients"):
            text = self._text(value)
            if text is None:
                continue
            try:
                _check_recipient(text, self._plugins)
            except SecretError as error:
                self._problems.add(value, error.message, error.hint)
            self._recipients[key.text] = Recipient(key.text, text)

    def _read_groups(self, node: Node | None) -> None:
        for key, value in self._pairs(node, "`groups` is a mapping of names to lists of recipients"):
            if key.text in self._recipients:
                self._problems.add(key, f"{key.text!r} is a recipient already", "a group needs another name")
            else:
                self._groups[key.text] = value

    def _group(self, name: str, outer: tuple[str, ...]) -> tuple[Recipient, ...]:
        """Return everybody in a group, those of its groups too."""
        if name not in self._members:
            self._members[name] = self._everybody(self._groups[name], (*outer, name))
        return self._members[name]

    def _everybody(self, node: Node | None, outer: tuple[str, ...]) -> tuple[Recipient, ...]:
        """Return the recipients that a list names, each once."""
        found: dict[str, Recipient] = {}
        for where, name in self._texts(node):
            if name in self._recipients:
                found[name] = self._recipients[name]
            elif name in outer:
                self._problems.add(where, f"the group {name!r} would hold itself")
            elif name in self._groups:
                found.update({one.name: one for one in self._group(name, outer)})
            else:
                hint = suggest(name, (*self._recipients, *self._groups))
                self._problems.add(where, f"there is no recipient or group {name!r}", hint)
        return tuple(found.values())

    def _read_rules(self, node: Node | None) -> Iterator[Rule]:
        if node is None or not self._is(node, Sequence, "`rules` is a list of rules"):
            return
        for item in items_of(node):
            if not isinstance(item, Mapping):
                self._problems.add(item, "a rule is a mapping", "write `- paths: GLOB` and `recipients:` below it")
            elif check_tag(item, self._problems):
                yield self._rule(item)

    def _rule(self, node: Mapping) -> Rule:
        self._check_keys(node, _RULE_SETTINGS, "setting of a rule")
        for name in ("paths", "recipients"):
            if node.get(name) is None:
                self._problems.add(node, f"this rule has no `{name}`")
        return Rule(
            patterns=tuple(text for _, text in self._texts(node.get("paths"))),
            recipients=self._everybody(node.get("recipients"), ()),
            position=node.position,
            whole=self._flag(node.get("whole")),
            keys=tuple(text for _, text in self._texts(node.get("keys"))),
        )

    def _read_plugins(self, node: Node | None) -> Iterator[str]:
        for where, name in self._texts(node):
            if name.replace("-", "").replace("_", "").isalnum():
                yield name
            else:
                hint = "write `yubikey` for age-plugin-yubikey"
                self._problems.add(where, f"{name!r} is no name of an age plugin", hint)

    def _flag(self, node: Node | None) -> bool:
        if node is None:
            return False
        value = plain_scalar(node.text) if isinstance(node, Scalar) and node.plain and node.tag is None else None
        if not isinstance(value, bool):
            self._problems.add(node, "this is true or false")
        return value is True

    def _pairs(self, node: Node | None, message: str) -> list[tuple[Scalar, Node]]:
        if node is None or not self._is(node, Mapping, message):
            return []
        return node.pairs if isinstance(node, Mapping) else []

    def _texts(self, node: Node | None) -> Iterator[tuple[Node, str]]:
        """Yield the texts of a list, or one that stands alone."""
        if node is None:
            return
        for item in node.items if isinstance(node, Sequence) and check_tag(node, self._problems) else [node]:
            text = self._text(item)
            if text is not None:
                yield item, text

    def _text(self, node: Node) -> str | None:
        if isinstance(node, Scalar) and check_tag(node, self._problems) and node.text.strip():
            return node.text.strip()
        if not isinstance(node, Scalar) or node.tag is None:
            self._problems.add(node, f"this must be text, not {'empty' if isinstance(node, Scalar) else node.noun}")
        return None

    def _is(self, node: Node, kind: type[Node], message: str) -> bool:
        """Tell whether a node is of a kind and has no odd tag; the problem is noted if not."""
        if isinstance(node, kind):
            return check_tag(node, self._problems)
        if not (isinstance(node, Scalar) and node.empty):
            self._problems.add(node, message)
        return False
