"""Windows that come again: a cron expression in a time zone, and how long each lasts.

An expression speaks of wall clocks, so daylight saving must be thought of: an hour that the clocks skip begins when
they have skipped it, and an hour that they show twice begins the first time. How long a window lasts is real time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MAX_DURATION_S: Final = 7 * 86_400.0
_SHORTHANDS: Final = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
}  # fmt: skip
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Cron(msgspec.Struct, frozen=True):
    """When something begins: five fields, as cron reads them.

    Attributes:
        minutes, hours, days, months: of the day, the month and the year.
        weekdays: 0 is Sunday.
        either: whether one of day and weekday suffices: so it is where both are restricted.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def has_day(self, day: date) -> bool:
        """Whether it begins at all on this day."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (by_day or by_weekday) if self.either else (by_day and by_weekday)


def parse_cron(text: str) -> Cron:
    """Read `30 22 * * 1-5`: minute, hour, day of the month, month, day of the week.

    Raises: ValueError: saying which field is wrong, and what it may be.
    """
    fields = _SHORTHANDS.get(text.strip().lower(), text).split()
    if len(fields) != 5:
        raise ValueError(
            f"found {text!r}, expected five fields: minute hour day month weekday, as in '30 22 * * mon-fri'"
        )
    minute, hour, day, month, weekday = fields
    weekdays = _field("weekday", weekday, 0, 7, _DAYS)
    return Cron(
        _field("minute", minute, 0, 59), _field("hour", hour, 0, 23), _field("day", day, 1, 31),
        _field("month", month, 1, 12, _MONTHS, first=1), frozenset(number % 7 for number in weekdays),
        either=not day.startswith("*") and not weekday.startswith("*"),
    )  # fmt: skip


class Recurrence(msgspec.Struct, frozen=True, kw_only=True):
    """A window that comes again.

    Attributes:
        cron: when each begins, on the wall clocks of the zone.
        duration_s: how long each lasts; at most a week.
        zone: a name of the time zone database, like `Europe/Berlin`.
    Raises: ValueError: if one of them is wrong.
    """

    cron: str
    duration_s: float
    zone: str = "UTC"

    def __post_init__(self) -> None:
        parse_cron(self.cron)
        if not 0 < self.duration_s <= MAX_DURATION_S:
            raise ValueError(f"a window lasts more than nothing and at most a week, found {self.duration_s:g} s")
        _zone(self.zone)

    def open_until(self, utc: datetime) -> datetime | None:
        """When the window that is open at `utc` ends; the last to end, where they overlap. None while none is open."""
        began = self.last_begin(utc)
        if began is None:
            return None
        ends = began + timedelta(seconds=self.duration_s)
        return ends if utc < ends else None

    def last_begin(self, utc: datetime) -> datetime | None:
        """The last begin at or before `utc` of a window that could still be open; None: there is none."""
        cron, zone = parse_cron(self.cron), _zone(self.zone)
        # A day more on either side: no zone is further from UTC, and a skipped hour may carry over midnight.
        day = utc.astimezone(zone).date() + timedelta(days=1)
        earliest = utc - timedelta(seconds=self.duration_s)
        last = (earliest.astimezone(zone)).date() - timedelta(days=1)
        found: datetime | None = None
        while day >= last and found is None:
            if cron.has_day(day):
                begins = [_real(day, hour, minute, zone) for hour in cron.hours for minute in cron.minutes]
                found = max((begin for begin in begins if earliest < begin <= utc), default=None)
            day -= timedelta(days=1)
        return found


def _real(day: date, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    """When wall clocks show this for the first time, or when they have just skipped it."""
    wall = datetime.combine(day, time(hour, minute), zone)
    utc = wall.astimezone(UTC)
    if utc.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return utc
    # Skipped: read with the offset of after the jump it lies before it, and with that of before behind it.
    low, high = wall.replace(fold=1).astimezone(UTC), utc
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - few have windows that come again

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"found time zone {name!r}, expected a name like Europe/Berlin or UTC") from error


def _field(name: str, text: str, low: int, high: int, words: tuple[str, ...] = (), *, first: int = 0) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        span, _, step_text = part.partition("/")
        if span == "*":
            begin, end = low, high
        else:
            begin_text, dash, end_text = span.partition("-")
            begin = _number(name, begin_text, low, high, words=words, first=first)
            end = (
                _number(name, end_text, low, high, words=words, first=first) if dash else (high if step_text else begin)
            )
        step = _number(name, step_text, 1, high) if step_text else 1
        if begin > end:
            raise ValueError(f"{name}: found {part!r}, which runs backwards")
        found.update(range(begin, end + 1, step))
    return frozenset(found)


def _number(name: str, text: str, low: int, high: int, *, words: tuple[str, ...] = (), first: int = 0) -> int:
    if text in words:
        return words.index(text) + first
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        also = f" or {words[0]} … {words[-1]}" if words else ""
        raise ValueError(f"{name}: found {text!r}, expected {low} to {high}{also}")
    return int(text)
