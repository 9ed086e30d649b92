# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of an Ansible task, whichever way they are written."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence
from jetpack_core.content.scalars import plain_scalar
from jetpack_core.conversion.ledger import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jetpack_core.conversion.expressions import Rewriter
    from jetpack_core.conversion.registers import Result

_TRUE: Final = frozenset({"yes", "true", "on", "y", "t", "1", "1.0"})
_FALSE: Final = frozenset({"no", "false", "off", "n", "f", "0", "0.0"})
_YAML_BOOLEANS: Final = {
    **dict.fromkeys(("yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
}
_PAIR: Final = re.compile(r"\s*([a-z_]+)=")
_FILE_LOOKUP: Final = re.compile(
    r"\{\{\s*(?:lookup|query)\(\s*'(?:ansible\.builtin\.)?file'\s*,\s*'([^'{}]+)'\s*\)\s*(?:\|\s*trim\s*)?\}\}"
)
_WHOLE_MODE: Final = 0o7777
_SYMBOLIC: Final = re.compile(r"u=([rwx]*),g=([rwx]*),o=([rwx]*)")


def plain(node: Node) -> object:
    """Return data as Ansible reads it: yes and no are booleans. Raises Refused for tags."""
    if node.tag == "!unsafe":
        raise Refused("a value that is marked !unsafe", "put it into {% raw %}")
    if node.tag == "!vault":
        raise Refused(
            "a value that is encrypted with ansible-vault",
            "see docs/how-to/migrate-from-ansible-vault-and-sops.md",
        )
    if node.tag is not None and not node.tag.startswith("tag:yaml.org"):
        raise Refused(f"a value with the tag {node.tag}", "write it without the tag")
    if isinstance(node, Scalar):
        if not node.plain or (node.tag or "").endswith(":str"):
            return node.text
        return _YAML_BOOLEANS.get(node.text, plain_scalar(node.text))
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.pairs}
    return [plain(item) for item in node.items] if isinstance(node, Sequence) else None


def pairs_of(node: Mapping) -> list[tuple[str, Node]]:
    """Return the keys and values of a map."""
    return [(key.text, value) for key, value in node.pairs]


def split_pairs(text: str) -> tuple[dict[str, object], str]:
    """Return the `k=v` pairs of a short form, and what else stands there; templates may hold blanks."""
    pairs: dict[str, object] = {}
    rest: list[str] = []
    for word in _words(text):
        match = _PAIR.match(word)
        if match:
            pairs[match[1]] = _unquoted(word[match.end() :])
        else:
            rest.append(word)
    return pairs, " ".join(rest)


def _words(text: str) -> list[str]:
    """Split at blanks outside of quotes and braces."""
    words: list[str] = []
    word, quote, depth = "", "", 0
    for place, char in enumerate(text):
        if char.isspace() and not quote and not depth:
            words += [word] if word else []
            word = ""
            continue
        word += char
        pair = text[place : place + 2]
        depth += (pair in {"{{", "{%"}) - (text[place - 1 : place + 1] in {"}}", "%}"}) if not quote or depth else 0
        if char in "\"'" and not depth:
            quote = "" if char == quote else quote or char
    return [*words, word] if word else words


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


@dataclass
class Arguments:
    """What a task gives to its module; each is taken once, and what nobody took has no counterpart."""

    module: str
    values: dict[str, object]
    free: str
    rewriter: Rewriter
    find: Callable[[str, str], Path | None]
    """Find a source of the control machine by its kind (`files`, `templates`) and name."""
    register: str = ""
    result: Result | None = None
    notes: list[tuple[str, str]] = field(default_factory=list)
    """What to look at: why, and what to write."""

    def look(self, why: str, instead: str = "") -> None:
        """Note what does not mean quite the same."""
        self.notes.append((why, instead))

    def raw(self, *names: str) -> object:
        """Take the first of some parameters that is given, as it is; else None."""
        found = [self.values.pop(name) for name in names if name in self.values]
        return found[0] if found else None

    def take(self, *names: str) -> object:
        """Take a parameter with its templates rewritten. Raises Refused."""
        return self.rewritten(self.raw(*names))

    def rewritten(self, value: object) -> object:
        """Return a value with its templates rewritten. Raises Refused."""
        if isinstance(value, str):
            looked_up = _FILE_LOOKUP.fullmatch(value.strip().replace('"', "'"))
            return self._content(looked_up[1]) if looked_up else self.rewriter.template(value)
        if isinstance(value, dict):
            return {key: self.rewritten(inner) for key, inner in value.items()}
        return [self.rewritten(inner) for inner in value] if isinstance(value, list) else value

    def _content(self, name: str) -> str:
        if name.startswith("/") or ".." in name.split("/"):
            # What lies elsewhere on this machine may be private, and a playbook is not.
            raise Refused(
                f"the file {name} that is looked up is not in the project", "write its content, or keep a secret"
            )
        path = self.find("files", name)
        if path is None:
            raise Refused(f"the file {name} that is looked up is not there", "write its content")
        try:
            content = path.read_text(encoding="utf-8").rstrip("\n")
        except (OSError, ValueError):
            raise Refused(f"the file {name} that is looked up cannot be read as text", "write its content") from None
        self.look(f"lookup('file', '{name}') became what the file holds now")
        return content

    def text(self, *names: str) -> str | None:
        """Take a parameter that is text."""
        value = self.take(*names)
        if isinstance(value, list | dict):
            raise Refused(f"{names[0]} is no text", "write it as text")
        if isinstance(value, bool):
            return "yes" if value else "no"
        return None if value is None else str(value)

    def number(self, *names: str) -> object:
        """Take a number, or a template for it; in the short form it stands there as text."""
        value = self.take(*names)
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    def expression(self, *names: str) -> str | None:
        """Take a parameter that is an expression without braces."""
        value = self.raw(*names)
        return None if value is None else self.rewriter.expression(str(value))

    def truth(self, *names: str) -> bool | None:
        """Take a parameter that is true or false. Raises Refused for a template."""
        value = self.take(*names)
        if value is None or isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise Refused(f"{names[0]}: {value} is not known before the run", "write two tasks with a condition each")

    def truth_or_template(self, *names: str) -> object:
        """Take a parameter that is true or false, or a template for it."""
        value = self.take(*names)
        if isinstance(value, str) and "{{" in value:
            return value
        self.values[names[0]] = value
        return self.truth(names[0])

    def listed(self, *names: str) -> object:
        """Take a list, or text with commas; one template stays as it is."""
        value = self.take(*names)
        if isinstance(value, str) and "{{" not in value and "," in value:
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    def mode(self, name: str = "mode") -> str | None:
        """Take the permissions of a file."""
        value = self.take(name)
        if value is None or value == "preserve":
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return self._decimal_mode(value)
        text = str(value)
        symbolic = _SYMBOLIC.fullmatch(text)
        if symbolic:
            return "0o" + "".join(
                str(sum({"r": 4, "w": 2, "x": 1}[one] for one in set(part))) for part in symbolic.groups()
            )
        if "{{" in text:
            return text
        digits = text.removeprefix("0o")
        if not digits or set(digits) - set("01234567"):
            raise Refused(f"the mode {text} changes what is there", "write the whole mode, such as 0o644")
        return f"0o{digits.lstrip('0') or '0'}"

    def _decimal_mode(self, value: int) -> str:
        mode = f"0o{value:o}"
        if not 0 <= value <= _WHOLE_MODE:
            raise Refused(f"the mode {value} is a decimal number", "write it in octal, such as 0o644")
        if value:
            why = f"the mode {value} has no zero before it, so Ansible takes it for a decimal number, which is {mode}"
            is_octal = not set(str(value)) & set("89")
            self.look(why, f"write 0o{value} if that was meant" if is_octal else "look whether that was meant")
        return mode

    def drop(self, *names: str) -> None:
        """Take parameters that only matter to Ansible."""
        for name in names:
            self.values.pop(name, None)

    def done(self) -> None:
        """Raise Refused when a parameter is left."""
        if self.values:
            name = next(iter(self.values))
            raise Refused(f"the parameter {name} of {self.module} has no counterpart", "see docs/reference/modules.md")

    def words(self, *names: str) -> list[str] | None:
        """Take a command line as its words."""
        value = self.take(*names)
        if value is None:
            return None
        if isinstance(value, list):
            return [str(one) for one in value]
        try:
            return shlex.split(str(value))
        except ValueError as error:
            raise Refused(f"{names[0]} is no command line: {error}", "write its words as a list") from None
