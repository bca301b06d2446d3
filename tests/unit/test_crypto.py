"""Sealing: what is sealed for one place opens there and nowhere else, unchanged or not at all."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault import crypto

KEY = crypto.new_key()
HERE = crypto.context_of("variable", "w", "f/a/b")


@given(st.text(max_size=200))
def test_what_is_sealed_opens_again(text):
    assert crypto.open_sealed(KEY, crypto.seal(KEY, 1, text, HERE), HERE) == text


@given(st.text(max_size=100), st.integers(1, 2**24 - 1))
def test_the_form_is_the_one_the_command_line_recognises(text, number):
    sealed = crypto.seal(KEY, number, text, HERE)
    assert re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", sealed) and len(base64.b64decode(sealed)) % 16 == 0
    assert crypto.number_of(sealed) == number


def test_the_same_text_never_looks_the_same():
    assert crypto.seal(KEY, 1, "x", HERE) != crypto.seal(KEY, 1, "x", HERE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        ("variable", "w", "f/a/c"),
        ("variable", "v", "f/a/b"),
        ("argument", "w", "f/a/b"),
        ("variable", "w", "f/a/b\x00"),
    ],
)
def test_another_place_does_not_open_it(elsewhere):
    with pytest.raises(crypto.CannotOpen):
        crypto.open_sealed(KEY, crypto.seal(KEY, 1, "x", HERE), crypto.context_of(*elsewhere))


@given(st.data())
def test_one_changed_bit_is_noticed(data):
    raw = bytearray(base64.b64decode(crypto.seal(KEY, 1, "secret", HERE)))
    position = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[position // 8] ^= 1 << position % 8
    with pytest.raises(crypto.CannotOpen):
        crypto.open_sealed(KEY, base64.b64encode(bytes(raw)).decode(), HERE)


@given(st.text(max_size=100) | st.binary(max_size=100).map(lambda raw: base64.b64encode(raw).decode()))
def test_garbage_is_refused_and_never_crashes(text):
    with pytest.raises(crypto.CannotOpen):
        crypto.open_sealed(KEY, text, HERE)


def test_workspace_keys_open_for_their_workspace_and_instance_only():
    master = crypto.master_key("an instance key of some length")
    sealed = crypto.seal_key(master, KEY, "w", 1)
    assert crypto.open_key(master, sealed, "w", 1) == KEY
    for other in [(master, sealed, "v", 1), (master, sealed, "w", 2), (crypto.master_key("other"), sealed, "w", 1)]:
        with pytest.raises(crypto.CannotOpen):
            crypto.open_key(*other)
