"""When runs may start."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.runs.hours import Hours

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> int:
    """Return a time in Berlin as epoch milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


def told(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, BERLIN).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("window", "now", "inside"),
    [
        ("01:00-06:00", "2026-01-05 00:59", False),
        ("01:00-06:00", "2026-01-05 01:00", True),
        ("01:00-06:00", "2026-01-05 05:59", True),
        ("01:00-06:00", "2026-01-05 06:00", False),
        ("22:00-06:00", "2026-01-05 23:30", True),
        ("22:00-06:00", "2026-01-05 05:59", True),
        ("22:00-06:00", "2026-01-05 12:00", False),
        ("03:00-03:00", "2026-01-05 12:00", True),
        ("", "2026-01-05 12:00", True),
    ],
)
def test_a_window_is_told_by_the_local_clock(window: str, now: str, inside: bool) -> None:
    assert Hours(window, BERLIN).inside(at(now)) is inside


def test_the_next_opening() -> None:
    hours = Hours("01:00-06:00", BERLIN)
    assert told(hours.earliest(at("2026-01-05 00:10"))) == "2026-01-05 01:00"
    assert told(hours.earliest(at("2026-01-05 03:10"))) == "2026-01-05 03:10"
    assert told(hours.earliest(at("2026-01-05 12:00"))) == "2026-01-06 01:00"
    assert told(Hours("22:00-06:00", BERLIN).earliest(at("2026-01-05 12:00"))) == "2026-01-05 22:00"


@given(
    st.sampled_from(["01:00-06:00", "02:00-03:00", "02:30-02:45", "22:00-06:00", "00:00-00:01"]),
    st.integers(at("2026-03-27 00:00"), at("2026-11-02 00:00")),
)
def test_from_any_moment_a_window_opens_within_two_days(window: str, now: int) -> None:
    # Also on the days on which the clock is put forward over the window, or back.
    hours, looked = Hours(window, BERLIN), now
    for _ in range(4):
        opening = hours.earliest(looked)
        assert opening >= looked
        if hours.inside(opening):
            break
        assert opening > looked
        looked = opening
    assert hours.inside(opening)
    assert opening - now < 50 * 3600 * 1000


def test_a_schedule_goes_by_the_same_clock() -> None:
    hours = Hours(zone=BERLIN)
    assert told(hours.scheduled("0 3 * * *", at("2026-01-05 02:00"))) == "2026-01-05 03:00"
    assert told(hours.scheduled("0 3 * * *", at("2026-01-05 03:00"))) == "2026-01-06 03:00"
    assert told(hours.scheduled("0 3 * * 1", at("2026-07-07 02:00"))) == "2026-07-13 03:00"


def test_without_a_zone_it_is_this_machines_clock() -> None:
    now = datetime(2026, 1, 5, 12)
    assert Hours("12:00-13:00").inside(int(now.timestamp() * 1000))
    opening = Hours("14:00-15:00").earliest(int(now.timestamp() * 1000))
    assert datetime.fromtimestamp(opening / 1000).hour == 14
    assert datetime.fromtimestamp(Hours().scheduled("30 16 * * *", opening) / 1000).minute == 30
