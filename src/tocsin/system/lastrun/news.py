"""What is told of the end of a run: one alert, however often it happens in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.model.alert import Evidence
from tocsin.model.inputs import Event
from tocsin.model.levels import AlertSeverity
from tocsin.system.lastrun.traces import stacks_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.system.lastrun.ending import Ending, Traces
    from tocsin.system.lastrun.record import RunRecord

TITLE: Final = "The last run did not end well"
# Not the program's name: what the program raises itself is limited by its source, and may bear that name.
SOURCE: Final = "tocsin"
# From so many in a row on it is a crash loop, and whoever is not told of warnings is to know.
LOOP: Final = 3


def event_of(record: RunRecord, ending: Ending, traces: Traces, *, unclean: int) -> Event:
    """The event that tells how a run ended.

    Args:
        record: what it wrote last.
        ending: what is known of its end.
        traces: what the end left.
        unclean: how many runs in a row ended so, this one included.
    """
    severity = AlertSeverity.CRITICAL if unclean >= LOOP else ending.severity
    message = f"The run before (pid {record.pid}) {ending.words}, after {span(record.lived_s)}: {ending.proof}."
    if unclean > 1:
        message += f" It is the {ordinal(unclean)} in a row that did not end well."
    return Event(
        title=TITLE, message=message, severity=severity, source=SOURCE, component=record.program,
        recommendations=ending.advice, evidence=tuple(_evidence(record, ending, traces)), lasts=True,
    )  # fmt: skip


def _evidence(record: RunRecord, ending: Ending, traces: Traces) -> Iterable[Evidence]:
    yield Evidence("last_run", "what it wrote of itself last", tuple(_lines(record, ending)))
    dying = traces.crash or traces.terminated
    if dying:
        whose = "its threads" if traces.crash else "the thread that met the signal"
        yield Evidence("stack", f"where {whose} stood as it died", stacks_in(dying) or tuple(dying.splitlines()))
    elif record.end is not None and record.end.stack:
        yield Evidence("stack", f"where {record.end.what} was raised", record.end.stack)
    if record.stacks and not traces.crash and (record.end is None or not record.end.stack):
        yield Evidence("stack", "where its threads stood at the last record", record.stacks)
    if record.sites:
        yield Evidence("memory", "who held most memory", record.sites)


def _lines(record: RunRecord, ending: Ending) -> Iterable[str]:
    yield f"proof: {ending.proof}"
    if record.rss_mb is not None:
        limit = f" of {record.limit_mb:,.0f} MB" if record.limit_mb else ""
        yield f"memory: {record.rss_mb:,.1f} MB{limit}"
    if record.end is not None and record.end.exit_code is not None:
        yield f"exit code: {record.end.exit_code}"
    for line in record.alerts:
        yield f"open alert: {line}"
    if record.uncaught_count:
        yield f"exceptions that nobody caught, in threads and tasks: {record.uncaught_count}; the last ones:"
        yield from record.uncaught


def span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.1f} days"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 11th."""
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
