"""Nothing crashes a parser: any text, NUL, lone surrogates, deep nesting, a megabyte."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts_app.signatures import LANGUAGES, answer
from scripts_app.signatures.docstring import read_docstring

CODE = """def main( async_def class A (Enum) : a : int = [ ] { } ( ) ''' \" ' # \\ , * | None Literal[ -1 f( @
lambda -> 1e999 % x="$1" ="${2:- }" Args: :param_a: é"""
FRAGMENTS = st.sampled_from(
    [*CODE.replace("_", " ").split(), '"""', "\n", "    ", "\0", "\ud800", "\r", "\t", "\f", "\x1a", "\ufeff"]
)
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)
LANGUAGE = st.sampled_from(sorted(LANGUAGES))


def assert_storable(found: dict) -> None:
    text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    text.encode()
    assert "\\u0000" not in text


@given(LANGUAGE, ANY_TEXT)
@settings(max_examples=300, deadline=None)
def test_any_text(language, code):
    assert_storable(answer(language, code))


@given(LANGUAGE, st.lists(FRAGMENTS, max_size=60).map("".join))
@settings(max_examples=700, deadline=None)
def test_text_made_of_pieces_of_code(language, code):
    assert_storable(answer(language, "def main(" + code))
    assert_storable(answer(language, code))


@given(st.lists(FRAGMENTS, max_size=60).map("".join))
@settings(max_examples=300, deadline=None)
def test_docstrings_of_pieces(text):
    read_docstring(text)


MEGABYTE = 1_000_000
SHORT = "( { [[ - 1+ a. int| lambda: f( a[0] @ : * # a< (a:= f'{ 9 \" \\"
PIECES = [
    *SHORT.split(),
    *['"""', "\0", "\udcff", "\n", " ", "\t", "\r", "not ", "x if y else ", "await ", "a and ", '="${1:-', '}" '],
    *["def main(\n", "class A(B):\n", "if a:\n", "if a:\n pass\nel", "@a\n", "def preprocessor(\n"],
]
HEADS = ["def main(a: ", "def main(a = ", "def main(a):\n  ", 'a="$1"\nb="${2:-']


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.timeout(60)
def test_a_megabyte_of_one_piece(piece):
    for language in LANGUAGES:
        assert_storable(answer(language, piece * (MEGABYTE // len(piece))))
        for head in HEADS:
            assert_storable(answer(language, head + piece * 99))
            assert_storable(answer(language, head + piece * 9_999))


def test_deeply_nested_annotation_and_default():
    for depth in (10, 90, 180):
        nested = "list[" * depth + "int" + "]" * depth
        value = "[" * depth + "]" * depth
        assert_storable(answer("python3", f"def main(a: {nested} = {value}): ..."))


def test_random_bytes_as_text():
    source = random.Random(7)
    for _ in range(50):
        assert_storable(answer("python3", source.randbytes(2_000).decode("latin-1")))
