"""Weekly partitions by id. Any worker makes them, ahead of time; making one that exists is nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection, sql

from workspaces.ids import first_uuid7_of

TABLES = {"job": "id", "job_completed": "id", "job_log": "job_id"}
WEEKS_AHEAD = 3
_WEEK = timedelta(weeks=1)
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def week_of(instant: datetime) -> datetime:
    """The Monday, 00:00 UTC, at or before `instant`."""
    return _MONDAY + (instant - _MONDAY) // _WEEK * _WEEK


def name_of(table: str, week: datetime) -> str:
    year, number, _ = week.isocalendar()
    return f"{table}_{year}w{number:02d}"


async def ensure(conn: AsyncConnection[Any], *, now: datetime) -> list[str]:
    """Make the partitions of this week and the next ones. Answers the names of those made.

    A row of that time that already lies in the default partition (an id chosen far ahead) is moved with it. Safe when
    several processes do it at once: an advisory lock per transaction, and each step is checked under it.
    Raises LockNotAvailable while somebody reads the default partition for long: try again later.
    """
    made: list[str] = []
    first = week_of(now)
    for ahead in range(WEEKS_AHEAD + 1):
        week = first + ahead * _WEEK
        for table, key in TABLES.items():
            if await _ensure_one(conn, table, key, week):
                made.append(name_of(table, week))
    return made


async def _ensure_one(conn: AsyncConnection[Any], table: str, key: str, week: datetime) -> bool:
    name = name_of(table, week)
    if await _exists(conn, name):
        return False
    low, high = (first_uuid7_of(int(edge.timestamp() * 1000)) for edge in (week, week + _WEEK))
    names = {"table": sql.Identifier(table), "name": sql.Identifier(name), "key": sql.Identifier(key)}
    names["default"] = sql.Identifier(f"{table}_default")
    edges = {"low": sql.Literal(low), "high": sql.Literal(high)}
    async with conn.transaction():
        await conn.execute("SET LOCAL lock_timeout = '20s'")  # for the other processes that make them
        await conn.execute("SELECT pg_advisory_xact_lock(hashtext('windmill.partitions'))")
        # Attaching locks the default partition. Behind a long reader (a backup) we must not wait: all others would
        # wait behind us. It is weeks early, so another time will do.
        await conn.execute("SET LOCAL lock_timeout = '300ms'")
        if await _exists(conn, name):
            return False
        steps = (
            "CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)",
            "WITH moved AS (DELETE FROM {default} WHERE {key} >= {low} AND {key} < {high} RETURNING *)"
            " INSERT INTO {name} SELECT * FROM moved",
            # ATTACH takes a lighter lock on the parent than CREATE … PARTITION OF: running jobs are not held up.
            "ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})",
        )
        for step in steps:
            await conn.execute(sql.SQL(step).format(**names, **edges))
    return True


async def drop_before(conn: AsyncConnection[Any], *, instant: datetime) -> list[str]:
    """Drop the partitions of whole weeks before `instant` (retention). Answers their names.

    Raises LockNotAvailable while somebody reads the tables for long: what is left is dropped another time.
    """
    last = week_of(instant)
    dropped: list[str] = []
    for table in TABLES:
        rows = await (
            await conn.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", (table,)
            )
        ).fetchall()
        for (name,) in rows:
            stamp = name.removeprefix(f"{table}_")
            if stamp == "default" or _monday(stamp) >= last:
                continue
            async with conn.transaction():
                await conn.execute("SET LOCAL lock_timeout = '300ms'")  # it locks the parent: nobody may wait behind us
                await conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
            dropped.append(name)
    return dropped


def _monday(stamp: str) -> datetime:
    year, number = stamp.split("w")
    return datetime.fromisocalendar(int(year), int(number), 1).replace(tzinfo=UTC)


# Not to_regclass: it answers from the session's cache, which does not yet know what another has just committed.
_EXISTS = "SELECT 1 FROM pg_class WHERE relname = %s AND relnamespace = current_schema()::regnamespace"


async def _exists(conn: AsyncConnection[Any], name: str) -> bool:
    return await (await conn.execute(_EXISTS, (name,))).fetchone() is not None
