"""Windows that come again, also where clocks jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.schedule import Recurrence, parse_cron

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_window_is_open_from_its_begin_until_just_before_its_end() -> None:
    nightly = Recurrence(cron="0 22 * * *", duration_s=3600)
    assert nightly.open_until(at("2026-05-01T21:59:59")) is None
    assert nightly.open_until(at("2026-05-01T22:00:00")) == at("2026-05-01T23:00:00")
    assert nightly.open_until(at("2026-05-01T22:59:59")) == at("2026-05-01T23:00:00")
    assert nightly.open_until(at("2026-05-01T23:00:00")) is None


def test_a_window_over_midnight_stays_open_on_the_next_day() -> None:
    friday = Recurrence(cron="0 23 * * fri", duration_s=7200)
    assert friday.open_until(at("2026-05-02T00:30:00")) == at("2026-05-02T01:00:00")  # a Saturday
    assert friday.open_until(at("2026-05-03T00:30:00")) is None


def test_a_zone_moves_the_window() -> None:
    nightly = Recurrence(cron="0 22 * * *", duration_s=3600, zone=BERLIN)
    assert nightly.open_until(at("2026-07-01T20:30:00")) == at("2026-07-01T21:00:00")
    assert nightly.open_until(at("2026-01-01T21:30:00")) == at("2026-01-01T22:00:00")


def test_a_window_in_an_hour_that_clocks_skip_begins_when_they_have_skipped_it() -> None:
    at_half_past_two = Recurrence(cron="30 2 * * *", duration_s=3600, zone=BERLIN)
    assert at_half_past_two.last_begin(at("2026-03-29T00:59:59")) is None
    assert at_half_past_two.last_begin(at("2026-03-29T01:00:00")) == at("2026-03-29T01:00:00")
    assert at_half_past_two.open_until(at("2026-03-29T01:59:59")) == at("2026-03-29T02:00:00")


def test_a_window_in_an_hour_that_clocks_show_twice_comes_once() -> None:
    at_half_past_two = Recurrence(cron="30 2 * * *", duration_s=1800, zone=BERLIN)
    assert at_half_past_two.open_until(at("2026-10-25T00:30:00")) == at("2026-10-25T01:00:00")
    assert at_half_past_two.open_until(at("2026-10-25T01:30:00")) is None


def test_where_day_and_weekday_are_both_named_one_of_them_suffices() -> None:
    cron = parse_cron("0 0 13 * fri")
    assert cron.has_day(at("2026-05-13T00:00:00").date())  # a Wednesday
    assert cron.has_day(at("2026-05-15T00:00:00").date())  # a Friday
    assert not cron.has_day(at("2026-05-14T00:00:00").date())


@pytest.mark.parametrize("text", ["0 0 * * 7", "0 0 * * 0", "0 0 * * sun", "@weekly"])
def test_sunday_has_several_names(text: str) -> None:
    assert parse_cron(text).weekdays == {0}


def test_steps_ranges_and_lists_are_read_as_cron_does() -> None:
    cron = parse_cron("*/20 8-10,22 1-31/10 jan-mar *")
    assert cron.minutes == {0, 20, 40}
    assert cron.hours == {8, 9, 10, 22}
    assert cron.days == {1, 11, 21, 31}
    assert cron.months == {1, 2, 3}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("* * *", "five fields"), ("60 * * * *", "minute.*'60'.*0 to 59"), ("* 24 * * *", "hour"),
        ("* * 0 * *", "day"), ("* * * foo *", "month.*jan … dec"), ("5-1 * * * *", "backwards"),
        ("*/0 * * * *", "minute.*'0'"), ("-1 * * * *", "minute"), ("", "five fields"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_field(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_cron(text)


@pytest.mark.parametrize(
    "fields", [{"duration_s": 0.0}, {"duration_s": 1e9}, {"zone": "Mars/Olympus"}, {"zone": "../etc"}, {"cron": "x"}]
)
def test_a_recurrence_that_cannot_be_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"found|lasts"):
        Recurrence(**{"cron": "0 0 * * *", "duration_s": 60.0, **fields})  # type: ignore[arg-type]


@given(
    minutes=st.integers(0, 525_600),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    duration_s=st.integers(60, 90_000),
    zone=st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]),
)
def test_whatever_the_zone_a_daily_window_is_open_for_as_long_as_it_lasts(
    minutes: int, hour: int, minute: int, duration_s: int, zone: str
) -> None:
    """Each begin shows the wall time it was asked for, unless clocks skipped it, and is the last one."""
    daily = Recurrence(cron=f"{minute} {hour} * * *", duration_s=float(duration_s), zone=zone)
    utc = at("2026-01-01T00:00:00") + timedelta(minutes=minutes)
    began = daily.last_begin(utc)
    if began is None:
        return
    assert began <= utc < began + timedelta(seconds=duration_s)
    assert daily.open_until(utc) == began + timedelta(seconds=duration_s)
    assert daily.last_begin(began) == began
    wall = began.astimezone(ZoneInfo(zone))
    just_before = (began - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
    assert (wall.hour, wall.minute) == (hour, minute) or wall.utcoffset() != just_before.utcoffset()
