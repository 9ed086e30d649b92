# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the documentation of what is registered out of its classes: fields, types, defaults and docstrings."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AliasChoices, BaseModel, TypeAdapter
from pydantic.errors import PydanticUserError

from jetpack_core.contracts.documentation import field_documentation
from jetpack_core.contracts.modifier import Modifier
from jetpack_core.registry import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic.fields import FieldInfo

    from jetpack_core.registry import Registered, Registry

DOCUMENTED: Final = tuple(kind for kind in Kind if kind is not Kind.COMMAND)
"""The kinds that have a page; verbs explain themselves by `--help`."""


@dataclass(frozen=True, slots=True)
class ParameterDoc:
    """One parameter of a module, modifier or provisioner."""

    name: str
    type: str
    required: bool
    default: str
    """As it would be written in YAML; empty where there is none."""
    description: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryDoc:
    """The documentation of one registered thing."""

    kind: str
    name: str
    owner: str
    summary: str
    description: str = ""
    example: str = ""
    usage: str = ""
    """How it is written, where that is not plain from the name."""
    parameters: tuple[ParameterDoc, ...] = ()

    @property
    def listed(self) -> tuple[ParameterDoc, ...]:
        """Return the parameters worth a list; what a modifier has is its value, which `usage` shows."""
        return () if self.kind == Kind.MODIFIER.noun else self.parameters


def describe(registry: Registry, entry: Registered) -> EntryDoc:
    """Load what an entry refers to and read its documentation. Raises PluginError when it does not load."""
    target = registry.load(entry.kind, entry.reference.name)
    summary, description, example = split_docstring(inspect.getdoc(target) or entry.reference.summary)
    return EntryDoc(
        entry.kind.noun,
        entry.reference.name,
        entry.owner,
        summary,
        description,
        example,
        _usage(entry, target),
        parameters_of(target) if isinstance(target, type) and issubclass(target, BaseModel) else (),
    )


def _usage(entry: Registered, target: object) -> str:
    name = entry.reference.name
    if isinstance(target, type) and issubclass(target, Modifier):
        return f"{target.section}: {{ {name}: {_type_name(target.model_fields['value'])} }}"
    if entry.kind in {Kind.FILTER, Kind.TEST} and callable(target):
        arguments = _further_arguments(target)
        return f"value | {name}{arguments}" if entry.kind is Kind.FILTER else f"value is {name}{arguments}"
    return ""


def _further_arguments(function: object) -> str:
    """Return a filter's parameters after the value it is applied to, or nothing."""
    try:
        parameters = list(inspect.signature(function).parameters.values())  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    shown = [str(one.replace(annotation=inspect.Parameter.empty)) for one in parameters[1:]]
    return f"({', '.join(shown)})" if shown else ""


_EXAMPLE: Final = re.compile(r"^Examples?:{1,2}[ ]*\n(?:[ ]*\n)*(?P<body>(?:[ ]+.*\n|[ ]*\n)+)", re.MULTILINE)


def split_docstring(text: str) -> tuple[str, str, str]:
    """Split a docstring into its summary line, its other paragraphs, and the block after `Example::`."""
    found = _EXAMPLE.search(text + "\n")
    example = textwrap.dedent(found["body"]).strip("\n") if found else ""
    prose = (text + "\n").replace(found[0], "") if found else text
    summary, _, description = prose.strip().partition("\n\n")
    return " ".join(summary.split()), description.strip(), example


def parameters_of(model: type[BaseModel], prefix: str = "") -> tuple[ParameterDoc, ...]:
    """Describe the fields of a model: required ones first, then its own, then those it inherits.

    The fields of a nested model follow it, under dotted names.
    """
    found: list[ParameterDoc] = []
    own = model.__annotations__
    texts = field_documentation(model)
    fields = sorted(model.model_fields.items(), key=lambda item: (not item[1].is_required(), item[0] not in own))
    for field, info in fields:
        name = _written_name(field, info)
        found.append(_parameter(f"{prefix}{name}", info, texts.get(field, "")))
        nested = _nested_model(info.annotation)
        if nested is not None:
            found += parameters_of(nested, f"{prefix}{name}.")
    return tuple(found)


def _parameter(name: str, info: FieldInfo, text: str) -> ParameterDoc:
    return ParameterDoc(
        name,
        _type_name(info),
        info.is_required(),
        "" if info.is_required() else _as_yaml(info.get_default(call_default_factory=True, validated_data={})),
        " ".join((info.description or text).split()),
        tuple(alias for alias in _aliases(info) if alias != name.rpartition(".")[2]),
    )


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return ""
    return _as_yaml(info.get_default(call_default_factory=True, validated_data={}))


def _written_name(field: str, info: FieldInfo) -> str:
    """Return a parameter's name in YAML, which an alias is where Python has the word for itself."""
    return info.validation_alias if isinstance(info.validation_alias, str) else field


def _aliases(info: FieldInfo) -> Iterable[str]:
    if isinstance(info.validation_alias, AliasChoices):
        yield from (choice for choice in info.validation_alias.choices if isinstance(choice, str))


def _nested_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation such as `Attributes | None` holds."""
    for one in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


_PLAIN: Final = {
    "string": "text", "boolean": "true or false", "integer": "whole number", "number": "number",
    "array": "list", "object": "map", "null": "null",
}  # fmt: skip
_FORMATS: Final = {
    "expression": "expression",
    "host-path": "path on the host",
    "password": "secret text",
    "path": "path",
    "source-path": "path here",
}


def _type_name(info: FieldInfo) -> str:
    annotation: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    try:
        schema = TypeAdapter(annotation, config={"arbitrary_types_allowed": True}).json_schema()
    except PydanticUserError:
        return getattr(info.annotation, "__name__", "anything")
    return _schema_name(schema, schema.get("$defs", {}))


def _schema_name(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Say in words what a JSON schema allows; null is left out, for it only means that nothing is given."""
    if "$ref" in schema:
        return _schema_name(definitions.get(schema["$ref"].rpartition("/")[2], {}), definitions)
    if "anyOf" in schema:
        names = [_schema_name(one, definitions) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(names))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{_as_yaml(one)}`" for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array" and schema.get("items"):
        return f"list of {_schema_name(schema['items'], definitions)}"
    if str(schema.get("pattern", "")).startswith("^0o"):
        return "file mode"
    return _FORMATS.get(schema.get("format", ""), _PLAIN.get(schema.get("type", ""), "anything"))


def _as_yaml(value: object) -> str:
    """Write a default as YAML in one line; None, which stands for "not given", is empty."""
    match value:
        case None | () | []:
            return ""
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case list() | tuple():
            return f"[{', '.join(_as_yaml(one) for one in value)}]"
        case _:
            return "" if not value or isinstance(value, BaseModel) else str(value)
