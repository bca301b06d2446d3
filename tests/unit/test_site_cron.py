"""CRONJOBS without a cron daemon: which minutes an entry names."""

from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

from windmill_site.chores.cron import BadCron, due, matches

FRIDAY = datetime(2030, 2, 1, 3, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", True),
        ("17 3 * * *", True),
        ("18 3 * * *", False),
        ("*/17 * * * *", True),
        ("*/16 * * * *", False),
        ("2/15 * * * *", True),
        ("10-20 1-5 * * *", True),
        ("1,17 * * 2 *", True),
        ("* * * 3 *", False),
        ("* * * * 5", True),
        ("* * * * 1-4", False),
        ("* * 13 * 5", True),
        ("* * 13 * 4", False),
        ("* * */2 * 4", False),
    ],
)
def test_entries_name_minutes(expression, expected):
    assert matches(expression, FRIDAY) is expected


@pytest.mark.parametrize("sunday", ["0", "7"])
def test_sunday_has_two_numbers(sunday):
    assert matches(f"* * * * {sunday}", datetime(2030, 2, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("* * * *", "has 4 fields"),
        ("60 * * * *", '"60" is no minute'),
        ("* 5-1 * * *", '"5-1" is no hour'),
        ("* * 0 * *", "day of month"),
        ("* * * jan *", "month"),
        ("*/0 * * * *", "minute"),
    ],
)
def test_a_wrong_entry_names_the_field(expression, told):
    with pytest.raises(BadCron, match=told):
        matches(expression, FRIDAY)


def test_due_gives_the_functions_of_that_minute():
    assert due([("17 3 * * *", "a.b"), ("0 4 * * *", "c.d")], FRIDAY) == ["a.b"]


def test_every_entry_can_be_read_and_called():
    for expression, function in settings.CRONJOBS:
        matches(expression, FRIDAY)
        assert callable(import_string(function))
