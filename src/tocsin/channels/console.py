"""The console: a readable block on a terminal, one line a notice when piped.

Text in alerts comes from anywhere, so control characters, escape sequences and marks that turn text around are shown,
not obeyed.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TYPE_CHECKING, Final, TextIO

from tocsin.errors import DeliveryError
from tocsin.model.levels import AlertSeverity
from tocsin.model.notice import Notice, NoticeKind
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.model.alert import PerformanceAlert

_COLOURS: Final = {AlertSeverity.INFO: "36", AlertSeverity.WARNING: "33", AlertSeverity.CRITICAL: "1;31"}
_GREEN: Final = "32"
_DIM: Final = "2"
# Control, format (bidi marks and the like), surrogate, private, line and paragraph separators.
_NOT_TEXT: Final = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


class ConsoleAlertChannel:
    """Writes notices to a stream.

    Args:
        stream: where to; by default the standard error, so that the output of programs stays theirs.
        name: the channel's name.
        color: whether to colour; by default on a terminal, unless NO_COLOR is set.
    """

    def __init__(self, stream: TextIO | None = None, *, name: str = "console", color: bool | None = None) -> None:
        self.name = name
        self._stream = stream
        self._color = color

    async def send_alert(self, alert: PerformanceAlert) -> None:
        """Write one alert."""
        self._write("\n".join(self._alert(alert, _kind(alert))))

    def deliver(self, notice: Notice) -> None:
        """Write a notice; a plain function, so that no event loop is started for the console's sake.

        Raises: DeliveryError: if the stream is gone.
        """
        self._write("\n".join(self._lines(notice)))

    def _lines(self, notice: Notice) -> Iterator[str]:
        if notice.kind is NoticeKind.DIGEST:
            yield from self._digest(notice)
        for alert in notice.alerts:
            yield from self._alert(alert, notice.kind)

    def _out(self) -> TextIO:
        # Looked up late: programs, and tests, exchange sys.stderr.
        stream = self._stream or sys.stderr
        if stream is None:
            raise DeliveryError("console: this program has no standard error", permanent=True)
        return stream

    def _is_terminal(self) -> bool:
        try:
            return self._out().isatty()
        except ValueError:
            return False

    def _alert(self, alert: PerformanceAlert, kind: NoticeKind) -> Iterator[str]:
        if not self._is_terminal():
            yield _one_line(alert, kind)
            return
        over = kind is NoticeKind.RESOLVED
        mark, word = ("✓", "resolved") if over else ("●", alert.severity.name)
        head = self._paint(f"{mark} {word:<8}", _GREEN if over else _COLOURS[alert.severity])
        yield f"{head}  {visible(alert.title)}  {self._paint(f'{alert.last_at.astimezone():%H:%M:%S}', _DIM)}"
        yield f"  {visible(alert.message)}{_lasted(alert)}"
        yield self._paint(f"  {_facts(alert)}", _DIM)
        if over:
            return
        for proof in alert.evidence:
            yield f"  {visible(proof.title)}:"
            for line in proof.lines:
                yield f"    {visible(line)}"
        for place, advice in enumerate(alert.recommendations):
            yield f"  {'do:' if place == 0 else '   '} {visible(advice)}"
        if alert.runbook_url:
            yield f"  see: {visible(alert.runbook_url)}"

    def _digest(self, notice: Notice) -> Iterator[str]:
        if not self._is_terminal():
            counts = "; ".join(
                f"{line.count} x {visible(line.title)} [{line.reason or 'several'}]" for line in notice.digest
            )
            yield f"{_stamp(notice)} {notice.severity.name} digest {visible(notice.reason)}: {counts}"
            return
        yield self._paint(f"… {visible(notice.reason)}", _DIM)
        for line in notice.digest:
            why = self._paint(f" ({line.reason})", _DIM) if line.reason else ""
            yield f"  {line.count:>7} x {visible(line.title)}{why}"

    def _paint(self, text: str, code: str) -> str:
        color = self._color
        if color is None:
            color = self._is_terminal() and not os.environ.get("NO_COLOR")
        return f"\x1b[{code}m{text}\x1b[0m" if color else text

    def _write(self, text: str) -> None:
        stream = self._out()
        encoding = getattr(stream, "encoding", None) or "utf-8"
        data = f"{text}\n".encode(encoding, "backslashreplace")
        try:
            # One write a notice, so that lines of several threads do not mix.
            if _is_plain_file(stream):
                stream.flush()
                _write_all(stream.fileno(), data)
            else:
                stream.write(data.decode(encoding))
                stream.flush()
        except BlockingIOError as error:
            raise DeliveryError(f"console: the stream takes nothing now: {error}") from error
        except (ValueError, OSError) as error:
            raise DeliveryError(f"console: the stream is gone: {error}", permanent=True) from error


def _is_plain_file(stream: TextIO) -> bool:
    """Whether it is the program's own output, and its descriptor takes bytes as they are.

    Written past Python's object: whoever waits in it for a reader that does not read holds its lock, and the
    interpreter aborts when it comes to flush the stream at the end.
    """
    return os.name == "posix" and (stream is sys.__stderr__ or stream is sys.__stdout__)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def visible(text: str) -> str:
    """The text with everything that is not text shown as an escape, on one line."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _NOT_TEXT else char for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _one_line(alert: PerformanceAlert, kind: NoticeKind) -> str:
    proof = [f"{visible(found.title)}: {visible(found.lines[0])}" for found in alert.evidence if found.lines]
    message = visible(alert.message) + _lasted(alert)
    parts = [message, *proof] if kind is NoticeKind.FIRING else [message]
    stamp = f"{alert.last_at:%Y-%m-%dT%H:%M:%SZ}"
    return f"{stamp} {alert.severity.name} {kind.value} {visible(alert.title)}: {' | '.join(parts)} [{_facts(alert)}]"


def _facts(alert: PerformanceAlert) -> str:
    facts = []
    if alert.value is not None and alert.threshold is not None:
        facts += [
            f"value {format_value(alert.value, alert.unit)}",
            f"threshold {format_value(alert.threshold, alert.unit)}",
        ]
    if alert.component:
        facts.append(f"component {visible(alert.component)}")
    facts += [f"{visible(name)} {visible(value)}" for name, value in alert.labels.items()]
    if not alert.rule and alert.source:
        facts.append(f"source {visible(alert.source)}")
    if alert.count > 1:
        facts.append(f"{alert.count} times")
    facts.append(f"id {alert.id}")
    return ", ".join(facts)


def _lasted(alert: PerformanceAlert) -> str:
    """For an alert that is over, how long it was."""
    if alert.resolved_at is None:
        return ""
    return f" (over after {format_value((alert.resolved_at - alert.started_at).total_seconds(), 's')})"


def _kind(alert: PerformanceAlert) -> NoticeKind:
    return NoticeKind.RESOLVED if alert.resolved_at is not None else NoticeKind.FIRING


def _stamp(notice: Notice) -> str:
    return f"{notice.created_at:%Y-%m-%dT%H:%M:%SZ}"
