"""Names of things."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces.paths import FOLDER, USERNAME, WORKSPACE_ID, parse_item_path


@pytest.mark.parametrize("path", ["f/etl/load", "u/ana/x", "g/crew/a/b/c", "f/a-b/c_d-e", "f/A1/0"])
def test_good_paths_are_kept(path):
    assert parse_item_path(path).text == path


BAD = [
    "",
    "f",
    "f/a",
    "f/a/",
    "/f/a/b",
    "x/a/b",
    "f//b",
    "f/a//b",
    "f/../b",
    "f/a/..",
    "f/a/b c",
    "f/a/b\n",
    "f/a/b\x00",
]


@pytest.mark.parametrize(
    "path", [*BAD, "f/a/b\x00", "f/a/é", "f/а/b", "f/a/b.py", "f/a/" + "b" * 252, "F/a/b", "hub/1/a/b"]
)
def test_bad_paths_are_refused_with_the_form_of_a_good_one(path):
    with pytest.raises(ValueError, match=r"use f/<folder>/<name>|at most 255"):
        parse_item_path(path)


@given(st.text(max_size=40))
def test_a_path_never_leaves_its_folder(text):
    try:
        found = parse_item_path(f"f/etl/{text}")
    except ValueError:
        return
    assert (found.kind, found.owner) == ("f", "etl")
    assert ".." not in found.name and not found.name.startswith("/") and found.name.isascii()


@given(st.text(max_size=60))
def test_nothing_but_ascii_words_are_names(text):
    for pattern in (WORKSPACE_ID, USERNAME, FOLDER):
        if pattern.match(text):
            assert text.isascii() and text.replace("-", "").replace("_", "a").isalnum()
