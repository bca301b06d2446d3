"""Signature → JSON schema of the form, keeping over an older schema what the user customised."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from scripts_app.signatures.types import (
    Arg,
    ArgType,
    DynSelect,
    Json,
    ListOf,
    Object,
    OneOf,
    Prop,
    Resource,
    Scalar,
    ScalarName,
    Signature,
    Text,
    Variant,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Fingerprint of a description that came from a docstring. While it still fits, nobody has rewritten the
# description and it follows the docstring; otherwise it is the user's and stays.
FROM_DOCSTRING = "x-docstring"
DESCRIBING = frozenset({"description", FROM_DOCSTRING})

SCALARS: dict[ScalarName, dict[str, Any]] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "bytes": {"type": "string", "contentEncoding": "base64", "originalType": "bytes"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "email": {"type": "string", "format": "email"},
    "sql": {"type": "string", "format": "sql"},
    "unknown": {"type": ""},
}

# The signature alone decides these; everything else in a property is the user's.
INFERRED = frozenset(
    {"type", "default", "properties", "oneOf", "items", "originalType", "contentEncoding", "enum", "format"}
)
FORMATS_OF_TYPES = frozenset({"date-time", "date", "sql"})


def empty_schema() -> dict[str, Any]:
    """The schema of a script without arguments."""
    return {"$schema": DIALECT, "type": "object", "properties": {}, "required": []}


def schema_of(signature: Signature, prior: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The JSON schema of `signature`; properties come in argument order.

    Over `prior`, an argument whose type is unchanged keeps what the user set (description, limits,
    pattern, format, …), one whose type changed keeps its description, one that is gone is dropped.
    """
    before = prior or {}
    properties_before = _mapping(before.get("properties"))
    properties: dict[str, Any] = {
        arg.name: _argument(arg, _mapping(properties_before.get(arg.name))) for arg in signature.args
    }
    schema = empty_schema() | {
        "properties": properties,
        "required": [arg.name for arg in signature.args if not arg.has_default],
    }
    schema |= {key: value for key, value in before.items() if key not in schema and key not in DESCRIBING}
    schema |= _description(before, signature.description)
    if isinstance(order := before.get("order"), list):
        kept: list[Json] = [name for name in order if isinstance(name, str) and name in properties]
        schema["order"] = kept + [name for name in properties if name not in kept]
    return schema


def _argument(arg: Arg, before: Mapping[str, Any]) -> dict[str, Any]:
    prop = {"description": ""} | type_schema(arg.typ) | {"default": arg.default}
    if before and _same_type(before.get("type"), prop["type"]):
        prop |= {key: value for key, value in before.items() if key not in INFERRED and key not in DESCRIBING}
        _keep_user_choices(prop, before)
    return prop | _description(before, arg.description)


def _description(before: Mapping[str, Any], documented: str) -> dict[str, Any]:
    """The user's own description, else the docstring's, else none."""
    text = before.get("description")
    if isinstance(text, str) and text and before.get(FROM_DOCSTRING) != _fingerprint(text):
        return {"description": text}
    return {"description": documented, FROM_DOCSTRING: _fingerprint(documented)} if documented else {}


def _fingerprint(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _same_type(before: Json, now: Json) -> bool:
    numbers = ("integer", "number")
    return before == now or (before in numbers and now in numbers)


def _keep_user_choices(prop: dict[str, Any], before: Mapping[str, Any]) -> None:
    """Keep a format, enum or item enum the user added where the signature says nothing of it."""
    was_plain_text = before.get("originalType") == "string"
    if "format" not in prop and isinstance(chosen := before.get("format"), str):
        came_from_class = bool(_mapping(before.get("properties")))
        came_from_type = chosen in FORMATS_OF_TYPES and not was_plain_text
        if not came_from_class and not came_from_type:
            prop["format"] = chosen
    if prop.get("originalType") == "string" and was_plain_text and "enum" in before:
        prop["enum"] = before["enum"]
    items, items_before = _mapping(prop.get("items")), _mapping(before.get("items"))
    is_text_list = items.get("type") == "string" and items_before.get("type") == "string"
    if is_text_list and "enum" not in items and "enum" in items_before and before.get("originalType") != "enum[]":
        prop["items"] = {**items, "enum": items_before["enum"]}


def type_schema(typ: ArgType) -> dict[str, Any]:
    """The schema of one type, without description and default."""
    match typ:
        case Scalar(name):
            return dict(SCALARS[name])
        case Text(variants) if variants is None:
            return {"type": "string", "originalType": "string"}
        case Text(variants):
            return {"type": "string", "originalType": "enum", "enum": list(variants or ())}
        case ListOf(item):
            return _list(item)
        case Object(name, props):
            named: dict[str, Any] = {} if name is None else {"format": f"resource-{name}"}
            return {"type": "object"} | named | {"properties": _properties(props)}
        case Resource(name):
            return {"type": "object", "format": f"resource-{name}"}
        case DynSelect(name, multiple):
            return {"type": "object", "format": f"{'dynmultiselect' if multiple else 'dynselect'}-{name}"}
        case OneOf(variants):
            return {"type": "object", "oneOf": [_option(one) for one in variants]}


def _option(variant: Variant) -> dict[str, Any]:
    return {"type": "object", "title": variant.label, "properties": _properties(variant.props)}


def _list(item: ArgType) -> dict[str, Any]:
    match item:
        case Text(None):
            return {"type": "array", "items": {"type": "string"}, "originalType": "string[]"}
        case Text(tuple(variants)):
            return {"type": "array", "items": {"type": "string", "enum": list(variants)}, "originalType": "enum[]"}
        case Scalar("int" | "float"):
            return {"type": "array", "items": {"type": "number"}, "originalType": "number[]"}
        case Object(name, props):
            named: dict[str, Any] = {} if name is None else {"format": f"resource-{name}"}
            known: dict[str, Any] = {"properties": _properties(props)} if props else {}
            return {"type": "array"} | named | {"items": {"type": "object"} | known, "originalType": "record[]"}
        case Resource(name):
            return {"type": "array", "items": {"type": "resource", "resourceType": name}, "originalType": "resource[]"}
        case _:
            return {"type": "array", "items": {"type": "object"}, "originalType": "object[]"}


def _properties(props: tuple[Prop, ...]) -> dict[str, Any]:
    return {prop.key: {"description": ""} | type_schema(prop.typ) for prop in props}


def _mapping(value: Json) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
