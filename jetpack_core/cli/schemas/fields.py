# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema of a class's fields as they are written in YAML: templates may stand anywhere, text for numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticUserError

from jetpack_core.cli.describe import parameters_of
from jetpack_core.content.fields import ARGV, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic.fields import FieldInfo

    from jetpack_core.cli.describe import ParameterDoc
    from jetpack_core.content.fields import Field

Schema = dict[str, Any]

OPEN: Final = r"\{[{%#]|-----BEGIN AGE"
"""A template, or an encrypted value."""
_BOOLEAN: Final = r"^([Tt]rue|TRUE|[Ff]alse|FALSE|[Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF|[yntf01])$"
_NUMBER: Final = r"^[-+]?[0-9][0-9_]*(\.[0-9]+)?$"
_LIMITS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_SIZES: Final = ("minItems", "maxItems", "minProperties", "maxProperties")


def properties_of(model: type[BaseModel], *, leave_out: Iterable[str] = ()) -> tuple[dict[str, Schema], list[str]]:
    """Return the schemas of a class's fields by every name they go by, and the names that are required."""
    docs = {doc.name: doc for doc in parameters_of(model) if "." not in doc.name}
    fields = fields_of(model).by_name
    found: dict[str, Schema] = {}
    for name, field in fields.items():
        if field.name not in leave_out:
            info = model.model_fields[field.name]
            schema = _with_text(_of_field(info, field), docs.get(_written(field, docs)))
            found[name] = schema if name == field.shown else {**schema, **_other_name(field.shown)}
    required = [
        field.shown
        for field in dict.fromkeys(fields.values())
        if field.required and sum(one is field for one in fields.values()) == 1
    ]
    return found, sorted(required)


def _written(field: Field, docs: Mapping[str, ParameterDoc]) -> str:
    return field.shown if field.shown in docs else field.name


def _other_name(shown: str) -> Schema:
    text = f"Another name of `{shown}`."
    return {"description": text, "markdownDescription": text}


def _with_text(schema: Schema, doc: ParameterDoc | None) -> Schema:
    """Add what a field means and what it is when it is not given."""
    if doc is None:
        return schema
    notes = [doc.description or doc.name, f"({doc.type})" if doc.type else ""]
    if doc.default:
        notes.append(f"Default: `{doc.default}`.")
    if doc.required:
        notes.append("Required.")
    return {**schema, **described(" ".join(filter(None, notes)))}


def described(text: str) -> Schema:
    """Return the keys of a schema that explain it."""
    return {"description": text.replace("`", ""), "markdownDescription": text}


def _of_field(info: FieldInfo, field: Field) -> Schema:
    annotation: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    try:
        schema = TypeAdapter(annotation, config={"arbitrary_types_allowed": True}).json_schema()
    except PydanticUserError:
        return {}
    loose = loosened(schema, schema.get("$defs", {}))
    if field.reading.style == ARGV and "pattern" in loose:
        # A whole command is split into words.
        loose = {key: value for key, value in loose.items() if key != "pattern"}
    nested = field.reading.model
    if nested is not None:
        properties, required = properties_of(nested)
        loose = {**_mapping(properties, required), "type": ["object", "string", "null"], "pattern": OPEN}
    return loose


def _mapping(properties: Mapping[str, Schema], required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def loosened(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Return a schema that also takes a template, nothing at all, and what YAML makes of text without quotes."""
    if "$ref" in schema:
        return loosened(definitions.get(schema["$ref"].rpartition("/")[2], {}), definitions)
    if "anyOf" in schema:
        return _union([loosened(one, definitions) for one in schema["anyOf"] if one.get("type") != "null"])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return {"anyOf": [{"enum": values}, {"type": ["string", "null"], "pattern": OPEN}]}
    return _of_type(schema, definitions)


def _of_type(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    match schema.get("type"):
        case "string":
            found: Schema = {"type": ["string", "number", "boolean", "null"]}
            pattern = schema.get("pattern")
            return {**found, "pattern": f"{pattern}|{OPEN}"} if pattern else found
        case "integer" | "number" as kind:
            limits: Schema = {key: schema[key] for key in _LIMITS if key in schema}
            return {"type": [kind, "string", "null"], "pattern": f"{_NUMBER}|{OPEN}", **limits}
        case "boolean":
            return {"type": ["boolean", "string", "integer", "null"], "pattern": f"{_BOOLEAN}|{OPEN}"}
        case "array":
            items = loosened(schema["items"], definitions) if isinstance(schema.get("items"), dict) else {}
            # Many lists take a single text for a list of one.
            return {"type": ["array", "string", "null"], "items": items, **_kept(schema)}
        case "object":
            values = schema.get("additionalProperties")
            found = {"type": ["object", "string", "null"], "pattern": OPEN, **_kept(schema)}
            return (
                {**found, "additionalProperties": loosened(values, definitions)} if isinstance(values, dict) else found
            )
    return {}


def _kept(schema: Schema) -> Schema:
    return {key: schema[key] for key in _SIZES if key in schema}


def _union(alternatives: list[Schema]) -> Schema:
    if not all(alternatives):
        return {}
    unique = [one for number, one in enumerate(alternatives) if one not in alternatives[:number]]
    return unique[0] if len(unique) == 1 else {"anyOf": unique}
