"""Tell other processes, once the transaction has committed, that something must be read again.

The channel and the form of its lines are those of `workers.notify`; this room is below it and only speaks.
"""

from __future__ import annotations

from functools import partial

from django.db import connection, transaction

CHANNEL = "job_events"


def token_changed(prefix: str) -> None:
    transaction.on_commit(partial(_notify, f"t:{prefix}"))


def _notify(line: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, line])
