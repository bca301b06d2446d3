"""What happened to every job, recorded by triggers, and whether it may have happened. The checker is pure.

Order: changes of one job are serialized by its row, so the number of a change orders them; changes with one `txid`
became visible together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

TRIGGERS = """
CREATE TABLE history (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    relation text NOT NULL,
    operation text NOT NULL,
    job_id uuid NOT NULL,
    before json,
    after json
);
CREATE FUNCTION record_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO history (relation, operation, job_id, before, after) VALUES (
        TG_ARGV[0], TG_OP, coalesce(NEW.id, OLD.id),
        CASE WHEN TG_OP <> 'INSERT' THEN to_json(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_json(NEW) END);
    RETURN NULL;
END $$;
CREATE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON job_queue
    FOR EACH ROW EXECUTE FUNCTION record_history('queue');
CREATE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON job_completed
    FOR EACH ROW EXECUTE FUNCTION record_history('completed');
"""

READ = "SELECT number, txid::text, relation, operation, job_id, before, after FROM history ORDER BY number"


@dataclass(frozen=True)
class Change:
    """One row changed. `before`, `after`: the row as JSON, None where there is none."""

    number: int
    txid: str
    relation: str
    operation: str
    job_id: UUID
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True)
class Violation:
    """An invariant of reliability.md that the history contradicts."""

    invariant: str
    job_id: UUID
    text: str


def check(changes: Iterable[Change], *, max_losses: int = 3, all_ended: bool = True) -> list[Violation]:
    """Every contradiction to J4, J5, J6, J7 and J10. `all_ended`: no job may be left in the queue."""
    by_job: dict[UUID, list[Change]] = defaultdict(list)
    for change in sorted(changes, key=lambda each: each.number):
        by_job[change.job_id].append(change)
    found: list[Violation] = []
    for job_id, its in by_job.items():
        for rule in (_one_terminal_row, _never_both_or_neither, _fenced, _attempts):
            found += [Violation(invariant, job_id, text) for invariant, text in rule(its)]
        found += [Violation("J10", job_id, text) for text in _losses(its, max_losses)]
        if all_ended and not any(each.relation == "completed" for each in its):
            found.append(Violation("J5", job_id, "never ended"))
    return found


type Found = list[tuple[str, str]]


def _one_terminal_row(its: Sequence[Change]) -> Found:
    ends = [each for each in its if each.relation == "completed"]
    found: Found = []
    if sum(each.operation == "INSERT" for each in ends) > 1:
        found.append(("J4", "more than one terminal row"))
    found += [("J4", f"the terminal row got a {each.operation}") for each in ends if each.operation != "INSERT"]
    return found


def _never_both_or_neither(its: Sequence[Change]) -> Found:
    """After each transaction the job is in exactly one of the two tables."""
    queued = completed = 0
    found: Found = []
    for position, change in enumerate(its):
        step = {"INSERT": 1, "DELETE": -1}.get(change.operation, 0)
        if change.relation == "queue":
            queued += step
        else:
            completed += step
        is_last_of_transaction = position + 1 == len(its) or its[position + 1].txid != change.txid
        if is_last_of_transaction and queued + completed != 1:
            found.append(("J5", f"in the queue {queued} times, completed {completed} times after {change.txid}"))
    return found


def _fenced(its: Sequence[Change]) -> Found:
    """A terminal row names the attempt and worker that held the lease when the queue row went."""
    removed = next((each.before for each in its if each.relation == "queue" and each.operation == "DELETE"), None)
    ended = next((each.after for each in its if each.relation == "completed"), None)
    if removed is None or ended is None:
        return []
    if (removed["attempt"], removed["worker"]) != (ended["attempt"], ended["worker"]):
        return [("J6", f"ended by {ended['worker']} attempt {ended['attempt']}, held by {removed['worker']}")]
    if not removed["running"] and ended["status"] != "canceled":
        return [("J6", f"ended as {ended['status']} while nobody held it")]
    return []


def _attempts(its: Sequence[Change]) -> Found:
    """An attempt begins from waiting with the next number and a lease of its own, and ends before another begins."""
    found: Found = []
    leases: set[str] = set()
    for change in its:
        if change.relation != "queue" or change.operation != "UPDATE":
            continue
        before, after = change.before or {}, change.after or {}
        if after["running"] and not before["running"]:
            if after["attempt"] != before["attempt"] + 1:
                found.append(("J7", f"attempt {before['attempt']} was followed by {after['attempt']}"))
            if after["lease_id"] is None or after["lease_id"] in leases:
                # a claim that nobody learned of goes back with its number and may be drawn again by the same worker
                found.append(("J7", "an attempt without a lease of its own"))
            leases.add(after["lease_id"])
        elif after["running"] and after["lease_id"] != before["lease_id"]:
            found.append(("J7", "a lease changed hands while it was held"))
        elif before["running"] and not after["running"]:
            if after["lease_id"] is not None or after["attempt"] not in (before["attempt"], before["attempt"] - 1):
                found.append(("J7", "an attempt ended without giving up its lease"))
            if after["attempt"] == before["attempt"] - 1:
                leases.discard(before["lease_id"])
    return found


def _losses(its: Sequence[Change], max_losses: int) -> list[str]:
    highest = max((each.after or {}).get("losses", 0) for each in its)
    return [f"started again {highest} times after losses, at most {max_losses} are allowed"] * (highest > max_losses)
