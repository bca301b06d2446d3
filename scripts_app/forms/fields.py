"""Schema and values → the fields that templates/ui/schema_form.html draws."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scripts_app.forms import names
from scripts_app.forms.kinds import Kind, item_schema, kind_of, resource_type

MAX_RADIOS = 4
DEEP = 2  # objects below this depth start folded


@dataclass(frozen=True)
class Option:
    """One choice."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Field:
    """One control. `children` are an object's members or a list's rows; `template` is the row that "Add" copies."""

    name: str
    id: str
    key: str
    label: str
    kind: Kind
    type_label: str
    value: Any = ""
    hint: str = ""
    error: str = ""
    required: bool = False
    nullable: bool = False
    disabled: bool = False
    options: tuple[Option, ...] = ()
    children: tuple["Field", ...] = ()
    template: "Field | None" = None
    radios: bool = False
    folded: bool = False
    language: str = ""
    placeholder: str = ""
    pattern: str = ""
    minimum: str = ""
    maximum: str = ""
    step: str = ""
    rows: int = 1
    in_list: bool = False  # a row of a list draws no label of its own

    @property
    def described_by(self) -> str:
        """The ids of hint and error, for aria-describedby."""
        parts = [f"{self.id}-hint" if self.hint else "", f"{self.id}-error" if self.error else ""]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class _Form:
    errors: Mapping[str, str]
    resources: Mapping[str, Sequence[str]]


def fields(
    schema: Mapping[str, Any],
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    *,
    resources: Mapping[str, Sequence[str]] | None = None,
) -> list[Field]:
    """The form of an object schema, in its order.

    `values` are JSON values by argument; an absent one shows the schema's default. `errors` are messages by path
    ("user.email"), as `decode` gives them. `resources` lists the paths a person may choose, by resource type.
    """
    form = _Form(errors or {}, resources or {})
    return _members(form, names.ROOT, schema, values, depth=0)


def _members(form: _Form, name: str, schema: Mapping[str, Any], values: Mapping[str, Any], depth: int) -> list[Field]:
    properties = schema.get("properties") or {}
    order = [key for key in schema.get("order") or () if key in properties]
    required = set(schema.get("required") or ())
    return [
        _field(form, names.child(name, key), key, properties[key], values.get(key, properties[key].get("default")),
               required=key in required, depth=depth)
        for key in dict.fromkeys([*order, *properties])
    ]  # fmt: skip


def _field(
    form: _Form, name: str, key: str, schema: Mapping[str, Any], value: Any, *, required: bool, depth: int
) -> Field:
    kind = _shown_kind(kind_of(schema, form.resources), value)
    return Field(
        name=name,
        id=names.id_of(name),
        key=key,
        label=str(schema.get("title") or key),
        kind=kind,
        type_label=type_label(schema, kind),
        value=_shown(kind, schema, value),
        hint=str(schema.get("description") or ""),
        error=form.errors.get(names.path_of(name), ""),
        required=required,
        nullable=bool(schema.get("nullable")),
        disabled=bool(schema.get("disabled")),
        options=_options(form, kind, schema, value, required=required),
        children=_children(form, name, kind, schema, value, depth),
        template=_template(form, name, kind, schema, depth),
        radios=kind == "choice" and required and len(schema.get("enum") or ()) <= MAX_RADIOS,
        folded=kind == "object" and depth >= DEEP,
        language=_language(kind, schema),
        placeholder=str(schema.get("placeholder") or ""),
        pattern=str(schema.get("pattern") or ""),
        minimum=_number(schema, "min", "minimum"),
        maximum=_number(schema, "max", "maximum"),
        step="1" if schema.get("type") == "integer" else "any",
        rows=max(int(schema.get("minRows") or 1), min(12, str(value or "").count("\n") + 1)),
    )


def _shown_kind(kind: Kind, value: Any) -> Kind:
    """A value that its control cannot hold (from a JSON editor, or kept over a change of type) is shown as JSON."""
    fits = {
        "list": list,
        "many": list,
        "object": dict,
        "boolean": bool,
        "number": (int, float),
        "text": str,
        "resource": str,
        "code": str,
        "email": str,
        "url": str,
        "password": str,
    }.get(kind)
    if kind == "number" and isinstance(value, bool):
        return "json"
    return kind if fits is None or value is None or isinstance(value, fits) else "json"


def _shown(kind: Kind, schema: Mapping[str, Any], value: Any) -> Any:
    match kind:
        case "json":
            return (
                ""
                if value is None and schema.get("type") != "null"
                else json.dumps(value, indent=2, ensure_ascii=False)
            )
        case "boolean":
            return bool(value)
        case "resource":
            return str(value or "").removeprefix("$res:")
        case "datetime":
            return str(value or "").removesuffix("Z")[:19]
        case "list" | "object" | "many" | "choice":
            return ""
        case _:
            return "" if value is None else str(value)


def _options(form: _Form, kind: Kind, schema: Mapping[str, Any], value: Any, *, required: bool) -> tuple[Option, ...]:
    labels = schema.get("enumLabels") or {}
    match kind:
        case "choice":
            choices = list(schema.get("enum") or ())
            chosen = choices[0] if value is None and required and choices else value
            return tuple(Option(_text(one), str(labels.get(one, _text(one))), one == chosen) for one in choices)
        case "many":
            choices = item_schema(schema).get("enum") or schema.get("enum") or ()
            return tuple(Option(_text(one), str(labels.get(one, _text(one))), one in (value or ())) for one in choices)
        case "resource":
            paths = list(form.resources.get(resource_type(schema) or "", ()))
            current = str(value or "").removeprefix("$res:")
            if current and current not in paths:
                paths.insert(0, current)
            return tuple(Option(path, path, path == current) for path in paths)
        case _:
            return ()


def _children(
    form: _Form, name: str, kind: Kind, schema: Mapping[str, Any], value: Any, depth: int
) -> tuple[Field, ...]:
    if kind == "object":
        return tuple(_members(form, name, schema, value or {}, depth + 1))
    if kind == "list":
        return tuple(_row(form, name, str(index), schema, item, depth) for index, item in enumerate(value or ()))
    return ()


def _template(form: _Form, name: str, kind: Kind, schema: Mapping[str, Any], depth: int) -> Field | None:
    if kind != "list":
        return None
    return _row(form, name, "__row__", schema, item_schema(schema).get("default"), depth)


def _row(form: _Form, name: str, key: str, schema: Mapping[str, Any], value: Any, depth: int) -> Field:
    items = item_schema(schema)
    row = _field(form, f"{name}.{key}", key, items, value, required=items.get("type") != "string", depth=depth + 1)
    listed = names.path_of(name).rpartition(".")[2]
    number = str(int(key) + 1) if key.isdigit() else ""
    return replace(row, label=f"{listed} {number}".strip(), in_list=True)


def type_label(schema: Mapping[str, Any], kind: Kind) -> str:
    """How the type reads beside the label: `integer`, `string[]`, `resource postgresql`."""
    resource = resource_type(schema)
    if resource:
        return f"resource {resource}" + ("[]" if schema.get("type") == "array" else "")
    if schema.get("type") == "array":
        return f"{item_schema(schema).get('type') or 'any'}[]"
    if kind in ("date", "email", "file", "time"):
        return kind
    if kind == "datetime":
        return "date-time" if schema.get("format") == "naive-date-time" else "date-time UTC"
    return str(schema.get("type") or "any")


def _language(kind: Kind, schema: Mapping[str, Any]) -> str:
    if kind == "code":
        return str(schema.get("format"))
    return "json" if kind == "json" else ""


def _number(schema: Mapping[str, Any], *keys: str) -> str:
    return next((str(schema[key]) for key in keys if isinstance(schema.get(key), int | float)), "")


def _text(choice: Any) -> str:
    return choice if isinstance(choice, str) else json.dumps(choice)
