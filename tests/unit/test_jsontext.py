"""JSON from outside: what is kept as it was, mended or refused, and that checking costs no more than reading."""

import json
import time
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.runtimes.jail import values
from workspaces import jsontext
from workspaces.instants import parse_instant, readable

LIMIT = 20_000_000
OPEN_STRING = b'"' + b'\\"' * 60_000 + b"[" * 501  # no JSON: its string never ends
FLAT = b'{"text":"' + b"[\\n" * 300_000 + b'","list":[' + b"[]," * 600 + b"1]}"


@pytest.mark.parametrize(
    "text",
    ['{"b":1,"a":1.0}', "[1e2,-0,0.10]", '"\u2028\u202e\\u001b"', "9" * 1000, "1.7976931348623157e308", " {} "],
)
def test_spelling_and_order_stay(text: str) -> None:
    assert jsontext.clean(text, max_bytes=LIMIT)[0] == text


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"a":', "Not JSON: Expecting value at line 1, column 6"),
        (b"", "Not JSON"),
        (b'{"a":"\xff"}', "Not UTF-8: byte 0xff at offset 6"),
        (b'"\xed\xa0\x80"', "Not UTF-8"),
        (b'"\x00"', "Not JSON"),
        (b"NaN", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"9" * 5000, "5,000 digits"),
        (b"1e5000", "exponent"),
        (b"-1E+131071", "exponent"),
        (b"1e-99999", "exponent"),
        (b"1e309", "a double"),
        (b"[-1.8e308]", "a double"),
        (b"9" * 400 + b".5", "a double"),
        (b"[" * 600 + b"]" * 600, "deeper than 500"),
        (b'{"a":' * 100_000, "deeper than 500"),
        (b'"' + b"x" * LIMIT + b'"', "20,000,002 bytes"),
    ],
)
def test_what_readers_would_choke_on_is_refused_with_its_reason(raw: bytes, said: str) -> None:  # R2, R3, R4
    with pytest.raises(jsontext.BadJson, match=said):
        jsontext.clean(raw, max_bytes=LIMIT)


def test_nul_and_lone_surrogates_are_mended_in_keys_and_values() -> None:  # R2
    text, value = jsontext.clean(b'{"a\\u0000":["\\ud800x","\\ud83d\\ude00"]}', max_bytes=LIMIT)
    assert value == {"a": ["\ufffdx", "\U0001f600"]}
    assert json.loads(text) == value


def test_five_hundred_levels_are_kept() -> None:
    deepest = b"[" * 500 + b"]" * 500
    assert jsontext.clean(deepest, max_bytes=LIMIT)[0].encode() == deepest
    assert values.find_limit(deepest) is None
    assert values.find_limit(b"[" + deepest + b"]")


def test_brackets_in_strings_are_no_levels() -> None:
    quoted = json.dumps({"a": '[{"\\' * 1000, "b": ["\\", "[" * 600]}).encode()
    assert jsontext.clean(quoted, max_bytes=LIMIT)[0].encode() == quoted
    assert values.find_limit(quoted) is None


@pytest.mark.parametrize("raw", [OPEN_STRING, FLAT], ids=["open string", "flat"])
def test_checks_cost_as_much_as_reading(raw: bytes) -> None:
    """A pattern for strings took minutes for the first and 120 times its size for the second."""
    tracemalloc.start()
    began = time.process_time()
    try:
        values.find_limit(raw)
        jsontext.clean(raw, max_bytes=LIMIT)
    except jsontext.BadJson as refusal:
        assert "Not JSON" in str(refusal)
    took, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < 5
    assert peak < 20 * len(raw) + 1_000_000


def test_large_values_are_checked_like_small_ones() -> None:
    for depth in (3, 499, 500, 501, 520):
        nested = b"[" + b"[" * (depth - 2) + b"[],[]," * 5000 + b"1" + b"]" * (depth - 1)
        assert bool(values.find_limit(nested)) == (depth > 500), depth
        refused = False
        try:
            jsontext.clean(nested, max_bytes=LIMIT)
        except jsontext.BadJson:
            refused = True
        assert refused == (depth > 500), depth


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each))
)
def test_what_is_cleaned_stays_clean(value: object) -> None:
    text, read = jsontext.clean(json.dumps(value), max_bytes=LIMIT)
    assert jsontext.clean(text, max_bytes=LIMIT) == (text, read)
    assert "\x00" not in text
    text.encode()


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "x"]
)
def test_instants_no_reader_could_show_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(text)


def test_instants_every_zone_can_show_are_kept() -> None:
    assert parse_instant("2026-01-31T08:00:00 02:00") == datetime(2026, 1, 31, 6, tzinfo=UTC)
    assert parse_instant("9999-12-29").tzinfo is UTC
    for hours in (-14, 14):
        for year in (2, 9998):
            readable(datetime(year, 1, 1, tzinfo=timezone(timedelta(hours=hours)))).astimezone(UTC)
