"""A job's output becomes text that can be stored: never cut, never unmasked, never without bound."""

import gzip
import time
from dataclasses import dataclass
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import job_log
from workers.job_log import STREAM_CHARS, JobLog

SECRET = "wmj_" + "a1" * 48


@dataclass
class Stored:
    """What the database would hold."""

    text: str
    rows: list[tuple[int, int]]


def make_log(*, cap_bytes: int = 50_000_000) -> JobLog:
    return JobLog(UUID(int=1), UUID(int=2), secrets=(SECRET,), cap_bytes=cap_bytes)


def store(log: JobLog) -> Stored:
    """Everything the log gives away now, in order."""
    text, rows = "", []
    for segment in log.take_segments():
        rows.append((segment.seq, segment.start))
        text += segment.text
    if cold := log.take_cold():
        blob = log.blob(cold, gzip.compress(cold.encode()))
        rows.append((blob.seq, blob.start))
        text += gzip.decompress(blob.content).decode()
    return Stored(text, rows)


def feed_all(log: JobLog, *chunks: bytes) -> str:
    for chunk in chunks:
        log.feed(chunk)
    log.close()
    return store(log).text


@given(st.text(alphabet="aé€😀\n\x1b[3m", max_size=60), st.lists(st.integers(1, 9), max_size=30))
def test_chunk_borders_change_nothing(text: str, sizes: list[int]) -> None:  # L5
    raw, chunks = text.encode(), []
    for size in sizes:
        chunks.append(raw[:size])
        raw = raw[size:]
    assert feed_all(make_log(), *chunks, raw) == text


@given(st.integers(1, len(SECRET) - 1))
def test_a_secret_is_masked_wherever_it_is_cut(cut: int) -> None:
    log = make_log()
    log.feed(f"before {SECRET[:cut]}".encode())
    early = store(log).text
    log.feed(f"{SECRET[cut:]} after".encode())
    log.close()
    assert early + store(log).text == f"before {job_log.MASK} after"


def test_secrets_of_arguments_are_masked_too_but_not_short_ones() -> None:
    log = make_log()
    log.hide(["correct horse", "pw"])
    assert feed_all(log, b"correct horse, pw\n") == "********, pw\n"


def test_an_escape_sequence_is_not_cut() -> None:
    log = make_log()
    log.feed(b"red \x1b[3")
    assert store(log).text == "red "
    log.feed(b"1mtext")
    assert store(log).text == "\x1b[31mtext"


def test_bytes_that_are_no_text_are_replaced_and_nul_goes() -> None:  # R2
    assert feed_all(make_log(), b"a\xff\x00b", b"\xe2\x82") == "a\ufffdb\ufffd"


def test_stream_lines_leave_the_log() -> None:
    log = make_log()
    text = feed_all(log, b"one\nWM_ST", b"REAM: a\\nb\nWM_STREAM: c\n", b"two WM_STREAM: no\n")
    assert (text, log.stream) == ("one\ntwo WM_STREAM: no\n", "a\nbc")


def test_only_a_newline_ends_a_line_of_the_stream() -> None:
    log = make_log()
    assert feed_all(log, "WM_STREAM: a\u2028b\x0cc\r\n".encode()) == ""
    assert log.stream == "a\u2028b\x0cc"


def test_a_prompt_without_newline_is_shown() -> None:
    log = make_log()
    log.feed(b"Continue? ")
    assert store(log).text == "Continue? "


def test_rows_follow_each_other_without_gaps() -> None:  # L2
    log, start = make_log(), 0
    for number in range(3):
        log.feed(b"12345\n")
        stored = store(log)
        assert stored.rows == [(number, start)]
        start += len(stored.text)


def test_what_an_earlier_attempt_wrote_is_continued() -> None:
    log = make_log()
    log.continue_at(4, 100)
    log.feed(b"more")
    assert store(log).rows == [(4, 100)]


@pytest.mark.parametrize("piece", [1_000, 64_000, 3_000_000])
def test_a_log_beyond_the_cap_keeps_head_and_tail_and_says_so(piece: int) -> None:  # L4
    cap, total = 2_000_000, 6_000_000
    log = make_log(cap_bytes=cap)
    kept = ""
    for begin in range(0, total, piece):
        log.feed(b"".join(b"%07d\n" % number for number in range(begin // 8, min(begin + piece, total) // 8)))
        kept += store(log).text
    log.close()
    kept += store(log).text
    assert kept.startswith("0000000\n0000001\n") and kept.endswith("0749998\n0749999\n")
    assert "characters of this log were left out" in kept
    assert len(kept) < cap + 200
    left_out = int(kept.split("[… ")[1].split(" ")[0].replace(",", ""))
    marker = kept[kept.index("\n[…") : kept.index("…]\n") + 3]
    assert left_out + len(kept) - len(marker) == total


def test_a_flood_that_is_not_stored_makes_the_job_wait() -> None:
    log = make_log()
    log.feed(b"x" * (job_log.ROOM_BYTES + 1))
    assert not log.room.is_set()
    store(log)
    assert log.room.is_set()


def test_an_endless_result_stream_ends_with_a_word_about_it() -> None:
    log = make_log()
    shown = feed_all(log, *[b"WM_STREAM: " + b"y" * 99_999 + b"\n"] * 30)
    assert len(log.stream) == STREAM_CHARS
    assert sum(len(segment.text) for segment in log.take_stream()) <= STREAM_CHARS
    assert shown == "[… the result stream ends here: it is longer than 1,000,000 characters …]\n"


@given(st.text(alphabet="ab", max_size=30), st.text(alphabet="ab", min_size=1, max_size=12))
def test_the_begun_secret_at_the_end_is_found(text: str, secret: str) -> None:
    wanted = max(n for n in range(len(secret)) if text.endswith(secret[:n]))
    assert job_log._begun(secret, text) == wanted


def test_a_long_secret_costs_no_time() -> None:
    log = make_log()
    log.hide(["ab" * 50_000])
    began = time.process_time()
    feed_all(log, *[b"abababac" * 8000] * 50)
    assert time.process_time() - began < 5
