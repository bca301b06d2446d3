"""Python default values → JSON, and the type an argument without annotation gets from them."""

import ast
import base64
import math

from scripts_app.signatures.python_types import TypeReader
from scripts_app.signatures.types import UNKNOWN, ArgType, Json, ListOf, Object, Prop, Scalar, Text, clean_text

CALL = "<function call>"  # what the form shows; never passed to the script, whose own default then runs
MAX_DEPTH = 24
MAX_INT_BITS = 4096


class _NotLiteral(Exception):
    """A part of a list or dict is no literal."""


def read_default(expression: ast.expr, reader: TypeReader) -> tuple[Json, bool]:
    """The default as JSON and whether the argument counts as having one.

    A call cannot be shown: it answers the text `<function call>`. Names, subscripts and signed numbers
    count as none, as clients expect. A list or dict with parts that are no literals has a default that
    cannot be shown: null, for which the script's own default runs.
    """
    match expression:
        case ast.Call():
            return CALL, True
        case ast.Constant(value) if value is not ...:
            return _constant(value), True
        case ast.List() | ast.Dict() | ast.Tuple():
            try:
                return _literal_value(expression, 0), True
            except _NotLiteral:
                return None, True
        case ast.Attribute(ast.Attribute(ast.Name(enum), member), "value") | ast.Attribute(ast.Name(enum), member):
            values = reader.enum_values(enum) or {}
            return (values[member], True) if member in values else (None, False)
        case _:
            return None, False


def _literal_value(expression: ast.expr, depth: int) -> Json:
    match expression:
        case ast.Constant(value) if value is not ...:
            return _constant(value)
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as number)) if not isinstance(number, bool):
            return _constant(-number)
        case ast.List(parts) | ast.Tuple(parts) if depth < MAX_DEPTH:
            return [_literal_value(part, depth + 1) for part in parts]
        case ast.Dict(keys, parts) if depth < MAX_DEPTH:
            return {_literal_key(key): _literal_value(part, depth + 1) for key, part in zip(keys, parts, strict=True)}
        case _:
            raise _NotLiteral


def _literal_key(expression: ast.expr | None) -> str:
    match expression:
        case ast.Constant(str(text)):
            return clean_text(text)
        case _:
            raise _NotLiteral


def _constant(value: object) -> Json:
    """A Python constant as JSON; one that JSON cannot carry (infinity, complex) is null."""
    match value:
        case bool() | None:
            return value
        case str():
            return clean_text(value)
        case int() if value.bit_length() <= MAX_INT_BITS:
            return value
        case float() if math.isfinite(value):
            return value
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return None


def type_of_default(value: Json) -> ArgType:
    """The type an argument without annotation gets from its default."""
    match value:
        case bool():
            return Scalar("bool")
        case int():
            return Scalar("int")
        case float():
            return Scalar("float")
        case str():
            return Text()
        case [first, *_]:
            return ListOf(type_of_default(first))
        case dict():
            return Object(None, tuple(Prop(key, type_of_default(part)) for key, part in value.items()))
        case _:
            return UNKNOWN
