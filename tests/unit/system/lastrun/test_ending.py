"""How a run ended: from what is left of it, what is proved, and no more."""

from __future__ import annotations

import msgspec
import pytest

from tocsin.model.levels import AlertSeverity
from tocsin.system.lastrun.ending import Traces, ending_of
from tocsin.system.lastrun.news import LOOP, TITLE, event_of, ordinal, span
from tocsin.system.lastrun.record import KernelCounts, RunEnd, RunRecord

THEN = KernelCounts(boot_id="a", boot_s=1000.0, group="/sys/fs/cgroup/app", group_kills=2, machine_kills=7)
NOW = msgspec.structs.replace(THEN, boot_s=1100.0)
RECORD = RunRecord(
    program="orders", pid=4711, began_unix_s=1.0, written_unix_s=61.0, lived_s=11_100.0, kernel=THEN, rss_mb=812.0,
    limit_mb=1024.0, sites=("500.0 MB app.py:9 in load",), alerts=("warning memory-high: 91 %",),
    stacks=("MainThread:", "  app.py:41 in price"), uncaught=("thread 'w': KeyError: 'x'",), uncaught_count=3,
)  # fmt: skip
CRASH = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n  File"
NO_TRACES = Traces()


def with_end(kind: str, what: str = "") -> RunRecord:
    return msgspec.structs.replace(RECORD, end=RunEnd(kind, what))


def counts(**fields: object) -> KernelCounts:
    return msgspec.structs.replace(NOW, **fields)


def kind_of(record: RunRecord, now: KernelCounts, traces: Traces = NO_TRACES) -> str:
    found = ending_of(record, now, traces)
    return "" if found is None else found.kind


@pytest.mark.parametrize(
    ("record", "now", "traces", "kind"),
    [
        (with_end("stopped"), NOW, NO_TRACES, ""),
        (with_end("exited"), NOW, NO_TRACES, ""),
        (with_end("exited"), counts(boot_id="b", group_kills=9), NO_TRACES, ""),
        (with_end("exception", "ValueError: boom"), NOW, NO_TRACES, "exception"),
        (with_end("exited"), NOW, Traces(crash=CRASH), "crash"),  # it crashed behind its last word
        (RECORD, NOW, Traces(crash=CRASH), "crash"),
        (RECORD, counts(boot_id="b"), Traces(crash=CRASH), "crash"),
        (RECORD, NOW, Traces(log_line="Killed process 4711 (python)"), "memory"),
        (RECORD, counts(group_kills=3), NO_TRACES, "memory"),
        (RECORD, counts(group_kills=3), Traces(terminated="Thread"), "memory"),
        (RECORD, counts(group="/other", group_kills=3), NO_TRACES, "unknown"),
        (RECORD, counts(group_kills=None), NO_TRACES, "unknown"),
        (RECORD, counts(group_kills=0), NO_TRACES, "unknown"),  # a group made anew counts from the beginning
        (RECORD, counts(boot_id="b", group_kills=3), NO_TRACES, "restart"),
        (RECORD, NOW, Traces(terminated="Thread"), "terminated"),
        (RECORD, NOW, NO_TRACES, "unknown"),
        (msgspec.structs.replace(RECORD, sigterm="uvicorn.server"), NOW, NO_TRACES, "terminated"),
        (msgspec.structs.replace(RECORD, sigterm="orders.service"), NOW, NO_TRACES, "unknown"),
        (RECORD, counts(machine_kills=9), NO_TRACES, "unknown"),
    ],
)
def test_an_end_is_told_by_what_proves_it(record: RunRecord, now: KernelCounts, traces: Traces, kind: str) -> None:
    assert kind_of(record, now, traces) == kind


def test_where_boots_have_no_name_a_clock_that_went_back_tells_of_one() -> None:
    nameless = msgspec.structs.replace(RECORD, kernel=msgspec.structs.replace(THEN, boot_id=""))
    assert kind_of(nameless, counts(boot_id="", boot_s=5.0)) == "restart"
    assert kind_of(nameless, counts(boot_id="", boot_s=999.0)) == "unknown"


def test_what_is_not_proved_is_said_to_be_possible_only() -> None:
    found = ending_of(RECORD, counts(machine_kills=9), NO_TRACES)
    assert found is not None
    assert found.words == "ended, and it is not known how"
    assert "killed 2 processes of this machine for memory meanwhile, and it may have been one of them" in found.proof


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CRASH, "crashed: Segmentation fault"),
        ("Fatal Python error: Aborted\n", "crashed: Aborted"),
        ("Fatal Python error: _PyMem_DebugMalloc: no GIL\nPython runtime", "crashed: _PyMem_DebugMalloc: no GIL"),
        ("Thread 0x1 (most recent call first):", "crashed: a fatal error"),
    ],
)
def test_a_crash_is_called_what_the_interpreter_calls_it(text: str, words: str) -> None:
    found = ending_of(RECORD, NOW, Traces(crash=text))
    assert found is not None
    assert (found.words, found.severity) == (words, AlertSeverity.CRITICAL)


def test_the_event_carries_what_the_run_wrote_of_itself() -> None:
    ending = ending_of(RECORD, counts(group_kills=3), NO_TRACES)
    assert ending is not None
    event = event_of(RECORD, ending, NO_TRACES, unclean=1)
    assert (event.title, event.source, event.component, event.lasts) == (TITLE, "tocsin", "orders", True)
    assert event.message == (
        "The run before (pid 4711) was killed for memory, after 3.1 h: the kernel has killed one process for memory in "
        "its container (/sys/fs/cgroup/app) since its last record."
    )
    assert [one.kind for one in event.evidence] == ["last_run", "stack", "memory"]
    assert event.evidence[0].lines == (
        f"proof: {ending.proof}", "memory: 812.0 MB of 1,024 MB", "open alert: warning memory-high: 91 %",
        "exceptions that nobody caught, in threads and tasks: 3; the last ones:", "thread 'w': KeyError: 'x'",
    )  # fmt: skip
    assert event.evidence[1].lines == RECORD.stacks
    assert any("1,024 MB" in line for line in event.recommendations)


def test_from_the_third_in_a_row_it_is_critical_and_says_how_many() -> None:
    ending = ending_of(RECORD, NOW, NO_TRACES)
    assert ending is not None
    events = [event_of(RECORD, ending, NO_TRACES, unclean=number) for number in range(1, LOOP + 1)]
    assert [event.severity for event in events] == [AlertSeverity.WARNING] * 2 + [AlertSeverity.CRITICAL]
    assert events[2].message.endswith("It is the 3rd in a row that did not end well.")


def test_times_and_numbers_are_said_as_people_say_them() -> None:
    assert [span(one) for one in (5, 119, 600, 7200, 86400 * 3)] == ["5 s", "119 s", "10 min", "2.0 h", "3.0 days"]
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th",
    ]  # fmt: skip
