"""The generated form: what it shows, and what comes back from it."""

import io
import time

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from scripts_app.forms import Field, decode, fields, names
from scripts_app.forms.kinds import kind_of


def schema_for(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


TEXT = {"type": "string", "default": None}
WHOLE = {"type": "integer", "default": None}


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "password": True}, "password"),
        ({"type": "string", "format": "password"}, "password"),
        ({"type": "string", "enum": ["a", "b"]}, "choice"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"type": "string", "format": "email"}, "email"),
        ({"type": "string", "format": "sql"}, "code"),
        ({"type": "string", "contentEncoding": "base64"}, "file"),
        ({"type": "integer"}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "object"}, "json"),
        ({"type": "object", "properties": {"a": TEXT}}, "object"),
        ({"type": "object", "format": "resource-postgresql"}, "resource"),
        ({"type": "array", "items": {"type": "string"}}, "list"),
        ({"type": "array", "items": {"type": "string", "enum": ["x"]}}, "many"),
        ({"type": "array", "items": {"type": "resource", "resourceType": "s3"}}, "list"),
        ({"type": "array"}, "json"),
        ({"type": ""}, "json"),
        ({}, "json"),
    ],
)
def test_schema_decides_the_control(schema, kind):
    assert kind_of(schema) == kind


def test_class_of_an_unknown_resource_type_is_a_form():
    schema = {"type": "object", "format": "resource-Customer", "properties": {"name": TEXT}}
    assert kind_of(schema) == "object"
    assert kind_of(schema, {"Customer"}) == "resource"


def test_fields_follow_the_order_of_the_schema():
    schema = schema_for(a=TEXT, b=TEXT, c=TEXT) | {"order": ["c", "a"]}
    assert [field.key for field in fields(schema, {})] == ["c", "a", "b"]


def test_absent_value_shows_the_default():
    assert fields(schema_for(n={"type": "integer", "default": 7}), {})[0].value == "7"


def test_value_its_control_cannot_hold_is_shown_as_json():
    field = fields(schema_for(n=WHOLE), {"n": {"deep": [1]}})[0]
    assert (field.kind, '"deep"' in field.value) == ("json", True)


def test_resource_offers_the_given_paths_and_keeps_a_foreign_one():
    schema = schema_for(db={"type": "object", "format": "resource-pg"})
    field = fields(schema, {"db": "$res:u/ana/old"}, resources={"pg": ["f/a/one"]})[0]
    assert [(option.value, option.chosen) for option in field.options] == [("u/ana/old", True), ("f/a/one", False)]


def test_error_reaches_its_field_and_is_described():
    schema = schema_for(user={"type": "object", "properties": {"mail": TEXT}})
    field = fields(schema, {}, {"user.mail": "Wrong."})[0].children[0]
    assert (field.error, field.described_by) == ("Wrong.", "arg-user-mail-error")


def test_decode_reads_every_kind():
    schema = schema_for(
        s=TEXT, n=WHOLE, f={"type": "number"}, b={"type": "boolean"}, j={"type": ""}, o={"type": "object"},
        d={"type": "string", "format": "date"}, t={"type": "string", "format": "date-time"},
        r={"type": "object", "format": "resource-pg"}, e={"type": "string", "enum": ["x", "y"]},
        l={"type": "array", "items": {"type": "number"}},
        m={"type": "array", "items": {"type": "string", "enum": ["p", "q"]}},
        u={"type": "object", "properties": {"a.b": TEXT}},
    )  # fmt: skip
    post = QueryDict(mutable=True)
    post.update(
        {"arg.s": "line\r\ntwo", "arg.n": "12", "arg.f": "1.5", "arg.b": "on", "arg.j": "[1]", "arg.o": '{"k": null}',
         "arg.d": "2026-11-21", "arg.t": "2026-11-21T10:00", "arg.r": "f/a/pg", "arg.e": "y", "arg.u.a%2Eb": "z"}
    )  # fmt: skip
    post.setlist("arg.m", ["p", "q"])
    post["arg.l.7"], post["arg.l.2"] = "3", "4"
    args, errors = decode(schema, post)
    assert errors == {}
    assert args == {
        "s": "line\ntwo", "n": 12, "f": 1.5, "b": True, "j": [1], "o": {"k": None}, "d": "2026-11-21",
        "t": "2026-11-21T10:00Z", "r": "$res:f/a/pg", "e": "y", "l": [3, 4], "m": ["p", "q"], "u": {"a.b": "z"},
    }  # fmt: skip


def test_unchecked_box_is_false_only_if_the_form_showed_it():
    schema = schema_for(b={"type": "boolean"})
    assert decode(schema, {"arg.b:kind": ["boolean"]})[0] == {"b": False}
    assert decode(schema, {})[0] == {}


def test_optional_empty_argument_is_left_out():
    assert decode(schema_for(s=TEXT, n=WHOLE), {"arg.s": [""], "arg.n": [""]}) == ({}, {})


def test_cleared_default_is_an_empty_text():
    assert decode(schema_for(s={"type": "string", "default": "x"}), {"arg.s": [""]})[0] == {"s": ""}


def test_nullable_empty_argument_is_null():
    assert decode(schema_for(n=WHOLE | {"nullable": True}), {"arg.n": [""]})[0] == {"n": None}


@pytest.mark.parametrize(
    ("schema", "text", "part"),
    [
        (TEXT, "", "required"),
        (WHOLE, "1.5", "whole number"),
        (WHOLE, "ten", "not a number"),
        ({"type": "number"}, "nan", "finite"),
        ({"type": "number", "min": 3}, "2", "3 or more"),
        ({"type": "number", "maximum": 3}, "4", "3 or less"),
        ({"type": "string", "enum": ["a"]}, "b", "Choose one of: a"),
        ({"type": "string", "pattern": "^a+$"}, "b", "pattern"),
        ({"type": "string", "pattern": "^a", "customErrorMessage": "Start with a."}, "b", "Start with a."),
        ({"type": "string", "format": "email"}, "ana", "e-mail"),
        ({"type": "string", "format": "date"}, "2026-13-01", "date like"),
        ({"type": "object"}, "{", "line 1, column 2"),
        ({"type": ""}, "NaN", "NaN is not JSON"),
    ],
)
def test_what_does_not_fit_is_told_at_its_path(schema, text, part):
    args, errors = decode(schema_for(["x"], x=schema), {"arg.x": [text]})
    assert args == {}
    assert part in errors["x"]


def test_kind_of_the_shown_control_wins_over_a_schema_that_changed_meanwhile():
    args, errors = decode(schema_for(x=WHOLE), {"arg.x": ['{"a": 1}'], "arg.x:kind": ["json"]})
    assert (args, errors) == ({"x": {"a": 1}}, {})


def test_file_becomes_base64_and_a_kept_one_stays():
    schema = schema_for(f={"type": "string", "contentEncoding": "base64"})
    assert decode(schema, {}, {"arg.f:file": io.BytesIO(b"hi")})[0] == {"f": "aGk="}
    assert decode(schema, {"arg.f": ["b2xk"]})[0] == {"f": "b2xk"}


def posted(field: Field, into: dict[str, list[str]]) -> dict[str, list[str]]:
    """What a browser posts for a field nobody touched."""
    into[f"{field.name}:kind"] = [field.kind]
    for child in field.children:
        posted(child, into)
    if field.options:
        into[field.name] = [option.value for option in field.options if option.chosen]
    elif field.kind == "boolean":
        into[field.name] = ["on"] if field.value else []
    elif field.kind not in ("list", "object"):
        into[field.name] = [field.value]
    return into


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), JSON, max_size=3))
def test_untouched_json_comes_back_as_it_was(values):
    schema = schema_for()
    schema["properties"] = {key: {"type": ""} for key in values}
    post: dict[str, list[str]] = {}
    for field in fields(schema, values):
        posted(field, post)
    shown = {key: value for key, value in values.items() if value is not None}
    assert decode(schema, post) == (shown, {})


def test_untouched_form_comes_back_as_it_was():
    schema = schema_for(
        tags={"type": "array", "items": {"type": "string"}},
        people={"type": "array", "items": {"type": "object", "properties": {"n": TEXT, "age": WHOLE}}},
        on={"type": "boolean"},
        pick={"type": "string", "enum": ["a", "b"]},
    )
    values = {"tags": ["a", ""], "people": [{"n": "Bo", "age": 3}, {"n": "Cy", "age": 4}], "on": True, "pick": "b"}
    post: dict[str, list[str]] = {}
    for field in fields(schema, values):
        posted(field, post)
    assert decode(schema, post) == (values, {})


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|aa)*b", "(a*)*c", r"(.+)\1\1$", "(?:a?){30}a{30}", "a*a*a*a*a*a*b"])
def test_a_pattern_that_could_take_hours_is_left_to_the_browser(pattern):
    schema = {"properties": {"a": {"type": "string", "pattern": pattern}}}
    began = time.process_time()
    assert decode(schema, {f"{names.ROOT}.a": ["a" * 60 + "!"]}) == ({"a": "a" * 60 + "!"}, {})
    assert time.process_time() - began < 1
