"""The console: a block on a terminal, a line when piped, and nothing in a text that is obeyed."""

from __future__ import annotations

import asyncio
import io
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin import AlertSeverity, ConsoleAlertChannel, DeliveryError, Notice, PerformanceAlert
from tocsin.channels.text import visible
from tocsin.model.alert import Evidence
from tocsin.model.notice import DigestLine, NoticeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = datetime(2026, 1, 1, 10, 0, 0, tzinfo=UTC)
ALERT = PerformanceAlert(
    "memory-high",
    "Memory is 91 %, beyond 85 %",
    AlertSeverity.CRITICAL,
    id="a1",
    rule="memory-high",
    value=0.91,
    threshold=0.85,
    unit="1",
    component="orders",
    labels={"host": "db-1"},
    count=3,
    started_at=AT,
    evidence=(Evidence("stack", "the threads are in", ("MainThread: app.py:3 in run", "worker: work.py:9 in loop")),),
    recommendations=("See which process holds the memory", "Stop what is not needed"),
    runbook_url="https://example.org/memory",
)
END = AT + timedelta(seconds=90)
OVER = msgspec.structs.replace(ALERT, value=0.8, resolved_at=END, updated_at=END)
EVENT = PerformanceAlert(
    "Payment refused", "code 402", AlertSeverity.WARNING, id="e1", source="checkout", started_at=AT
)
DIGEST = Notice(
    id="console-7",
    channel="console",
    kind=NoticeKind.DIGEST,
    severity=AlertSeverity.WARNING,
    created_at=AT,
    reason="1234571 occurrences were held back",
    digest=(
        DigestLine("1", "Queue full", "orders", AlertSeverity.WARNING, 1_234_567, "suppression"),
        DigestLine("", "3 other alerts", "", AlertSeverity.INFO, 4, ""),
    ),
)


class Stream(io.StringIO):
    """A text stream that is, or is not, a terminal."""

    def __init__(self, *, terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal = terminal
        self._encoding = encoding

    def isatty(self) -> bool:
        return self._terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


@pytest.fixture(autouse=True)
def no_wish_about_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Terminals show the local time."""
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone cannot be set here")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def a_notice(*alerts: PerformanceAlert, kind: NoticeKind = NoticeKind.FIRING) -> Notice:
    return Notice(
        id="n", channel="console", kind=kind, severity=alerts[0].severity, created_at=AT, alerts=alerts, reason="new"
    )


def told(notice: Notice, *, terminal: bool = False, color: bool | None = None, encoding: str = "utf-8") -> str:
    stream = Stream(terminal=terminal, encoding=encoding)
    ConsoleAlertChannel(stream, color=color).deliver(notice)
    return stream.getvalue()


# -- piped: one line a notice


def test_piped_an_alert_is_one_line() -> None:
    assert told(a_notice(ALERT)) == (
        "2026-01-01T10:00:00Z CRITICAL firing memory-high: Memory is 91 %, beyond 85 %"
        " | the threads are in: MainThread: app.py:3 in run"
        " [value 91 %, threshold 85 %, component orders, host db-1, 3 times, id a1]\n"
    )


def test_piped_the_end_of_an_alert_is_one_line_without_its_proof() -> None:
    assert told(a_notice(OVER, kind=NoticeKind.RESOLVED)) == (
        "2026-01-01T10:01:30Z CRITICAL resolved memory-high: Memory is 91 %, beyond 85 % (over after 90 s)"
        " [value 80 % at the end, threshold 85 %, component orders, host db-1, 3 times, id a1]\n"
    )


def test_piped_an_event_names_who_raised_it() -> None:
    assert told(a_notice(EVENT)) == (
        "2026-01-01T10:00:00Z WARNING firing Payment refused: code 402 [source checkout, id e1]\n"
    )


def test_piped_a_digest_is_one_line_with_exact_counts() -> None:
    assert told(DIGEST) == (
        "2026-01-01T10:00:00Z WARNING digest 1234571 occurrences were held back:"
        " 1234567 x Queue full [suppression]; 4 x 3 other alerts [several]\n"
    )


def test_a_component_that_is_a_label_too_is_said_once() -> None:
    alert = PerformanceAlert(
        "t", "m", AlertSeverity.WARNING, component="app", labels={"component": "app"}, started_at=AT
    )
    assert told(a_notice(alert)).count("component app") == 1


def test_piped_nothing_is_coloured_even_if_asked_for() -> None:
    assert "\x1b" not in told(a_notice(ALERT), color=True)


# -- on a terminal: a block


@pytest.mark.usefixtures("in_utc")
def test_on_a_terminal_an_alert_is_a_block_with_its_proof_and_what_to_do() -> None:
    assert told(a_notice(ALERT), terminal=True, color=False) == (
        "● CRITICAL  memory-high  10:00:00\n"
        "  Memory is 91 %, beyond 85 %\n"
        "  value 91 %, threshold 85 %, component orders, host db-1, 3 times, id a1\n"
        "  told because: new\n"
        "  the threads are in:\n"
        "    MainThread: app.py:3 in run\n"
        "    worker: work.py:9 in loop\n"
        "  do: See which process holds the memory\n"
        "      Stop what is not needed\n"
        "  see: https://example.org/memory\n"
    )


@pytest.mark.usefixtures("in_utc")
def test_on_a_terminal_the_end_says_how_long_it_lasted() -> None:
    assert told(a_notice(OVER, kind=NoticeKind.RESOLVED), terminal=True, color=False) == (
        "✓ resolved  memory-high  10:01:30\n"
        "  Memory is 91 %, beyond 85 % (over after 90 s)\n"
        "  value 80 % at the end, threshold 85 %, component orders, host db-1, 3 times, id a1\n"
        "  told because: new\n"
    )


def test_on_a_terminal_a_digest_is_a_small_table() -> None:
    assert told(DIGEST, terminal=True, color=False) == (
        "… 1234571 occurrences were held back\n  1234567 x Queue full (suppression)\n        4 x 3 other alerts\n"
    )


def test_a_long_proof_is_shown_as_far_as_evidence_goes() -> None:
    long = msgspec.structs.replace(ALERT, evidence=(Evidence("stack", "it is in", tuple(map(str, range(100)))),))
    block = told(a_notice(long), terminal=True, color=False)
    assert "\n    11\n" in block
    assert "\n    20\n" not in block


# -- colour


@pytest.mark.usefixtures("in_utc")
def test_a_terminal_is_coloured_by_severity() -> None:
    assert told(a_notice(EVENT), terminal=True) == (
        "\x1b[33m● WARNING \x1b[0m  Payment refused  \x1b[2m10:00:00\x1b[0m\n"
        "  code 402\n"
        "\x1b[2m  source checkout, id e1\x1b[0m\n"
        "\x1b[2m  told because: new\x1b[0m\n"
    )
    assert "\x1b[1;31m● CRITICAL" in told(a_notice(ALERT), terminal=True)
    assert "\x1b[32m✓ resolved" in told(a_notice(OVER, kind=NoticeKind.RESOLVED), terminal=True)


def test_no_color_turns_colour_off_and_asking_for_it_turns_it_on_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in told(a_notice(ALERT), terminal=True)
    assert "\x1b[1;31m" in told(a_notice(ALERT), terminal=True, color=True)
    monkeypatch.setenv("NO_COLOR", "")  # https://no-color.org: only when not empty
    assert "\x1b[1;31m" in told(a_notice(ALERT), terminal=True)


# -- hostile texts


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("two\nlines", r"two\nlines"),
        ("back\rspace\x08", r"back\rspace\x08"),
        ("\x1b[2Jcleared", r"\x1b[2Jcleared"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("nul\0", r"nul\x00"),
        ("del\x7f", r"del\x7f"),
        ("abc\u202edcba", r"abc\u202edcba"),
        ("\u2066isolated\u2069", r"\u2066isolated\u2069"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("line\u2028separator\u2029", r"line\u2028separator\u2029"),
        ("\ud800lone", r"\ud800lone"),
        ("\ue000private\U000e0001tag", r"\ue000private\U000e0001tag"),
        ("plain, grün, 日本語, 🔔", "plain, grün, 日本語, 🔔"),
    ],
)
def test_what_is_not_text_is_shown_and_not_obeyed(hostile: str, shown: str) -> None:
    assert visible(hostile) == shown


def hostile_everywhere(text: str) -> PerformanceAlert:
    return PerformanceAlert(
        text, text, AlertSeverity.WARNING, id="x", source=text, component=text, labels={text: text}, started_at=AT,
        recommendations=(text,), runbook_url=text, evidence=(Evidence("stack", text, (text,)),),
    )  # fmt: skip


@settings(deadline=None)
@given(text=st.text())
def test_whatever_is_in_an_alert_it_is_one_line_when_piped(text: str) -> None:
    for notice in (
        a_notice(hostile_everywhere(text)),
        msgspec.structs.replace(
            DIGEST, reason=text, digest=(DigestLine("1", text, text, AlertSeverity.INFO, 1, "limit"),)
        ),
    ):
        line = told(notice)
        assert line.endswith("\n")
        assert len(line.splitlines()) == 1
        assert "\x1b" not in line


@settings(deadline=None)
@given(text=st.text(min_size=1))
def test_whatever_is_in_an_alert_a_terminal_gets_no_escapes_and_no_more_lines(text: str) -> None:
    block = told(a_notice(hostile_everywhere(text)), terminal=True, color=False)
    assert "\x1b" not in block
    assert len(block.splitlines()) == 8


# -- streams


def test_a_stream_that_knows_only_ascii_gets_escapes() -> None:
    alert = msgspec.structs.replace(EVENT, title="Zahlung für 日本 abgelehnt")
    assert "Zahlung f\\xfcr \\u65e5\\u672c abgelehnt" in told(a_notice(alert), encoding="ascii")
    assert told(a_notice(alert), terminal=True, encoding="ascii", color=False).startswith("\\u25cf WARNING")


def test_a_real_ascii_stream_takes_every_text() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    ConsoleAlertChannel(stream).deliver(a_notice(msgspec.structs.replace(EVENT, title="für 🔔")))
    assert b"f\\xfcr \\U0001f514" in raw.getvalue()


def test_a_closed_stream_is_a_permanent_error() -> None:
    stream = Stream()
    stream.close()
    with pytest.raises(DeliveryError, match="the stream is gone") as caught:
        ConsoleAlertChannel(stream).deliver(a_notice(ALERT))
    assert caught.value.permanent


def test_a_broken_pipe_is_a_permanent_error() -> None:
    class Broken(Stream):
        def write(self, text: str) -> int:
            raise BrokenPipeError("nobody reads")

    with pytest.raises(DeliveryError, match="nobody reads") as caught:
        ConsoleAlertChannel(Broken()).deliver(a_notice(ALERT))
    assert caught.value.permanent


def test_a_stream_that_takes_nothing_now_is_tried_again() -> None:
    class Full(Stream):
        def write(self, text: str) -> int:
            raise BlockingIOError("try again")

    with pytest.raises(DeliveryError, match="takes nothing now") as caught:
        ConsoleAlertChannel(Full()).deliver(a_notice(ALERT))
    assert not caught.value.permanent


def test_a_program_without_a_standard_error_is_a_permanent_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(DeliveryError, match="no standard error") as caught:
        ConsoleAlertChannel().deliver(a_notice(ALERT))
    assert caught.value.permanent


def test_it_writes_to_the_standard_error_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    channel, stream = ConsoleAlertChannel(), Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    channel.deliver(a_notice(EVENT))
    assert stream.getvalue().startswith("2026-01-01T10:00:00Z WARNING firing Payment refused")


def test_a_notice_is_one_write() -> None:
    writes: list[str] = []

    class Counting(Stream):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    ConsoleAlertChannel(Counting(terminal=True)).deliver(a_notice(ALERT, EVENT))
    assert len(writes) == 1


def test_single_alerts_are_written_like_notices() -> None:
    stream = Stream()
    channel = ConsoleAlertChannel(stream)
    asyncio.run(channel.send_alert(ALERT))
    asyncio.run(channel.send_alert(OVER))
    assert stream.getvalue() == told(a_notice(ALERT)) + told(a_notice(OVER, kind=NoticeKind.RESOLVED))
