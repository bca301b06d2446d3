"""A form can be made of any schema: what is no schema is left out."""

from hypothesis import given, settings
from hypothesis import strategies as st

from scripts_app.forms import decode, fields, sound

KEYWORDS = (
    "type properties items required order enum enumLabels format pattern minRows min max minimum maximum default title "
    "description nullable disabled password contentEncoding resourceType placeholder nonEmpty disableCreate"
).split()
TYPES = ("string", "number", "integer", "boolean", "array", "object", "resource", "null", "any")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from(TYPES)
VALUES = st.recursive(SCALARS, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3))
SCHEMAS = st.recursive(
    VALUES,
    lambda each: st.fixed_dictionaries(
        {"type": st.sampled_from(TYPES) | each},
        optional={keyword: each for keyword in KEYWORDS if keyword != "type"}
        | {"properties": st.dictionaries(st.text(max_size=3), each, max_size=3) | each},
    ),
    max_leaves=12,
)
POSTS = st.dictionaries(st.text(max_size=6), st.lists(st.text(max_size=10), max_size=2), max_size=4)


@given(SCHEMAS, st.dictionaries(st.text(max_size=3), VALUES, max_size=3), POSTS)
@settings(max_examples=300, deadline=None)
def test_any_schema_gives_a_form_and_takes_one(
    schema: object, values: dict[str, object], post: dict[str, list[str]]
) -> None:
    shape = sound(schema)
    shown = fields(shape, values)
    for typed in ("", "1", "2026-01-31T08:00", "[1]", "x"):
        decode(shape, post | {each.name: [typed] for each in shown})


def test_a_very_deep_schema_ends_in_json() -> None:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(240):
        schema = {"type": "object", "properties": {"a": schema}}
    found = fields(sound(schema), {})
    for _ in range(15):
        found = list(found[0].children)
    assert found[0].kind == "object"


def test_a_sound_schema_stays_as_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"enum": ["x", 1, None]}, "minRows": 3}},
        "required": ["a"],
        "order": ["a"],
        "x-own": {"kept": True},
    }
    assert sound(schema) == schema
