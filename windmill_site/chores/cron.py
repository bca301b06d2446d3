"""Runs `settings.CRONJOBS` without a cron daemon: hands each entry to the queue cluster in the minute it names."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from workspaces import clock

log = logging.getLogger(__name__)

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES = ("minute", "hour", "day of month", "month", "day of week")


class BadCron(ValueError):
    """A cron expression cannot be read; `str()` names the field."""


def matches(expression: str, minute: datetime) -> bool:
    """Whether `minute` is one that five-field `expression` names. Raises BadCron.

    Fields are numbers, `*`, ranges, lists and steps; when both days are restricted either may match.
    Source: crontab(5).
    """
    fields = expression.split()
    if len(fields) != 5:
        raise BadCron(f'"{expression}" has {len(fields)} fields; a cron entry has five: {", ".join(_NAMES)}.')
    allowed = [_allowed(field, position) for position, field in enumerate(fields)]
    weekday = minute.isoweekday() % 7
    on_day = minute.day in allowed[2]
    on_weekday = weekday in allowed[4] or (weekday == 0 and 7 in allowed[4])
    restricts_both = not fields[2].startswith("*") and not fields[4].startswith("*")
    day_fits = (on_day or on_weekday) if restricts_both else (on_day and on_weekday)
    return minute.minute in allowed[0] and minute.hour in allowed[1] and minute.month in allowed[3] and day_fits


def due(jobs: Iterable[Sequence[str]], minute: datetime) -> list[str]:
    """The functions (dotted names) of the entries that name `minute`."""
    return [job[1] for job in jobs if matches(job[0], minute)]


def run_forever() -> None:
    """Look at CRONJOBS once a minute until the process ends."""
    from django.conf import settings
    from django_q.tasks import async_task

    minute = _start_of(clock.now())
    while True:
        minute += timedelta(minutes=1)
        time.sleep(max(0.0, (minute - clock.now()).total_seconds()))
        minute = max(minute, _start_of(clock.now()))  # after a sleep of the host the missed minutes stay missed
        _hand_over(due(settings.CRONJOBS, minute), async_task)


def _hand_over(functions: list[str], hand: Callable[..., object]) -> None:
    from django.db import close_old_connections

    try:
        for function in functions:
            hand(function, task_name=f"{function} {clock.now():%H:%M}", group="cron")
    except Exception:  # the edge of this thread: the database may be away for a minute
        log.exception("cron.failed")
    finally:
        close_old_connections()


def _start_of(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


def _allowed(field: str, position: int) -> set[int]:
    try:
        return set().union(*(_span(part, *_RANGES[position]) for part in field.split(",")))
    except ValueError:
        low, high = _RANGES[position]
        raise BadCron(f'"{field}" is no {_NAMES[position]} of a cron entry; it has {low} to {high}.') from None


def _span(part: str, low: int, high: int) -> range:
    body, _, step = part.partition("/")
    if body == "*":
        first, last = low, high
    else:
        start, _, end = body.partition("-")
        first = int(start)
        last = int(end) if end else (high if step else first)
    if not low <= first <= last <= high:
        raise ValueError(part)
    return range(first, last + 1, int(step) if step else 1)
