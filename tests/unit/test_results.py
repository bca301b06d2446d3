"""How results are shown: the tree and the picture by shape."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windmill_site.json_tree import MAX_NODES, PER_LEVEL, render, render_more
from windmill_site.results import MAX_ROWS, shape


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", "plain"),
        ({"wm_renderer": "plain", "x": "y"}, "plain"),
        ({"wm_renderer": "json", "html": "<b>"}, "json"),
        (7, "json"),
        ({"a": 1}, "json"),
        ([], "json"),
        ([1, 2], "json"),
        ([{"a": 1}, {"b": 2}], "table"),
        ([["a", "b"], [1, 2]], "table"),
        ({"x": [1, 2], "y": [3]}, "table"),
        ({"table-row-object": [{"a": 1}]}, "table"),
        ({"md": "# hi"}, "markdown"),
        ({"html": "<b>hi</b>"}, "html"),
        ({"png": "aGk="}, "image"),
        ({"file": "aGk=", "filename": "a.csv"}, "file"),
        ({"error": {"name": "E", "message": "m", "stack": "s"}}, "error"),
        ({"error": "not an error object"}, "json"),
    ],
)
def test_shape_decides_the_picture(value, kind):
    assert shape(value).kind == kind


def test_markdown_is_cleaned():
    assert "<script" not in shape({"md": 'hi <script>alert(1)</script> <img src=x onerror="y">'}).text


def test_svg_source_becomes_a_data_address():
    assert shape({"svg": "<svg/>"}).text == "data:image/svg+xml;base64,PHN2Zy8+"


def test_table_tells_how_many_rows_it_hides():
    table = shape([{"a": number} for number in range(MAX_ROWS + 3)]).table
    assert table and (len(table.rows), table.hidden) == (MAX_ROWS, 3)


def test_large_values_are_not_drawn_as_tables():
    assert shape([{"a": 1}], is_large=True).kind == "json"


def test_tree_cuts_a_level_and_goes_on_where_it_was_cut():
    value = {"rows": list(range(PER_LEVEL + 5))}
    tree = render(value, "/result/1")
    assert f"at=%5B%22rows%22%5D&amp;from={PER_LEVEL}" in tree
    more = render_more(value, ["rows"], PER_LEVEL)
    assert more.count("json-leaf") == 5


def test_tree_of_a_huge_value_stays_small():
    tree = render([[number] * 100 for number in range(10_000)])
    assert tree.count("json-leaf") <= MAX_NODES * 2


def test_path_that_is_gone_gives_nothing():
    assert render_more({"a": 1}, ["b", 3], 0) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_no_value_breaks_tree_or_shape(value):
    tree = render(value, "/more")
    assert tree.count("<details") == tree.count("</details>")
    assert not re.search(r"<(?!/?(details|summary|div|span|button)\b)", tree)
    json.dumps(shape(value).kind)


def test_deep_values_end_somewhere():
    deep: list = []
    for _ in range(500):
        deep = [deep]
    assert "nested too deeply" in render(deep)
