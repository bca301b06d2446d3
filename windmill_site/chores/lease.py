"""One host at a time: a chore that several hosts may start runs where the lease row was taken."""

import functools
import os
import socket
from collections.abc import Callable

from django.db import connection

# The database's clock decides, so hosts whose clocks differ still agree.
_TAKE = """
INSERT INTO workspaces_lease (name, owner, expires_at)
VALUES (%(name)s, %(owner)s, now() + %(seconds)s * interval '1 second')
ON CONFLICT (name) DO UPDATE SET owner = EXCLUDED.owner, expires_at = EXCLUDED.expires_at
WHERE workspaces_lease.expires_at <= now()
RETURNING name
"""


def take(name: str, *, seconds: float) -> bool:
    """Whether the lease `name` is ours for that long; False while somebody else has it."""
    owner = f"{socket.gethostname()}:{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"name": name, "owner": owner, "seconds": seconds})
        return cursor.fetchone() is not None


def once_within(seconds: float) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Make a chore do nothing if any host has begun it in the last `seconds`."""

    def wrap(chore: Callable[[], None]) -> Callable[[], None]:
        @functools.wraps(chore)
        def run() -> None:
            if take(f"chore:{chore.__name__}", seconds=seconds):
                chore()

        return run

    return wrap
