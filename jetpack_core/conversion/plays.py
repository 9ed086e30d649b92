# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence
from jetpack_core.conversion import keywords
from jetpack_core.conversion.arguments import plain
from jetpack_core.conversion.keywords import Inherited
from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.origin import comments_above, origin_of
from jetpack_core.conversion.tasks import Block, TaskLists
from jetpack_core.conversion.variables import Variables
from jetpack_core.conversion.writing import Flow, Tagged, item_lines, lines_of

if TYPE_CHECKING:
    from pathlib import Path

    from jetpack_core.conversion.desk import Desk

_ODD_PATTERN: Final = re.compile(r"[!&*?\[\]~]")
_KNOWN: Final = frozenset(
    [
        "name",
        "hosts",
        "gather_facts",
        "gather_subset",
        "gather_timeout",
        "fact_path",
        "roles",
        "tasks",
        "pre_tasks",
        "post_tasks",
        "handlers",
        "vars",
        "vars_files",
        "vars_prompt",
        "become",
        "become_user",
        "become_method",
        "remote_user",
        "port",
        "serial",
        "max_fail_percentage",
        "any_errors_fatal",
        "strategy",
        "tags",
        "environment",
        "connection",
        "collections",
        "force_handlers",
        "order",
        "no_log",
        "ignore_errors",
        "ignore_unreachable",
        "check_mode",
        "diff",
        "debugger",
        "run_once",
        "module_defaults",
        "become_flags",
    ]
)
_DROPPED: Final = {
    "collections": "names are short here anyway",
    "force_handlers": "the handlers of a host that failed do not run",
    "gather_subset": "all facts are gathered in one round trip",
    "order": "hosts run in the order of the inventory",
    "no_log": "keep secrets with `jetpack secrets`",
    "check_mode": "call jetpack plan",
    "ignore_unreachable": "a host that cannot be reached leaves the run",
}


@dataclass
class _Stage:
    """One play of the result."""

    suffix: str = ""
    roles: list[str] = field(default_factory=list)
    tasks: list[Block] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)


class Playbooks:
    """Converts playbooks.

    :param known_roles: the roles of the project.
    """

    def __init__(self, desk: Desk, known_roles: frozenset[str] | None) -> None:
        self._desk = desk
        self._known_roles = known_roles
        self._chain: list[Path] = []

    def convert(self, root: Sequence, path: Path) -> str:
        """Return the text of a playbook."""
        self._chain.append(path.resolve())
        plays = [line for node in root.items for line in [*self._entry(node, path), ""]]
        self._chain.pop()
        head = comments_above(root.source, 1)
        return "\n".join([*head, *plays]).rstrip() + "\n"

    def _entry(self, node: Node, path: Path) -> list[str]:
        tasks = TaskLists(self._desk, path.parent, path.parent)
        try:
            if not isinstance(node, Mapping):
                raise Refused(f"a play is a mapping, not {node.noun}", "begin it with `- name:`")
            imported = node.get("import_playbook") or node.get("ansible.builtin.import_playbook")
            if imported is not None:
                return self._imported(node, imported, path)
            if node.get("hosts") is None:
                raise Refused("a play without `hosts`", "say which groups it is for")
            return self._play(node, tasks)
        except Refused as refusal:
            return tasks.refused(node, refusal, _title(node)).lines

    def _imported(self, node: Mapping, imported: Node, path: Path) -> list[str]:
        if not isinstance(imported, Scalar) or "{{" in imported.text:
            raise Refused("a playbook whose name is a template", "name it")
        if node.get("when") is not None or node.get("vars") is not None:
            raise Refused("a playbook that is imported with conditions or variables", "write them into its plays")
        other = path.parent / imported.text
        root = self._desk.read(other) if other.is_file() else None
        if not isinstance(root, Sequence) or other.resolve() in self._chain:
            raise Refused(f"the playbook {imported.text} is not there", "correct its name")
        if other.parent.resolve() != path.parent.resolve():
            why = f"the plays of {imported.text} stand in this file now, and look for their files beside it"
            self._desk.ledger.look(node.position, "import_playbook", why, "move the files")
        return [f"# from {imported.text}", *self.convert(root, other).splitlines()]

    def _play(self, node: Mapping, lists: TaskLists) -> list[str]:
        desk = self._desk
        given = {key.text: value for key, value in node.pairs}
        keys = {name: plain(value) for name, value in given.items() if name not in _STRUCTURE}
        for name in given:
            if name not in _KNOWN:
                raise Refused(f"the keyword `{name}` of a play", "see the keywords of plays in the documentation")
            if name in _DROPPED:
                desk.ledger.look(node.position, _title(node), f"`{name}` was left out", _DROPPED[name])
        own = given.get("vars")
        for key, _ in own.pairs if isinstance(own, Mapping) else []:
            if key.text in desk.facts:
                why = f"what is set later does not beat {key.text!r} in the `vars` of a play"
                desk.ledger.look(key.position, _title(node), why, "write it under `defaults:`")
        variables = Variables(desk)
        variables.add(given.get("vars"), replaces=True)
        head = self._head(node, keys)
        around = self._around(keys)
        stages = self._stages(given, keys, lists, around, variables)
        lines = comments_above(node.source, node.position.line)
        name = str(keys.get("name") or f"play for {keys['hosts']}")
        for stage in stages:
            lines += [*self._written(stage, name, head, variables), ""]
        return lines[:-1]

    def _around(self, keys: dict[str, object]) -> Inherited:
        becomes = keywords.truth(keys.get("become", False))
        sudo = str(keys.get("become_user") or "root") if becomes else None
        tags = [part.strip() for one in keywords.as_list(keys.get("tags")) for part in str(one).split(",")]
        inner = {"environment": keys.get("environment"), "tags": tags}
        found = keywords.inherit(Inherited(rewriter=self._desk.rewriter), inner)
        return Inherited(
            rewriter=found.rewriter,
            play_sudo=sudo,
            tags=found.tags,
            env=found.env,
            ignore_errors=keywords.truth(keys.get("ignore_errors", False)),
            run_once=keywords.truth(keys.get("run_once", False)),
        )

    def _head(self, node: Mapping, keys: dict[str, object]) -> dict[str, object]:
        """Return the keywords of the play."""
        ledger, what = self._desk.ledger, _title(node)
        head: dict[str, object] = {"groups": self._groups(node, keys)}
        if keywords.truth(keys.get("become", False)):
            head["sudo"] = self._desk.rewriter.template(str(keys.get("become_user") or "root"))
        head |= _sudo_template(keys.get("become_method"))
        head |= {new: keys[old] for old, new in (("remote_user", "ssh_user"), ("port", "ssh_port")) if old in keys}
        serial = keys.get("serial")
        if isinstance(serial, list):
            ledger.left(node.position, what, f"batches of several sizes: {serial}", "say one `batch_size:`")
        elif serial is not None:
            head["batch_size"] = serial
        if "max_fail_percentage" in keys:
            head["max_failures"] = f"{keys['max_fail_percentage']}%"
            why = "`max_failures` stops when it is reached, and `max_fail_percentage` when it is passed"
            ledger.look(node.position, what, why, "raise it by one")
        if keywords.truth(keys.get("any_errors_fatal", False)):
            head["max_failures"] = 1
        head |= _strategy(keys)
        if keys.get("connection") == "local":
            ledger.look(node.position, what, "`connection: local` was left out", "call jetpack local")
        if "vars_prompt" in keys:
            ledger.left(node.position, what, "nobody is asked for variables", "call jetpack with -e NAME=VALUE")
        head |= self._vars_files(node, keys)
        return head

    def _vars_files(self, node: Mapping, keys: dict[str, object]) -> dict[str, object]:
        given = keywords.as_list(keys.get("vars_files"))
        files = [one for one in given if isinstance(one, str) and "{{" not in one]
        if len(files) != len(given):
            why = "`vars_files` with templates or alternatives"
            self._desk.ledger.left(node.position, _title(node), why, "name one file")
        return {"vars_files": files} if files else {}

    def _groups(self, node: Mapping, keys: dict[str, object]) -> object:
        names = [
            part.strip() for one in keywords.as_list(keys["hosts"]) for part in re.split(r"[:,]", str(one)) if part
        ]
        names = [name for name in names if name]
        if any("{{" in str(one) for one in keywords.as_list(keys["hosts"])):
            return [self._desk.rewriter.template(str(one)) for one in keywords.as_list(keys["hosts"])]
        if names == ["*"]:
            return Flow(["all"])
        if names in (["localhost"], ["127.0.0.1"]):
            why = "the play is for the control machine"
            self._desk.ledger.look(
                node.position, _title(node), why, "call jetpack local, which runs it on this machine"
            )
            return Flow(["all"])
        for name in names:
            if _ODD_PATTERN.search(name):
                why = f"the pattern {keys['hosts']} is no list of groups"
                raise Refused(why, "make a group for it in the inventory, or use --limit-hosts and --limit-groups")
        return Flow(names)

    def _stages(
        self,
        given: dict[str, Node],
        keys: dict[str, object],
        lists: TaskLists,
        around: Inherited,
        variables: Variables,
    ) -> list[_Stage]:
        roles = self._roles(given.get("roles"), lists, around)
        first: list[Block] = []
        if keywords.truth(keys.get("gather_facts", True)):
            first.append(Block(["- !facts", *lines_of(self._desk.for_all_tags(), 2)]))
        sets = variables.sets()
        first += [Block(sets)] if sets else []
        first += lists.convert(given.get("pre_tasks"), around)
        main = lists.convert(given.get("tasks"), around)
        last = lists.convert(given.get("post_tasks"), around)
        handlers = TaskLists(self._desk, lists.folder, lists.tasks, handlers=True)
        # Tags choose among tasks; a handler runs whenever it is notified.
        own = _joined(handlers.convert(given.get("handlers"), Inherited(around.rewriter, play_sudo=around.play_sudo)))
        if not roles:
            first, main = [], [*first, *main]
        stages = [_Stage(", at first", tasks=first)] if any(block.is_task for block in first) else []
        if stages and not any("notify" in line for block in first for line in block.lines):
            stages[0].handlers = []
        elif stages:
            stages[0].handlers = own
        if last and not roles and not own:
            main, last = [*main, *last], []
        stages.append(_Stage("", roles, main, own))
        if last:
            stages.append(_Stage(", at last", tasks=last, handlers=own))
        return stages

    def _roles(self, node: Node | None, lists: TaskLists, around: Inherited) -> list[str]:
        lines: list[str] = []
        for item in node.items if isinstance(node, Sequence) else []:
            try:
                lines += origin_of(item).comments
                lines += item_lines(invocation(item, around), 0)
                self._check_role(item)
            except Refused as refusal:
                lines += lists.refused(item, refusal, "role").lines
        return lines

    def _check_role(self, item: Node) -> None:
        name = plain(item)
        name = name.get("role", name.get("name")) if isinstance(name, dict) else name
        if self._known_roles is not None and name not in self._known_roles:
            why = f"the role {name} is not in the project"
            self._desk.ledger.left(item.position, "role", why, "convert it as well, and put it into roles/")

    def _written(self, stage: _Stage, name: str, head: dict[str, object], variables: Variables) -> list[str]:
        lines = item_lines({"name": name + stage.suffix, **head}, 0)
        for key, content in (
            ("vars", variables.lines()),
            ("roles", stage.roles),
            ("tasks", _joined(stage.tasks)),
            ("handlers", stage.handlers),
        ):
            if content:
                is_empty = all(not line or line.startswith("#") for line in content)
                lines.append(f"  {key}:" + (" []" if is_empty else ""))
                lines += [f"    {line}" if line else "" for line in content]
        return lines


_STRUCTURE: Final = frozenset({"tasks", "pre_tasks", "post_tasks", "handlers", "roles", "vars"})


def _sudo_template(method: object) -> dict[str, object]:
    if method in {None, "sudo"}:
        return {}
    if method != "doas":
        raise Refused(f"`become_method: {method}`", "say `sudo_template:`")
    return {"sudo_template": "doas -u {{ jet_sudo_user }} {{ jet_command }}"}


def _strategy(keys: dict[str, object]) -> dict[str, object]:
    strategy = str(keys.get("strategy") or "linear").rpartition(".")[2]
    if strategy not in {"linear", "free"}:
        raise Refused(f"`strategy: {strategy}`", "say linear or free")
    return {"strategy": "free"} if strategy == "free" else {}


def _joined(blocks: list[Block]) -> list[str]:
    return [line for block in blocks for line in block.lines]


def _title(node: Node) -> str:
    name = node.get("name") if isinstance(node, Mapping) else None
    return f"play {name.text!r}" if isinstance(name, Scalar) and name.text else "play"


def invocation(node: Node, around: Inherited) -> dict[str, object]:
    """Return how a role is invoked. Raises Refused."""
    given = plain(node)
    if isinstance(given, str):
        given = {"role": given}
    if not isinstance(given, dict):
        raise Refused(f"a role is a name or a mapping, not {node.noun}", "write `- role: NAME`")
    name = given.pop("role", given.pop("name", None))
    if not isinstance(name, str) or "{{" in name:
        raise Refused("a role whose name is a template", "name it")
    if "when" in given:
        raise Refused(
            f"the role {name} with a condition",
            "write a play for the hosts that it is for, or the condition at its tasks",
        )
    if "become" in given and keywords.truth(given.pop("become")) != (around.play_sudo is not None):
        raise Refused(f"the role {name} with a `become` of its own", "give it a play of its own")
    if given.pop("become_user", around.play_sudo or "root") != (around.play_sudo or "root"):
        raise Refused(f"the role {name} with a `become_user` of its own", "give it a play of its own")
    tags = [
        *around.tags,
        *(part.strip() for one in keywords.as_list(given.pop("tags", None)) for part in str(one).split(",")),
    ]
    values = given.pop("vars", None) or {}
    made: dict[str, object] = {"role": name}
    variables = {**(values if isinstance(values, dict) else {}), **given}
    for key in keywords.TASK_KEYS & set(given):
        raise Refused(f"the role {name} with the keyword `{key}`", "give it a play of its own")
    if any("{{" in line for line in lines_of(variables)):
        raise Refused(f"the role {name} with variables that are templates", "compute them with !set before the role")
    # Lists and maps would be joined with those of the role.
    shown = {key: Tagged("!replace", one) if isinstance(one, list | dict) else one for key, one in variables.items()}
    made |= {"vars": shown} if shown else {}
    return made | ({"tags": Flow(tags)} if tags else {})
