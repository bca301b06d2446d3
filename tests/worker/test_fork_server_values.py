"""Limits and cleaning of values, without a process: properties and the traps that were measured."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.runtimes.jail import arguments, values
from workers.runtimes.outcomes import LastLine
from workers.runtimes.spawn import module_name

_TEXT = st.text(st.characters(codec=None, categories=["L", "N", "P", "S", "Z", "Cc", "Cs"]))
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _TEXT
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner), max_leaves=30)


@given(_VALUES)
def test_every_value_becomes_storable_json(value: object) -> None:
    text = values.dump(value).decode()
    parsed = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} was stored"))
    assert "\0" not in json.dumps(parsed, ensure_ascii=False)
    assert values.find_limit(text.encode()) is None
    assert values.clean(text) == text.encode()


@given(st.integers(0, 600), _TEXT, st.booleans())
def test_depth_is_counted_outside_of_strings(depth: int, noise: str, dense: bool) -> None:
    filling = json.dumps([noise, "[\n", noise + '["{]}\\', {"]": noise}] * (200 if dense else 1))
    nested = "[" * depth + filling + "]" * depth
    assert (values.find_limit(nested.encode()) is not None) == (depth + 2 > values.MAX_DEPTH)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("9" * 1000, False),
        ("9" * 1001, True),
        ("-1." + "0" * 1001, True),
        ('"' + "9" * 5000 + '"', False),
        ("1e400", False),
        ("1e401", True),
        ("1E-00401", True),
        ('"1e999"', False),
        ('{"a": "\\\\", "b": 1e999, "c": "\\""}', True),
        ('{"a": "\\" 1e999"}', False),
    ],
)
def test_long_numbers_are_found(text: str, broken: bool) -> None:
    assert (values.find_limit(text.encode()) is not None) == broken


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(["x" * 8_000_000] + [[]] * 600),
        json.dumps(['"\\' * 2_000_000] + [[]] * 600),
        json.dumps([""] * 1_000_000 + [[]] * 600),
        "[" + ",".join(["9" * 999] * 8000) + "]",
        '"' + "1e" * 2_000_000 + '"',
    ],
    ids=["one string", "escapes", "empty strings", "digits", "exponents"],
)
def test_no_content_takes_long(content: str) -> None:
    started = time.process_time()
    assert values.find_limit(content.encode()) is None
    assert time.process_time() - started < 2


@settings(max_examples=50)
@given(st.lists(st.text(alphabet="ab \n"), max_size=8))
def test_last_line_is_the_same_however_it_arrives(chunks: list[str]) -> None:
    line = LastLine(1000)
    for chunk in filter(None, chunks):
        line.feed(chunk.encode())
    whole = "".join(chunks)
    assert line.text == (whole.removesuffix("\n").rpartition("\n")[2].strip() if whole else "")


def test_module_names_can_be_imported() -> None:
    assert module_name("f/my-folder/2nd script") == "f/my_folder/_2nd_script"
    assert module_name("u/bob@x.com/s") == "u/bob.x.com/s"
    assert module_name("") == module_name("../..") == "script"
    assert module_name("f/../../etc/x") == "f/etc/x"


def test_positional_only_and_wrapped_functions_are_called_right() -> None:
    def plain(a, /, b, *more, c=1, **rest):  # type: ignore[no-untyped-def]
        return a, b, c, rest

    assert arguments.bind(plain, {"a": 1, "c": None, "d": 4}) == ([1], {"b": None, "c": 1, "d": 4})
    assert arguments.bind(lambda: None, {"x": 1}) == ([], {})
