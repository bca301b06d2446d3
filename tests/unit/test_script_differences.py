"""What changed between two versions."""

from hypothesis import given
from hypothesis import strategies as st

from scripts_app.differences import MAX_LINES, diff_lines

SOURCES = st.lists(st.sampled_from(["a", "b", "c", "  d", ""]), max_size=30).map("\n".join)


@given(SOURCES, SOURCES)
def test_the_lines_shown_tell_where_they_stand(before, after):
    for line in diff_lines(before, after) or ():
        if line.old is not None:
            assert before.splitlines()[line.old - 1] == line.text
        if line.new is not None:
            assert after.splitlines()[line.new - 1] == line.text


@given(SOURCES)
def test_a_source_does_not_differ_from_itself(source):
    assert diff_lines(source, source) == []


def test_far_lines_are_left_out():
    before = "\n".join(str(number) for number in range(100))
    kinds = [line.kind for line in diff_lines(before, before.replace("50", "fifty")) or ()]
    assert kinds == ["gap", "same", "same", "same", "removed", "added", "same", "same", "same"]


def test_very_long_sources_are_not_compared():
    assert diff_lines("a\n" * MAX_LINES, "b\n" * MAX_LINES) is None
