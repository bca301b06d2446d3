"""Which control a schema asks for. The first rule that fits wins."""

from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args

type Kind = Literal[
    "text",
    "password",
    "code",
    "email",
    "url",
    "number",
    "boolean",
    "choice",
    "many",
    "list",
    "object",
    "resource",
    "date",
    "datetime",
    "time",
    "file",
    "json",
]
KINDS: frozenset[str] = frozenset(get_args(Kind.__value__))
BY_FORMAT: dict[str, Kind] = {
    "password": "password",
    "date": "date",
    "date-time": "datetime",
    "naive-date-time": "datetime",
    "time": "time",
    "email": "email",
    "uri": "url",
    "sql": "code",
    "yaml": "code",
    "json": "code",
}
RESOURCE = "resource-"


def kind_of(schema: Mapping[str, Any], known_resources: Collection[str] = ()) -> Kind:
    """The control for one value.

    `known_resources` are the resource types that exist: an object named like one is chosen, another one is a form.
    """
    kind = schema.get("type")
    match kind:
        case "number" | "integer":
            return "choice" if schema.get("enum") else "number"
        case "boolean":
            return "boolean"
        case "array":
            return _array(schema)
        case "resource":
            return "resource"
        case "string":
            return _string(schema)
        case "object":
            return _object(schema, known_resources)
        case _:
            return "choice" if schema.get("enum") else "json"


def item_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a list's items; a list of resources may name the type on the list or on the item."""
    items = dict(schema.get("items") or {})
    if items.get("type") == "resource":
        return {"type": "object", "format": RESOURCE + str(items.get("resourceType", ""))}
    if not items.get("properties") and str(schema.get("format", "")).startswith(RESOURCE):
        return {"type": "object", "format": schema["format"]}
    return items


def resource_type(schema: Mapping[str, Any]) -> str | None:
    """`postgresql` of `{"format": "resource-postgresql"}`; None when the schema asks for no resource."""
    written = str(schema.get("format") or "")
    if schema.get("type") == "resource":
        return str(schema.get("resourceType") or written.removeprefix(RESOURCE))
    return written.removeprefix(RESOURCE) if written.startswith(RESOURCE) else None


def _string(schema: Mapping[str, Any]) -> Kind:
    written = str(schema.get("format") or "")
    if schema.get("enum"):
        return "choice"
    if schema.get("password"):
        return "password"
    if schema.get("contentEncoding") == "base64":
        return "file"
    if written.startswith(RESOURCE):
        return "resource"
    return BY_FORMAT.get(written, "text")


def _array(schema: Mapping[str, Any]) -> Kind:
    items = item_schema(schema)
    if items.get("enum") or schema.get("enum"):
        return "many"
    if not items.get("type") or (items["type"] == "object" and kind_of(items) == "json"):
        return "json" if not items.get("type") else "list"
    return "list"


def _object(schema: Mapping[str, Any], known_resources: Collection[str]) -> Kind:
    resource = resource_type(schema)
    if resource and (resource in known_resources or not schema.get("properties")):
        return "resource"
    return "object" if schema.get("properties") else "json"
