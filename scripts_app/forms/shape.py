"""What of a schema a form can be made of. Pure.

A schema is whatever a client deployed or typed: a page made of it must not fail on `"properties": 5`.
"""

from collections.abc import Callable, Mapping
from typing import Any

MAX_DEPTH = 20


def sound(schema: object) -> dict[str, Any]:
    """`schema` without the keywords whose values are no such thing, however deep; {} for what is no object.

    >>> sound({"properties": {"a": {"enum": 5, "type": "string"}, "b": None}, "required": "a"})
    {'properties': {'a': {'type': 'string'}, 'b': {}}}
    """
    return _sound(schema, 0)


def _sound(schema: object, depth: int) -> dict[str, Any]:
    if not isinstance(schema, Mapping):
        return {}
    kept = {key: value for key, value in schema.items() if key not in _FITS or _FITS[key](value)}
    if depth >= MAX_DEPTH:  # what lies deeper is typed as JSON
        return {key: value for key, value in kept.items() if key not in ("properties", "items")}
    if "properties" in kept:
        kept["properties"] = {key: _sound(member, depth + 1) for key, member in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = _sound(kept["items"], depth + 1)
    return kept


def _is(*kinds: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds)


def _is_list_of(*kinds: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(each, kinds) for each in value)


_FITS: dict[str, Callable[[object], bool]] = {
    "properties": _is(dict),
    "items": _is(dict),
    "enumLabels": _is(dict),
    "required": _is_list_of(str),
    "order": _is_list_of(str),
    "enum": _is_list_of(str, int, float, bool, type(None)),
    "minRows": _is(int),
    "pattern": _is(str),
    "format": _is(str),
}
