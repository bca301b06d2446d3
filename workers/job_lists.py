"""Lists of jobs: filters of the API and of the runs page as one SQL statement. Pure.

Never args, results or logs (R5). Newest first by creation, which the indexes `job_by_time`, `job_by_path_time` and
`job_by_creator_time` give without sorting. Source of the filters: Windmill's API.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from workers import visibility
from workers.answers import Call
from workers.job_rows import COLUMNS, FROM
from workspaces.errors import BadRequest
from workspaces.ids import parse_hash
from workspaces.instants import parse_instant
from workspaces.jsontext import BadJson, clean
from workspaces.principal import Principal

MAX_PER_PAGE = 10_000
DEFAULT_PER_PAGE = 1000
# Comma lists; all values of one may be negated by a leading "!".
_LISTS = {
    "created_by": "j.created_by",
    "script_path_exact": "j.runnable_path",
    "parent_job": "j.parent_id::text",
    "tag": "j.tag",
    "worker": "coalesce(c.worker, q.worker, '')",
    "job_kinds": "j.kind",
    "trigger_kind": "j.trigger_kind",
    "trigger_path": "j.trigger_path",
}
_WILD = ("tag", "worker")
_MOMENTS = {
    "created": "j.created_at",
    "started": "coalesce(c.started_at, q.started_at)",
    "completed": "c.completed_at",
    "created_or_started": "coalesce(c.started_at, q.started_at, j.created_at)",
}
_STATES = {
    "running": "q.running",
    "waiting": "(q.id IS NOT NULL AND NOT q.running AND q.suspend = 0)",
    "suspended": "(q.id IS NOT NULL AND NOT q.running AND q.suspend > 0)",
    "success": "c.status = 'success'",
    "failure": "c.status = 'failure'",
    "canceled": "c.status = 'canceled'",
    "skipped": "c.status = 'skipped'",
}


@dataclass
class Query:
    """A statement being put together: conditions with their parameters."""

    conditions: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    columns: str = COLUMNS
    is_ascending: bool = False
    limit: int = DEFAULT_PER_PAGE
    offset: int = 0

    def add(self, condition: str, **parameters: Any) -> None:
        self.conditions.append(condition)
        self.parameters |= parameters

    @property
    def sql(self) -> str:
        order = "ASC" if self.is_ascending else "DESC"
        return (
            f"SELECT {self.columns} {FROM} WHERE {' AND '.join(self.conditions)}"
            f" ORDER BY j.created_at {order}, j.id {order} LIMIT {self.limit:d} OFFSET {self.offset:d}"
        )


def visible_jobs(principal: Principal, *, all_workspaces: bool = False) -> Query:
    """Every job the principal may see, to be narrowed."""
    sees, parameters = visibility.condition(principal)
    query = Query([sees], parameters)
    if not (all_workspaces and principal.is_superadmin and principal.workspace_id == "admins"):
        query.add("j.workspace_id = %(workspace_id)s", workspace_id=principal.workspace_id)
    return query


def api_list(call: Call, *, of: str = "") -> Query:
    """The list a call asks for; `of`: "queue" or "completed" for half of it. Raises BadRequest."""
    query = visible_jobs(call.principal, all_workspaces=call.flag("all_workspaces"))
    if of:
        query.add("q.id IS NOT NULL" if of == "queue" else "c.id IS NOT NULL")
    for name in _LISTS:
        if call.text(name):
            add_list(query, name, call.text(name), wild=call.flag("allow_wildcards"))
    _add_labels(query, call)
    _add_paths(query, call)
    _add_flags(query, call)
    _add_moments(query, call)
    _add_contents(query, call)
    per_page = call.whole("per_page", DEFAULT_PER_PAGE, low=1, high=MAX_PER_PAGE)
    query.limit, query.offset = per_page, (call.whole("page", 1, low=1, high=10**9) - 1) * per_page
    query.is_ascending = call.optional_flag("order_desc") is False
    if call.flag("include_args"):
        query.columns += ", j.args::text AS args"
    return query


def add_list(query: Query, name: str, given: str, *, wild: bool = False) -> None:
    """Narrow by one of the comma lists."""
    column = _LISTS[name]
    values = [value.strip() for value in given.split(",") if value.strip()]
    negated = bool(values) and all(value.startswith("!") for value in values)
    if not negated and any(value.startswith("!") for value in values):
        raise BadRequest(f"{name} mixes values with and without !; negate all of them or none")
    values = [value.removeprefix("!") for value in values]
    if wild and name in _WILD and any("*" in value for value in values):
        patterns = [_like(value).replace("*", "%") for value in values]
        test = f"{column} LIKE ANY(%({name})s)"
        query.add(f"NOT ({test})" if negated else test, **{name: patterns})
    elif len(values) == 1:
        # Not ANY of one: before Postgres 17 an index gives no order for that, and the whole path would be sorted.
        query.add(f"{column} {'<>' if negated else '='} %({name})s", **{name: values[0]})
    else:
        test = f"{column} <> ALL(%({name})s)" if negated else f"{column} = ANY(%({name})s)"
        query.add(test, **{name: values})


def add_state(query: Query, state: str) -> None:
    """Narrow to a state of the runs page or of the API's `status`. Raises BadRequest for an unknown one."""
    if state not in _STATES:
        raise BadRequest(f"status {state[:40]!r} is not known; use one of {', '.join(_STATES)}")
    query.add(_STATES[state])


def add_path_start(query: Query, start: str) -> None:
    """Narrow to paths that begin so; the pattern form lets the path index serve it."""
    query.add("j.runnable_path LIKE %(path_start)s", path_start=f"{_like(start)}%")


def add_before(query: Query, moment: datetime, job_id: UUID) -> None:
    """Keyset: what comes after (older than) a row of the page before."""
    query.add("(j.created_at, j.id) < (%(key_at)s, %(key_id)s)", key_at=moment, key_id=job_id)


def add_after(query: Query, moment: datetime, job_id: UUID) -> None:
    """Keyset backwards: the page before, oldest of it first."""
    query.add("(j.created_at, j.id) > (%(key_at)s, %(key_id)s)", key_at=moment, key_id=job_id)
    query.is_ascending = True


def _add_labels(query: Query, call: Call) -> None:
    values = [value.strip() for value in call.text("label").split(",") if value.strip()]
    if not values:
        return
    labels = "(j.labels || coalesce(c.labels, '{}'))"
    if call.flag("allow_wildcards") and any("*" in value for value in values):
        patterns = [_like(value).replace("*", "%") for value in values]
        query.add(
            f"EXISTS (SELECT 1 FROM unnest({labels}) AS label (text) WHERE label.text LIKE ANY(%(labels)s))",  # noqa: S608
            labels=patterns,
        )
    elif all(value.startswith("!") for value in values):
        query.add(f"NOT ({labels} && %(labels)s::varchar[])", labels=[value[1:] for value in values])
    else:
        query.add(f"{labels} && %(labels)s::varchar[]", labels=values)


def _add_paths(query: Query, call: Call) -> None:
    if call.text("script_path_start"):
        add_path_start(query, call.text("script_path_start"))
    if call.text("script_hash"):
        try:
            numbers = [parse_hash(each.strip()) for each in call.text("script_hash").split(",")]
        except ValueError as error:
            raise BadRequest(str(error)) from None
        query.add("j.runnable_hash = ANY(%(hashes)s)", hashes=numbers)
    if call.text("schedule_path"):
        query.add(
            "j.trigger_kind = 'schedule' AND j.trigger_path = %(schedule_path)s",
            schedule_path=call.text("schedule_path"),
        )


def _add_flags(query: Query, call: Call) -> None:
    """Each true or false when given."""
    flags = {
        "running": "coalesce(q.running, false)",
        "is_skipped": "coalesce(c.status = 'skipped', false)",
        "is_flow_step": "(j.parent_id IS NOT NULL)",
        "has_null_parent": "(j.parent_id IS NULL)",
        "is_not_schedule": "(j.trigger_kind <> 'schedule')",
        "suspended": "coalesce(q.suspend > 0, false)",
    }
    for name, test in flags.items():
        wanted = call.optional_flag(name)
        if wanted is None:
            continue
        if name == "running" and wanted:
            query.add("q.running")  # the small table leads: only what runs is looked at
        else:
            query.add(test if wanted else f"NOT {test}")
    success = call.optional_flag("success")
    if success is not None:  # written so that the index of failures can serve it
        query.add("c.status IN ('success', 'skipped')" if success else "c.status IN ('failure', 'canceled')")
    if call.flag("scheduled_for_before_now"):
        query.add("(q.id IS NULL OR q.scheduled_for <= windmill_now())")
    if call.text("status"):
        add_state(query, call.text("status"))


def _add_moments(query: Query, call: Call) -> None:
    for stem, column in _MOMENTS.items():
        for side, sign in (("before", "<="), ("after", ">=")):
            for name in (f"{stem}_{side}", f"{stem}_{side}_completed_jobs"):
                if call.text(name):
                    query.add(f"{column} {sign} %({name})s", **{name: _moment(name, call.text(name))})
    for side, sign in (("before", "<="), ("after", ">=")):
        name = f"created_{side}_queue"
        if call.text(name):
            query.add(f"(q.id IS NULL OR j.created_at {sign} %({name})s)", **{name: _moment(name, call.text(name))})


def _add_contents(query: Query, call: Call) -> None:
    """Filters by content. `json` cannot be indexed: use them together with others, or on small workspaces."""
    for name, column in (("args", "j.args"), ("result", "c.result")):
        if call.text(name):
            text, _ = _json(name, call.text(name))
            # NUL and lone surrogates are filtered before storing, so the cast cannot fail on them.
            query.add(f"{column}::jsonb @> %(content_{name})s::jsonb", **{f"content_{name}": text})
    if call.text("broad_filter"):
        query.add(
            "(j.runnable_path ILIKE %(broad)s OR j.created_by ILIKE %(broad)s OR j.tag ILIKE %(broad)s"
            " OR j.id::text ILIKE %(broad)s)",
            broad=f"%{_like(call.text('broad_filter'))}%",
        )


def _json(name: str, given: str) -> tuple[str, Any]:
    candidates: list[str | bytes] = [given]
    with contextlib.suppress(binascii.Error, ValueError):
        candidates.append(base64.urlsafe_b64decode(given + "==="))
    for each in candidates:
        try:
            return clean(each, max_bytes=100_000)
        except BadJson:
            continue
    raise BadRequest(f"{name} must be JSON (an object the job's {name} contains), plain or in base64")


def _moment(name: str, given: str) -> datetime:
    try:
        return parse_instant(given)
    except ValueError:
        raise BadRequest(f"{name} must be a time such as 2026-01-31T08:00:00Z, not {given[:40]!r}") from None


def _like(text: str) -> str:
    """`text` itself in a LIKE pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
