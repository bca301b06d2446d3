"""The checker itself: a good history passes, each kind of bad one is named."""

from typing import Any
from uuid import UUID

from tests.chaos.history import Change, check

JOB = UUID(int=1)
WAITING = {"running": False, "attempt": 0, "losses": 0, "lease_id": None, "worker": None}
HELD = {"running": True, "attempt": 1, "losses": 0, "lease_id": "a", "worker": "one"}
LOST = {"running": False, "attempt": 1, "losses": 1, "lease_id": None, "worker": None}
HELD_AGAIN = {"running": True, "attempt": 2, "losses": 1, "lease_id": "b", "worker": "two"}
ENDED = {"attempt": 2, "worker": "two", "status": "success"}

type Row = dict[str, Any] | None


def _history(*steps: tuple[str, str, Row, Row]) -> list[Change]:
    """`steps`: (txid, relation, before, after)."""
    changes = []
    for number, (txid, relation, before, after) in enumerate(steps):
        operation = "INSERT" if before is None else "DELETE" if after is None else "UPDATE"
        changes.append(Change(number, txid, relation, operation, JOB, before, after))
    return changes


GOOD = (
    ("1", "queue", None, WAITING),
    ("2", "queue", WAITING, HELD),
    ("3", "queue", HELD, LOST),
    ("4", "queue", LOST, HELD_AGAIN),
    ("5", "queue", HELD_AGAIN, None),
    ("5", "completed", None, ENDED),
)


def _named(*steps: tuple[str, str, Row, Row], **options: Any) -> set[str]:
    return {violation.invariant for violation in check(_history(*steps), **options)}


def test_a_good_history_passes() -> None:
    assert check(_history(*GOOD)) == []


def test_two_terminal_rows_are_seen() -> None:
    assert "J4" in _named(*GOOD, ("6", "completed", None, ENDED))


def test_a_changed_terminal_row_is_seen() -> None:
    assert _named(*GOOD, ("6", "completed", ENDED, ENDED | {"status": "failure"})) == {"J4"}


def test_a_job_that_is_nowhere_for_a_moment_is_seen() -> None:
    assert _named(*GOOD[:5], ("6", "completed", None, ENDED)) == {"J5"}


def test_a_job_that_never_ends_is_seen() -> None:
    assert _named(*GOOD[:4]) == {"J5"}
    assert _named(*GOOD[:4], all_ended=False) == set()


def test_an_end_by_a_worker_that_lost_its_lease_is_seen() -> None:
    assert _named(*GOOD[:5], ("5", "completed", None, {"attempt": 1, "worker": "one", "status": "success"})) == {"J6"}


def test_an_end_of_a_job_that_nobody_holds_is_seen() -> None:
    steps = (("4", "queue", LOST, None), ("4", "completed", None, {"attempt": 1, "worker": None, "status": "failure"}))
    assert _named(*GOOD[:3], *steps) == {"J6"}


def test_a_lease_that_is_taken_away_without_a_stop_is_seen() -> None:
    assert "J7" in _named(*GOOD[:2], ("3", "queue", HELD, HELD_AGAIN), *GOOD[4:])


def test_an_attempt_that_is_not_counted_is_seen() -> None:
    again = HELD_AGAIN | {"attempt": 1}
    steps = (("4", "queue", LOST, again), ("5", "queue", again, None))
    assert "J7" in _named(*GOOD[:3], *steps, ("5", "completed", None, ENDED | {"attempt": 1}))


def test_too_many_restarts_are_seen() -> None:
    assert _named(*GOOD, max_losses=0) == {"J10"}
