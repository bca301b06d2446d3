"""The form of a script's arguments: what it shows, what was typed into it, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from scripts_app.forms import Field, decode, fields, sound
from scripts_app.forms.kinds import resource_type
from vault.models import Resource
from vault.sealing import seal_argument
from workspaces.jsontext import BadJson, clean
from workspaces.principal import Principal

JSON_NAME = "args_json"
MAX_RESOURCES = 500
MAX_JSON = 8 * 1024 * 1024
_TYPED_KINDS = frozenset({"text", "password", "code", "email", "url", "number", "date", "datetime", "time", "json"})


@dataclass(frozen=True)
class Given:
    """Arguments somebody entered; `errors` by path, "" for the whole."""

    values: dict[str, Any]
    errors: dict[str, str]
    post: Mapping[str, str]


def read_given(schema: Mapping[str, Any], post: Any, files: Any = None) -> Given:
    """What was posted, from the form's fields or from its JSON view."""
    if JSON_NAME not in post:
        values, errors = decode(sound(schema), post, files)
        return Given(values, errors, post)
    text = post[JSON_NAME].strip() or "{}"
    try:
        value = clean(text, max_bytes=MAX_JSON)[1]
    except BadJson as error:
        return Given({}, {"": f"{error}"}, post)
    if not isinstance(value, dict):
        return Given({}, {"": _('The arguments must be one JSON object, like {"name": "Ana"}.')}, post)
    return Given(value, {}, post)


def form_fields(
    schema: Mapping[str, Any], values: Mapping[str, Any], by: Principal, *, given: Given | None = None
) -> list[Field]:
    """The fields to draw; `given` shows again what was typed where it did not fit."""
    errors, schema = given.errors if given else {}, sound(schema)
    found = fields(schema, values, errors, resources=resource_paths(schema, by))
    return _as_typed(found, given.post) if given and errors else found


def kept_values(before: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """What the person entered themselves: a value that is still the default of `before` follows the new default."""
    properties = sound(before).get("properties") or {}
    return {
        name: value
        for name, value in given.values.items()
        if name not in properties or value != properties[name].get("default")
    }


def as_json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False)


def example(schema: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the JSON view starts: what is given, else each argument's default."""
    properties = sound(schema).get("properties") or {}
    return {name: values.get(name, prop.get("default")) for name, prop in properties.items()} | dict(values)


def sealed(schema: Mapping[str, Any], values: Mapping[str, Any], *, workspace_id: str, email: str) -> dict[str, Any]:
    """`values` with password fields sealed for jobs that run as `email`: rows never hold them plain."""

    def seal(text: str) -> str:
        return f"$encrypted:{seal_argument(workspace_id, email, text)}"

    return _with_passwords(schema, values, seal)


def without_passwords(schema: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with password fields emptied: what a draft keeps."""
    return _with_passwords(schema, values, lambda text: "")


def _with_passwords(schema: Mapping[str, Any], values: Any, change: Callable[[str], str]) -> Any:
    if isinstance(values, list):
        items = schema.get("items")
        return [_with_passwords(items, each, change) for each in values] if isinstance(items, Mapping) else values
    if isinstance(values, Mapping):
        properties = schema.get("properties") or {}
        return {name: _with_passwords(properties.get(name) or {}, each, change) for name, each in values.items()}
    is_password = schema.get("password") or schema.get("format") == "password"
    is_plain = isinstance(values, str) and values != "" and not values.startswith("$")
    return change(values) if is_password and is_plain else values


def resource_paths(schema: Mapping[str, Any], by: Principal) -> dict[str, Sequence[str]]:
    """The resources `by` may choose, by type, for the types the schema asks for."""
    wanted = _types_in(schema)
    if not wanted:
        return {}
    found: dict[str, list[str]] = {name: [] for name in wanted}
    rows = Resource.objects.visible_to(by).filter(resource_type__in=wanted).order_by("path")
    for name, path in rows.values_list("resource_type", "path")[:MAX_RESOURCES]:
        found[name].append(path)
    return {name: paths for name, paths in found.items() if paths}


def _types_in(schema: Any) -> set[str]:
    if not isinstance(schema, Mapping):
        return set()
    own = resource_type(schema)
    found = {own} if own else set()
    for inner in (*(schema.get("properties") or {}).values(), schema.get("items")):
        found |= _types_in(inner)
    return found


def _as_typed(shown: Sequence[Field], post: Mapping[str, str]) -> list[Field]:
    return [_typed(field, post) for field in shown]


def _typed(field: Field, post: Mapping[str, str]) -> Field:
    children = tuple(_as_typed(field.children, post))
    if field.error and field.kind in _TYPED_KINDS and field.name in post:
        return replace(field, value=post[field.name], children=children)
    return replace(field, children=children)
