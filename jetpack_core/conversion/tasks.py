# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of tasks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence
from jetpack_core.conversion import keywords, loops
from jetpack_core.conversion.arguments import Arguments, pairs_of, plain, split_pairs
from jetpack_core.conversion.keywords import Inherited
from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.made import PLUGINS, Made
from jetpack_core.conversion.modules import converter
from jetpack_core.conversion.origin import comments_above, origin_of
from jetpack_core.conversion.writing import comment, lines_of

if TYPE_CHECKING:
    from jetpack_core.conversion.desk import Desk

_INCLUDES: Final = frozenset({"include_tasks", "import_tasks", "include"})
_FREE: Final = frozenset({"command", "shell", "script", "raw"})
_LIMIT: Final = 30
"""Includes within one another."""


@dataclass
class Block:
    """Lines of a list of tasks."""

    lines: list[str]
    file: str = ""
    """The included file they come from; empty for the list itself."""
    is_task: bool = True
    """Whether there is more than comments."""


@dataclass
class TaskLists:
    """Converts the task lists of one playbook or role.

    :param folder: where sources are, in `files` and `templates`, or as such.
    :param tasks: where included files are.
    """

    desk: Desk
    folder: Path
    tasks: Path
    handlers: bool = False
    _chain: list[Path] = field(default_factory=list)

    def convert(self, node: Node | None, around: Inherited) -> list[Block]:
        """Convert a list of tasks."""
        if node is None or (isinstance(node, Scalar) and node.empty):
            return []
        if not isinstance(node, Sequence):
            self.desk.ledger.left(node.position, "tasks", f"a list is needed, not {node.noun}", "write `- ` tasks")
            return [Block(comment(f"Not converted: a list is needed, not {node.noun}", 0), is_task=False)]
        return [block for item in node.items for block in self._item(item, around)]

    def _item(self, node: Node, around: Inherited) -> list[Block]:
        try:
            if not isinstance(node, Mapping):
                raise Refused(f"a task is a mapping, not {node.noun}", "write a module with its parameters")
            return self._task(node, around)
        except Refused as refusal:
            return [self.refused(node, refusal)]

    def refused(self, node: Node, refusal: Refused, what: str = "") -> Block:
        """Return a comment that holds what cannot be converted, and note it."""
        what = what or _title(node)
        self.desk.ledger.left(node.position, what, refusal.why, refusal.instead)
        lines = comment(f"NOT CONVERTED: {refusal.why}", 0)
        lines += comment(f"  instead: {refusal.instead}", 0) if refusal.instead else []
        origin = origin_of(node)
        above = comments_above(node.source, node.position.line)
        return Block([*above, *lines, *comment(origin.text, 0)], is_task=False)

    def _task(self, node: Mapping, around: Inherited) -> list[Block]:
        inner = {key: value for key, value in pairs_of(node) if key in keywords.TASK_KEYS or key.startswith("with_")}
        if "block" in inner:
            return self._block(node, around)
        module, arguments = _module(node)
        keys = {key: plain(value) for key, value in inner.items()}
        if "local_action" in keys:
            keys["delegate_to"] = "localhost"
        short = module.rpartition(".")[2]
        if short in _INCLUDES:
            return self._include(module, arguments, keys, around)
        if short == "meta" and plain(arguments) == "noop":
            return []
        return self._module(node, module, arguments, keys, around)

    def _block(self, node: Mapping, around: Inherited) -> list[Block]:
        for key in ("rescue", "always"):
            if node.get(key) is not None:
                hint = "write `and: ignore_errors` with `save`, and a condition for what comes then"
                raise Refused(f"a block with `{key}`", hint)
        if loops.loop_key(list(node.keys())):
            raise Refused("a loop over a block", "write the loop at each task")
        keys = {key: plain(value) for key, value in pairs_of(node) if key != "block"}
        inner = keywords.inherit(around, keys)
        blocks = self.convert(node.get("block"), inner)
        above = comments_above(node.source, node.position.line)
        name = [f"# {keys['name']}"] if keys.get("name") else []
        if blocks and (above or name):
            blocks[0].lines[:0] = [*above, *name]
        return blocks

    def _include(self, module: str, arguments: Node, keys: dict[str, object], around: Inherited) -> list[Block]:
        given = plain(arguments)
        name = given.get("file", given.get("_raw_params")) if isinstance(given, dict) else given
        pairs, text = split_pairs(str(name or ""))
        if loops.loop_key(list(keys)):
            raise Refused(f"a loop over {module}", "write the loop at each task of the file")
        if "{{" in text:
            raise Refused(f"{module} of a file whose name is a template", "name the files one by one, with conditions")
        values = keys.get("vars")
        keys["vars"] = {**(values if isinstance(values, dict) else {}), **pairs}
        path = next((one for one in (self.tasks / text, self.folder / text) if one.is_file()), None)
        if path is None:
            raise Refused(f"the file {text} is not there", "correct its name")
        if len(self._chain) >= _LIMIT or path.resolve() in self._chain:
            raise Refused(f"the file {text} includes itself", "write a loop")
        root = self.desk.read(path)
        if root is None:
            raise Refused(f"the file {text} cannot be read", "correct it")
        self.desk.used.add(path.resolve())
        self._chain.append(path.resolve())
        try:
            blocks = self.convert(root, keywords.inherit(around, keys))
        finally:
            self._chain.pop()
        for block in blocks:
            block.file = block.file or path.stem
        return blocks

    def _module(
        self, node: Mapping, module: str, arguments: Node, keys: dict[str, object], around: Inherited
    ) -> list[Block]:
        convert = converter(module)
        around, looped = _looped(around, keys)
        around = keywords.inherit(around, keys)
        register = str(keys.get("register") or "")
        given = self._arguments(module, arguments, keys, around, register)
        all_made = convert(given)
        notes = list(given.notes)
        for made in all_made:
            if looped is not None:
                made.before["items"] = looped
            notes += keywords.attach(made, around, keys, register)
        self._finish(all_made, keys, around, notes)
        self.desk.plugins |= {PLUGINS[made.tag] for made in all_made if made.tag in PLUGINS}
        for why, instead in dict.fromkeys(notes):
            self.desk.ledger.look(node.position, _title(node), why, instead)
        return [self._written(node, all_made, keys)]

    def _arguments(
        self, module: str, node: Node, keys: dict[str, object], around: Inherited, register: str
    ) -> Arguments:
        short, values, free = module.rpartition(".")[2], plain(node), ""
        extra = keys.get("args")
        if isinstance(values, str):
            free = values
            values = {}
            if short not in _FREE:
                values, free = split_pairs(free)
                if free:
                    raise Refused(f"{free!r} is no parameter", "write `name: value`")
        elif values is not None and not isinstance(values, dict):
            raise Refused(f"the parameters of {module} are no map", "write `name: value`")
        merged = {**(values or {}), **(extra if isinstance(extra, dict) else {})}
        return Arguments(short, merged, free, around.rewriter, self.find, register)

    def _finish(
        self, all_made: list[Made], keys: dict[str, object], around: Inherited, notes: list[tuple[str, str]]
    ) -> None:
        notify = [around.rewriter.template(str(one)) for one in keywords.as_list(keys.get("notify"))]
        if notify:
            all_made[-1].after["notify"] = notify[0] if len(notify) == 1 else notify
        self.desk.notified.update(notify)
        if "always" in around.tags:
            notes.append(("the tag `always` has no meaning of its own", "call jetpack with --tags always,OTHER"))
        control = keys.get("loop_control")
        if isinstance(control, dict) and control.get("pause"):
            notes.append(("the `pause` of a loop was left out", "write the tasks one by one, with !pause between"))
        if keys.get("no_log"):
            notes.append(("`no_log` hides what is no secret for Jetpack", "keep secrets with `jetpack secrets`"))
        if keys.get("any_errors_fatal"):
            notes.append(("`any_errors_fatal` of a task", "say `max_failures: 1` in the play"))
        if keys.get("check_mode") is not None:
            notes.append(("`check_mode` of a task", "a command that only reads says `read_only: true`"))

    def _written(self, node: Mapping, all_made: list[Made], keys: dict[str, object]) -> Block:
        lines = list(origin_of(node).comments)
        if not self.handlers:
            return Block(lines + _lines(all_made, keys))
        names = [str(one) for one in keywords.as_list(keys.get("listen"))]
        own = str(keys.get("name") or "")
        # One that nobody calls by its own name answers to what it listens to alone.
        subscribes = [*([own] if own and (not names or own in self.desk.all_notified) else []), *names]
        if not subscribes:
            raise Refused("a handler without a name", "give it a name, and notify that")
        for subscribe in subscribes:
            copies = [replace(made, before={**made.before, "subscribe": subscribe}) for made in all_made]
            lines += _lines(copies, keys)
        if len(subscribes) > 1:
            why = "a handler with several names became several, so it may run more than once"
            self.desk.ledger.look(node.position, _title(node), why, "notify one name only")
        return Block(lines)

    def find(self, kind: str, name: str) -> Path | None:
        """Find a source of the control machine."""
        candidates = (self.folder / kind / name, self.folder / name, self.tasks / name)
        try:
            return next((path for path in candidates if path.exists()), None)
        except (OSError, ValueError):
            return None


def _lines(all_made: list[Made], keys: dict[str, object]) -> list[str]:
    lines: list[str] = []
    for made in all_made:
        content: dict[str, object] = {}
        if keys.get("name") and made is all_made[-1]:
            content["name"] = str(keys["name"])
        content |= made.parameters
        content |= {"with": made.before} if made.before else {}
        content |= {"and": made.after} if made.after else {}
        lines += [f"- !{made.tag}", *lines_of(content, 2)]
    return lines


def _looped(around: Inherited, keys: dict[str, object]) -> tuple[Inherited, object]:
    key = loops.loop_key(list(keys))
    control = keys.get("loop_control")
    control = control if isinstance(control, dict) else {}
    if key is None:
        return around, None
    # The list itself is computed before there is an item.
    found = loops.items(key, keys[key], keywords.inherit(around, {"vars": keys.get("vars")}).rewriter)
    bindings = dict(around.rewriter.bindings)
    if "loop_var" in control:
        bindings[str(control["loop_var"])] = "item"
    if "index_var" in control:
        bindings[str(control["index_var"])] = "item_index"
    return replace(around, rewriter=replace(around.rewriter, bindings=bindings)), found


def _title(node: Node) -> str:
    if not isinstance(node, Mapping):
        return "a task"
    name = node.get("name")
    if isinstance(name, Scalar) and name.text:
        return f"task {name.text!r}"
    known = [key for key in node.keys() if key not in keywords.TASK_KEYS]  # noqa: SIM118 - it is no dict
    if known:
        return f"task {known[0]}"
    return "a block" if node.get("block") is not None else "a task"


def _module(node: Mapping) -> tuple[str, Node]:
    """Return the module of a task and its arguments. Raises Refused."""
    found = [
        (key, value) for key, value in pairs_of(node) if key not in keywords.TASK_KEYS and not key.startswith("with_")
    ]
    if len(found) > 1:
        raise Refused(f"two modules, {found[0][0]} and {found[1][0]}, or an unknown keyword", "write two tasks")
    if found:
        return found[0]
    for key in ("action", "local_action"):
        value = node.get(key)
        if isinstance(value, Scalar):
            module, _, rest = value.text.strip().partition(" ")
            return module, Scalar(value.source, value.mark, None, rest.strip(), plain=False)
        if isinstance(value, Mapping):
            name = value.get("module")
            if isinstance(name, Scalar):
                value.pairs = [(one, inner) for one, inner in value.pairs if one.text != "module"]
                return name.text, value
    raise Refused("no module", "name what is to be done")
