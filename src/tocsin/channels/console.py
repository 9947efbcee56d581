"""The console: a readable block on a terminal, one line a notice when piped.

Text in alerts comes from anywhere, so control characters, escape sequences and marks that turn text around are shown,
not obeyed.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

from tocsin.channels import options
from tocsin.channels.options import Option
from tocsin.channels.text import PARAGRAPH_CHARS
from tocsin.channels.text import line as one_line
from tocsin.channels.wording import kind_of, lasted, value_of
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

OPTIONS: Final[options.Options] = {
    "stream": Option(options.one_of("stderr", "stdout"), '"stdout"'),
    "color": Option(options.flag, "False"),
}


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
        self._write("\n".join(self._alert(alert, kind_of(alert))))

    def deliver(self, notice: Notice) -> None:
        """Write a notice; a plain function, so that no event loop is started for the console's sake.

        Raises: DeliveryError: if the stream is gone.
        """
        self._write("\n".join(self._lines(notice)))

    def _lines(self, notice: Notice) -> Iterator[str]:
        if notice.kind is NoticeKind.DIGEST:
            yield from self._digest(notice)
        for alert in notice.alerts:
            yield from self._alert(alert, notice.kind, notice.reason)

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

    def _alert(self, alert: PerformanceAlert, kind: NoticeKind, reason: str = "") -> Iterator[str]:
        if not self._is_terminal():
            yield _one_line(alert, kind)
            return
        over = kind is NoticeKind.RESOLVED
        mark, word = ("✓", "resolved") if over else ("●", alert.severity.name)
        head = self._paint(f"{mark} {word:<8}", _GREEN if over else _COLOURS[alert.severity])
        yield f"{head}  {one_line(alert.title)}  {self._paint(f'{alert.last_at.astimezone():%H:%M:%S}', _DIM)}"
        yield f"  {one_line(alert.message, PARAGRAPH_CHARS)}{_lasted(alert)}"
        yield self._paint(f"  {_facts(alert)}", _DIM)
        if reason:
            yield self._paint(f"  told because: {one_line(reason)}", _DIM)
        if over:
            return
        for proof in alert.evidence:
            yield f"  {one_line(proof.title)}:"
            for line in proof.lines:
                yield f"    {one_line(line)}"
        for place, advice in enumerate(alert.recommendations):
            yield f"  {'do:' if place == 0 else '   '} {one_line(advice)}"
        if alert.runbook_url:
            yield f"  see: {one_line(alert.runbook_url)}"

    def _digest(self, notice: Notice) -> Iterator[str]:
        if not self._is_terminal():
            counts = "; ".join(
                f"{line.count} x {one_line(line.title)} [{line.reason or 'several'}]" for line in notice.digest
            )
            yield f"{_stamp(notice)} {notice.severity.name} digest {one_line(notice.reason)}: {counts}"
            return
        yield self._paint(f"… {one_line(notice.reason)}", _DIM)
        for line in notice.digest:
            why = self._paint(f" ({line.reason})", _DIM) if line.reason else ""
            yield f"  {line.count:>7} x {one_line(line.title)}{why}"

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


def _one_line(alert: PerformanceAlert, kind: NoticeKind) -> str:
    proof = [f"{one_line(found.title)}: {one_line(found.lines[0])}" for found in alert.evidence if found.lines]
    message = one_line(alert.message, PARAGRAPH_CHARS) + _lasted(alert)
    parts = [message, *proof] if kind is NoticeKind.FIRING else [message]
    stamp = f"{alert.last_at:%Y-%m-%dT%H:%M:%SZ}"
    return f"{stamp} {alert.severity.name} {kind.value} {one_line(alert.title)}: {' | '.join(parts)} [{_facts(alert)}]"


def _facts(alert: PerformanceAlert) -> str:
    facts = []
    if alert.value is not None and alert.threshold is not None:
        facts += [
            f"value {value_of(alert)}",
            f"threshold {format_value(alert.threshold, alert.unit)}",
        ]
    if alert.component:
        facts.append(f"component {one_line(alert.component)}")
    said = ("component", alert.component)
    facts += [f"{one_line(name)} {one_line(value)}" for name, value in alert.labels.items() if (name, value) != said]
    if not alert.rule and alert.source:
        facts.append(f"source {one_line(alert.source)}")
    if alert.count > 1:
        facts.append(f"{alert.count} times")
    facts.append(f"id {alert.id}")
    return ", ".join(facts)


def _lasted(alert: PerformanceAlert) -> str:
    """For an alert that is over, how long it was."""
    return f" (over after {lasted(alert)})" if alert.resolved_at is not None else ""


def _stamp(notice: Notice) -> str:
    return f"{notice.created_at:%Y-%m-%dT%H:%M:%SZ}"
