"""Terminal output as HTML."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.ansi import PLAIN, to_html
from workers.log_chunks import CHUNK_LINES, MAX_LINE, chunks


def html(text):
    return to_html(text)[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m end", '<span class="a31">red</span> end'),
        ("\x1b[1;32mbold green\x1b[22m green", '<span class="a1 a32">bold green</span><span class="a32"> green</span>'),
        ("\x1b[41mon red\x1b[49m off", '<span class="b41">on red</span> off'),
        ("\x1b[38;5;196mcube", '<span class="a31">cube</span>'),
        ("\x1b[48;2;10;190;120mtrue", '<span class="b42">true</span>'),
        ("\x1b[38;5;12mbright", '<span class="a94">bright</span>'),
        ("\x1b[2K\x1b[1Gcleared", "cleared"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;https://x.y\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("bell\x07 nul\x00", "bell nul"),
        ("<b> & \"q\"", "&lt;b&gt; &amp; &quot;q&quot;"),
        ("\x1b[31m<script>", '<span class="a31">&lt;script&gt;</span>'),
        ("see https://a.b/c?d=1&e=2.", 'see <a href="https://a.b/c?d=1&amp;e=2" rel="noopener nofollow">https://a.b/c?d=1&amp;e=2</a>.'),
    ],
)  # fmt: skip
def test_sequences_become_classes_or_nothing(text, shown):
    assert html(text) == shown


def test_style_goes_on_in_the_next_piece():
    _first, style = to_html("\x1b[33mwarn")
    assert to_html("ing\x1b[0m.", style)[0] == '<span class="a33">ing</span>.'


def test_sequence_cut_in_two_is_one_sequence():
    shown, style = to_html("a\x1b[3")
    assert shown == "a"
    assert to_html("1mb", style)[0] == '<span class="a31">b</span>'


TERMINAL = st.text(alphabet=st.sampled_from("ab<>&\"'\n\r\t\x1b[]0;1345m8\x07\\:/.htps "), max_size=120)
TAGS = re.compile(r'<span class="[ab0-9 ]+">|</span>|<a href="[^"<>]*" rel="noopener nofollow">|</a>')


@given(TERMINAL)
def test_only_our_tags_come_out_and_each_is_closed(text):
    shown = html(text)
    bare = TAGS.sub("", shown)
    assert not set(bare) & set("<>\"'\x1b")
    assert shown.count("<span") == shown.count("</span>")
    assert shown.count("<a ") == shown.count("</a>")


@given(TERMINAL)
def test_letters_survive(text):
    visible = unescape(TAGS.sub("", html(text)))
    assert visible.count("<") <= text.count("<")


def test_lines_are_numbered_over_pieces():
    found, position = chunks("one\ntwo\nthr", seq=1)
    assert [(line.number, line.html) for line in found[0].lines] == [(1, "one"), (2, "two"), (3, "thr")]
    more, position = chunks("ee\nfour\n", seq=2, position=position)
    assert more[0].continues
    assert [(line.number, line.html) for line in more[0].lines] == [(3, "ee"), (4, "four")]
    last, _ = chunks("five\n", seq=3, position=position)
    assert (last[0].continues, last[0].lines[0].number) == (False, 5)


def test_long_logs_come_in_chunks_of_200():
    found, position = chunks("x\n" * 450, seq=9)
    assert [len(chunk.lines) for chunk in found] == [CHUNK_LINES, CHUNK_LINES, 50]
    assert (position.lines, position.is_open, position.style) == (450, False, PLAIN)


def test_progress_bar_shows_its_last_state():
    found, _ = chunks("10%\r50%\r100%\r\ndone\n", seq=1)
    assert [line.html for line in found[0].lines] == ["100%", "done"]


def test_endless_line_is_cut_for_the_page():
    found, _ = chunks("x" * (MAX_LINE + 5), seq=1)
    assert found[0].lines[0].html.endswith("… 5 more characters")


def test_empty_piece_changes_nothing():
    assert chunks("", seq=1)[0] == []
