"""Inferring a schema again keeps what the user customised, and nothing that the code took back."""

import pytest

from scripts_app.signatures import parse


def infer(parameter: str, prop: dict | None = None, **schema) -> dict:
    prior = None if prop is None else {"properties": {"a": prop}, **schema}
    return parse("python3", f"def main({parameter}): ...").to_json_schema(prior)


def prop_of(parameter: str, prop: dict) -> dict:
    return infer(parameter, prop)["properties"]["a"]


CUSTOM = {"title": "T", "nullable": True, "showExpr": "x", "currency": "EUR", "enumLabels": {"a": "A"}, "order": 3}


def test_customised_keys_survive_an_unchanged_type():
    assert prop_of("a: int", {"type": "number", "description": "d", "min": 1, **CUSTOM}) == {
        "type": "integer", "description": "d", "default": None, "min": 1, **CUSTOM,
    }  # fmt: skip


def test_only_the_description_survives_a_changed_type():
    assert prop_of("a: bool = True", {"type": "integer", "description": "d", "min": 1, **CUSTOM}) == {
        "type": "boolean", "description": "d", "default": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parameter", "before", "kept"),
    [
        ("a: str", {"type": "string", "originalType": "string", "enum": ["x"]}, {"enum": ["x"]}),
        ("a: str", {"type": "string", "originalType": "string", "format": "date"}, {"format": "date"}),
        ("a: str", {"type": "string", "format": "email"}, {"format": "email"}),
        ("a: str", {"type": "string", "password": True}, {"password": True}),
        ("a: dict", {"type": "object", "properties": {}, "format": "resource-pg"}, {"format": "resource-pg"}),
    ],
)
def test_choices_of_the_user_survive(parameter, before, kept):
    assert kept.items() <= prop_of(parameter, before).items()


@pytest.mark.parametrize(
    ("parameter", "before", "gone"),
    [
        ("a: str", {"type": "string", "originalType": "enum", "enum": ["x"]}, "enum"),
        ("a: str", {"type": "string", "format": "date-time"}, "format"),
        ("a: str", {"type": "string", "contentEncoding": "base64", "originalType": "bytes"}, "contentEncoding"),
        ("a: dict", {"type": "object", "properties": {"x": {}}, "format": "resource-Order"}, "format"),
    ],
)
def test_what_the_code_took_back_is_gone(parameter, before, gone):
    assert gone not in prop_of(parameter, before)


def test_item_enum_of_the_user_survives():
    before = {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}, "originalType": "string[]"}
    assert prop_of("a: list[str]", before)["items"] == {"type": "string", "enum": ["x", "y"]}
    assert prop_of("a: list[int]", before)["items"] == {"type": "number"}


def test_order_survives_without_what_is_gone():
    schema = infer("a: int, c: int", {"type": "integer"}, order=["b", "c"])
    assert schema["order"] == ["c", "a"]
    assert list(schema["properties"]) == ["a", "c"]


@pytest.mark.parametrize(
    "prior", [{"properties": None}, {"properties": {"a": 3}}, {"order": [1, {}]}, {"properties": []}]
)
def test_a_strange_prior_is_survived(prior):
    assert parse("python3", "def main(a: int): ...").to_json_schema(prior)["properties"]["a"]["type"] == "integer"
