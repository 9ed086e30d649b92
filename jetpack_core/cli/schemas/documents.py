# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON Schemas, draft 7, of playbooks, roles, files of tasks, inventories and the project file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jetpack_core.cli.describe import describe
from jetpack_core.cli.schemas.fields import OPEN, described, properties_of
from jetpack_core.errors import PluginError
from jetpack_core.registry import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jetpack_core.cli.describe import EntryDoc
    from jetpack_core.registry import Registry

Schema = dict[str, Any]

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_TEXT: Final = {"type": ["string", "number", "boolean"]}
_NAMES: Final = {"type": "array", "items": {"type": ["string", "number"]}}
_VARIABLES: Final = {"type": ["object", "null"]}


def schemas(registry: Registry) -> dict[str, Schema]:
    """Return the schemas by name. Classes that do not load are left out: `jetpack plugins doctor` tells them."""
    tasks = _Tasks(registry)
    return {
        "playbook": _document("Jetpack playbook", {"$ref": "#/definitions/plays"}, {**tasks.definitions(), **_plays()}),
        "tasks": _document("Tasks of a Jetpack role", {"$ref": "#/definitions/tasks"}, tasks.definitions()),
        "role": _document("Jetpack role", _role(), {}),
        "inventory": _document("Group of a Jetpack inventory", _group(), {}),
        "vars": _document("Variables of a Jetpack inventory", _vars(registry), {}),
        "project": _document("Jetpack project", _project(), {}),
    }


def _document(title: str, body: Schema, definitions: Mapping[str, Schema]) -> Schema:
    return {"$schema": DRAFT, "title": title, **body, **({"definitions": dict(definitions)} if definitions else {})}


def _object(properties: Mapping[str, Schema], required: list[str] | None = None) -> Schema:
    found: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**found, "required": required} if required else found


def _say(schema: Mapping[str, Any], text: str) -> Schema:
    return {**schema, **described(text)}


class _Tasks:
    """The schemas of tasks: one alternative for each module.

    Language servers do not show a task's tag to the schema. What is explained about a parameter is therefore said of
    every module that has one of this name, the one whose alternative it is first.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._docs = list(_loadable(registry, Kind.MODULE))
        self._fields = {doc.name: properties_of(registry.module(doc.name)) for doc in self._docs}
        self._said: dict[str, dict[str, list[str]]] = {}
        for module, (properties, _) in self._fields.items():
            for name, schema in properties.items():
                text = schema.get("markdownDescription", "")
                self._said.setdefault(name, {}).setdefault(text, []).append(module)

    def definitions(self) -> dict[str, Schema]:
        """Return what schemas of tasks refer to."""
        modules = {f"!{doc.name}": self._module(doc) for doc in self._docs}
        return {
            "tasks": {"type": ["array", "null"], "items": {"$ref": "#/definitions/task"}},
            "task": {
                "anyOf": [
                    *({"$ref": f"#/definitions/{name}"} for name in modules),
                    {"type": "string", "maxLength": 0},
                ],
                "defaultSnippets": [self._snippet(doc) for doc in self._docs],
            },
            **modules,
            "with": self._modifiers("with"),
            "and": self._modifiers("and"),
        }

    def _module(self, doc: EntryDoc) -> Schema:
        properties, required = self._fields[doc.name]
        usual = {
            "name": _say(_TEXT, f"What the task is called in the output. (`!{doc.name}`: {doc.summary})"),
            "with": {"$ref": "#/definitions/with"},
            "and": {"$ref": "#/definitions/and"},
        }
        named = {name: {**schema, **self._explained(name, doc.name)} for name, schema in properties.items()}
        body = _object({**named, **usual}, required)
        # Without quotes these keys are booleans to the language server, which knows such keys by patterns only.
        booleans = {f"^{name}$": named[name] for name in ("true", "false") if name in named}
        body |= {"patternProperties": booleans} if booleans else {}
        return {"title": f"!{doc.name}", **described(doc.summary), **body}

    def _snippet(self, doc: EntryDoc) -> Schema:
        """Return what an editor inserts for a module: its tag and the parameters it needs."""
        _, required = self._fields[doc.name]
        lines = [f"{name}: ${number}" for number, name in enumerate(required, start=1)]
        body = "\n  ".join([f"!{doc.name}", *lines])
        return {"label": f"!{doc.name}", "description": doc.summary, "body": body}

    def _explained(self, parameter: str, module: str) -> Schema:
        """Return what a parameter means to a module, and then what it means to others."""
        said = sorted(self._said[parameter].items(), key=lambda one: module not in one[1])
        parts = [f"{', '.join(f'`!{name}`' for name in modules)}: {text}" for text, modules in said]
        return described("\n\n".join(parts))

    def _modifiers(self, section: str) -> Schema:
        found: dict[str, Schema] = {}
        for doc in _loadable(self._registry, Kind.MODIFIER):
            model = self._registry.modifier(doc.name)
            if model.section == section:
                properties, _ = properties_of(model)
                text = " ".join(filter(None, (doc.summary, doc.description.replace("\n", " "))))
                found[doc.name] = {"title": doc.name, **properties["value"], **described(text)}
        what = "Before the task acts" if section == "with" else "After the task acted"
        return {**_say(_object(found), f"{what}: modifiers of the task."), "type": ["object", "null"]}


def _loadable(registry: Registry, kind: Kind) -> Iterator[EntryDoc]:
    for entry in registry.entries(kind).values():
        try:
            yield describe(registry, entry)
        except PluginError:
            continue


def tags(registry: Registry) -> list[str]:
    """Return the YAML tags of the language, each with the kinds of values it stands before, as editors want them."""
    names = [f"!{doc.name}" for doc in _loadable(registry, Kind.MODULE)]
    found = [f"{name} {kind}" for name in names for kind in ("mapping", "scalar")]
    return [*found, "!age scalar", *(f"!replace {kind}" for kind in ("mapping", "scalar", "sequence"))]


def _plays() -> dict[str, Schema]:
    amount = {"type": ["integer", "string"], "pattern": r"^[0-9]+%?$"}
    invocation = _object(
        {
            "role": _say(_TEXT, "The folder of the role."),
            "vars": _say(_VARIABLES, "Variables of the role's tasks; they beat all but `-e`."),
            "tags": _say(_NAMES, "Added to the tags of the role's tasks."),
        },
        ["role"],
    )
    tasks = {"$ref": "#/definitions/tasks"}
    play = _object(
        {
            "name": _say(_TEXT, "What the play does; shown when it begins."),
            "groups": _say(_NAMES, "The groups whose hosts the play is for; `all` has every host."),
            "roles": {"type": "array", "items": invocation, **described("Roles, run before the tasks.")},
            "tasks": {**tasks, **described("Tasks, one after the other.")},
            "handlers": {
                **tasks,
                **described("Tasks that run at the end, when one that notifies them changed something."),
            },
            "defaults": _say(_VARIABLES, "Variables that everything but role defaults beats."),
            "vars": _say(_VARIABLES, "Variables that beat the inventory and saved results."),
            "vars_files": _say(_NAMES, "Files of variables, relative to the playbook; they beat `vars`."),
            "sudo": _say(_TEXT, "The user to become."),
            "sudo_template": _say(_TEXT, "How to become it: with {{ jet_sudo_user }} and {{ jet_command }} in it."),
            "ssh_user": _say(_TEXT, "The user to log in as."),
            "ssh_port": {"type": "integer", "minimum": 1, "maximum": 65535, **described("The port of SSH.")},
            "batch_size": _say(amount, "How many hosts at once, or a share such as 25%: a rolling update."),
            "max_failures": _say(amount, "Stop the run once so many hosts failed, or a share of them such as 10%."),
            "strategy": {"enum": ["linear", "free"], **described("Whether hosts wait for each other after each task.")},
        },
        ["name", "groups"],
    )
    play["properties"] = {name: {"title": name, **schema} for name, schema in play["properties"].items()}
    return {"plays": {"type": "array", "items": {"$ref": "#/definitions/play"}}, "play": play}


def _role() -> Schema:
    dependency = {
        "anyOf": [
            {"type": "string"},
            _object({"role": _TEXT, "vars": _VARIABLES, "tags": _NAMES}, ["role"]),
        ]
    }
    return _object(
        {
            "name": _say(_TEXT, "What the role is for."),
            "defaults": _say(_VARIABLES, "Variables of the role's tasks that all others beat."),
            "tasks": _say(_NAMES, "Files below `tasks`, in the order they run in."),
            "handlers": _say(_NAMES, "Files below `handlers`."),
            "dependencies": {"type": "array", "items": dependency, **described("Roles that run before this one.")},
        }
    )


def _group() -> Schema:
    return {
        **_object(
            {
                "hosts": _say(
                    {**_NAMES, "type": ["array", "null"]}, "The hosts of the group; web[01:10] stands for ten."
                ),
                "subgroups": _say({**_NAMES, "type": ["array", "null"]}, "Groups whose hosts are in this one as well."),
            }
        ),
        "type": ["object", "null"],
    }


_SETTINGS: Final = {
    "jet_connection": "How the host is reached: `ssh`, `local`, or what a plugin offers.",
    "jet_ssh_hostname": "The name or address to connect to, where it is not the host's name.",
    "jet_ssh_port": "The port of SSH.",
    "jet_ssh_user": "The user to log in as.",
    "jet_ssh_private_key_file": "The private key to log in with.",
    "jet_ssh_private_key_passphrase": "Its passphrase; keep it encrypted.",
    "jet_ssh_key_comment": "The comment of the key to use, of those that the SSH agent has.",
}


def _vars(registry: Registry) -> Schema:
    scalar = {"type": ["string", "number", "boolean"]}
    settings = {name: _say(scalar, text) for name, text in _SETTINGS.items()}
    return {
        "type": ["object", "null"],
        "properties": {**settings, "provision": _provision(registry)},
        "additionalProperties": True,
    }


def _provision(registry: Registry) -> Schema:
    from jetpack_core.provisioning.wish import Wish

    common, _ = properties_of(Wish, leave_out=("type",))
    alternatives: list[Schema] = []
    names: list[str] = []
    for doc in _loadable(registry, Kind.PROVISIONER):
        own, _ = properties_of(registry.provisioner(doc.name))
        names.append(doc.name)
        kind = {"const": doc.name, **described(f"`{doc.name}`: {doc.summary}")}
        # What a host needs may be written in its groups, so nothing is required in one file.
        alternatives.append({"title": doc.name, **_object({"type": kind, **common, **own}, ["type"])})
    loose = {"title": "part of a description", "type": "object", "not": {"required": ["type"]}}
    other = {"type": "object", "properties": {"type": {"type": "string", "pattern": OPEN}}, "required": ["type"]}
    text = "Describes the guest that Jetpack makes of this host; `type` names what makes it."
    return {**described(text), "anyOf": [*alternatives, loose, other]}


def _project() -> Schema:
    from jetpack_core.cli.project import Project
    from jetpack_core.contracts.documentation import field_documentation

    names = {"type": ["string", "array"], "items": {"type": "string"}}
    count = {"type": "integer", "minimum": 1}
    kinds: dict[str, Schema] = {
        **dict.fromkeys(("playbook", "inventory", "secrets_inventory", "roles", "modules", "plugins"), names),
        "user": {"type": "string"},
        "sudo": {"type": "string"},
        **dict.fromkeys(("port", "threads", "batch_size"), count),
        "ask_sudo_password": {"type": "boolean"},
        "forward_agent": {"type": "boolean"},
        "lock_timeout": {"type": ["string", "number"]},
        "extra_vars": {"type": "object"},
    }
    texts = field_documentation(Project)
    properties = {
        name: _say(kinds.get(name, {}), " ".join(texts.get(name, name).split()))
        for name in Project.__dataclass_fields__
        if name != "file"
    }
    return {**_object(properties), "type": ["object", "null"]}
