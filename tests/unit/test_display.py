"""How durations, sizes, times and states read."""

from datetime import UTC, datetime, timedelta

import pytest

from windmill_site import display

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, ""), (0, "0 ms"), (84.4, "84 ms"), (999, "999 ms"), (1200, "1.2 s"), (59_949, "59.9 s"),
     (59_960, "1 m 0 s"), (130_000, "2 m 10 s"), (3_900_000, "1 h 5 m"), (187_200_000, "2 d 4 h")],
)  # fmt: skip
def test_duration(ms, text):
    assert display.duration(ms) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, ""), (812, "812 B"), (12_400, "12.4 kB"), (3_100_000, "3.1 MB"), (5 * 10**12, "5.0 TB")]
)
def test_size(count, text):
    assert display.size(count) == text


@pytest.mark.parametrize(
    ("away", "text"),
    [(0, "just now"), (-45, "45 s ago"), (-240, "4 min ago"), (7300, "in 2 h"), (-86_400, "1 day ago"),
     (-3 * 86_400, "3 days ago"), (-30 * 86_400, "22 Oct"), (-400 * 86_400, "17 Oct 2025")],
)  # fmt: skip
def test_relative(away, text):
    assert display.relative(NOW + timedelta(seconds=away), NOW) == text


def test_unknown_state_shows_its_name():
    assert display.state("half_done").word == "Half done"
