"""Why a job waits: one reason, the first that holds."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from workers.waiting import Facts, Holder, why_waiting

READY = Facts(tag="python3", live_workers=2, free_slots=0, place=1)
HOLDERS = tuple(Holder(UUID(int=n), f"f/etl/{n}") for n in range(5))


@pytest.mark.parametrize(
    ("facts", "code", "said"),
    [
        (replace(READY, is_cancel_asked=True), "canceling", "being canceled"),
        (replace(READY, suspend=2), "suspended", "waits for 2 resume events."),
        (
            replace(READY, suspend=1, suspend_ends_in_s=95),
            "suspended",
            "1 resume event; the time limit ends in 1 min 35 s",
        ),
        (replace(READY, starts_in_s=90), "planned", "planned to start in 1 min 30 s."),
        (
            replace(READY, starts_in_s=5, scheduled_for=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)),
            "planned",
            "in 5 s (2030-01-02 03:04:05 UTC)",
        ),
        (replace(READY, starts_in_s=7, attempt=1), "retry", "tried again in 7 s"),
        (replace(READY, live_workers=0), "no_worker", 'No live worker serves the tag "python3"'),
        (replace(READY, live_workers=0, draining_workers=1), "workers_draining", "shutting down"),
        (
            replace(READY, live_workers=0, blocked_workers=1, sandbox_problem="clone failed"),
            "no_sandbox",
            "clone failed",
        ),
        (
            replace(READY, limit=1, limit_holders=HOLDERS[:1]),
            "limit",
            "At most 1 run of it at a time; now running: f/etl/0",
        ),
        (replace(READY, limit=5, limit_holders=HOLDERS), "limit", "and 2 more"),
        (replace(READY, place=1), "in_line", 'All slots of the 2 workers for the tag "python3" are taken; it is next.'),
        (replace(READY, place=2), "in_line", "1 job is before it"),
        (replace(READY, place=1200), "in_line", "1,199 jobs are before it"),
        (replace(READY, place=2, free_slots=2), "starting", "about to start"),
    ],
)
def test_the_first_reason_that_holds_is_given(facts: Facts, code: str, said: str) -> None:
    waiting = why_waiting(facts)
    assert waiting is not None
    assert waiting.code == code and said in waiting.sentence


def test_a_running_job_does_not_wait() -> None:
    assert why_waiting(replace(READY, is_running=True)) is None


def test_a_due_time_comes_before_missing_workers() -> None:
    waiting = why_waiting(replace(READY, starts_in_s=60, live_workers=0))
    assert waiting is not None and waiting.code == "planned"


def test_every_reason_that_a_person_can_mend_says_how() -> None:
    for facts in (replace(READY, live_workers=0), replace(READY, place=9), replace(READY, starts_in_s=9)):
        waiting = why_waiting(facts)
        assert waiting is not None and waiting.way_out
