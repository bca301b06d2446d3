"""Events become few messages, each within Postgres's limit."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from workers.notify import MAX_PAYLOAD_BYTES, pack, ready_event


@given(st.lists(st.text("abcé€0123456789-:!", min_size=1, max_size=300), max_size=200))
def test_nothing_is_lost_and_no_message_is_too_long(events: list[str]) -> None:
    payloads = pack(events)
    assert [line for payload in payloads for line in payload.split("\n")] == events
    assert all(len(payload.encode()) <= MAX_PAYLOAD_BYTES for payload in payloads)


def test_two_hundred_jobs_need_two_messages() -> None:
    assert len(pack(f"c:{number:036}" for number in range(200))) == 1
    assert len(pack(f"c:{number:036}" for number in range(250))) == 2


def test_what_may_lie_before_the_marks_asks_for_a_look_from_the_start() -> None:
    assert ready_event("gpu") == "q:gpu"
    assert ready_event("gpu", priority=-1) == "q!gpu"
    assert ready_event("gpu", scheduled_for=datetime(2030, 1, 1, tzinfo=UTC)) == "q!gpu"
