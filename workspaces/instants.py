"""Instants from outside. Pure.

Postgres keeps years that Python's `datetime` cannot hold, and a zone moves 9999-12-31 into the year 10000: one such row
would raise in every list that reads it, and in the worker that claims it. So the edge takes only what can be read back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)


def readable(instant: datetime) -> datetime:
    """`instant` if every zone can show it; without a zone it is UTC. Raises ValueError.

    >>> readable(datetime(2026, 1, 31, 8)).isoformat()
    '2026-01-31T08:00:00+00:00'
    """
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    if not EARLIEST <= aware <= LATEST:
        raise ValueError("the time must lie between the years 1 and 9999")
    return aware


def parse_instant(text: str) -> datetime:
    """ISO 8601, UTC without a zone; the `+` of a zone may have become a blank on its way through a query.

    Raises ValueError.
    """
    return readable(datetime.fromisoformat(text.replace(" ", "+")))


def _checked(instant: datetime) -> datetime:
    readable(instant)
    return instant  # whoever asks for a zone still sees that there is none


type Instant = Annotated[datetime, AfterValidator(_checked)]
"""A field of an API body or query."""
