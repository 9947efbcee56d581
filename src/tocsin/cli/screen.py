"""The live table of `tocsin watch`: the main metrics with their recent past, and the open alerts.

It fits any terminal from 40 columns and 8 rows: what does not fit is counted, not wrapped.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from rich.text import Text

from tocsin.cli.sparkline import sparkline
from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderResult

    from tocsin.cli.alert_text import OpenAlert
    from tocsin.cli.panel import Line

_STYLES: Final = {AlertSeverity.INFO: "cyan", AlertSeverity.WARNING: "yellow", AlertSeverity.CRITICAL: "bold red"}
_TEXT_WIDTH: Final = 26
_VALUE_WIDTH: Final = 11
_SINGLE_ROWS: Final = 4  # head, blank, count of alerts, foot


class Screen:
    """One picture, drawn to the size of the terminal at the time.

    Args:
        head: what is watched.
        lines: the figures.
        alerts: the open alerts, worst first.
        foot: what the person can do.
    """

    def __init__(self, head: str, lines: Sequence[Line], alerts: Sequence[OpenAlert], foot: str = "") -> None:
        self._head, self._lines, self._alerts, self._foot = head, lines, alerts, foot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw; called by rich."""
        width, height = options.max_width, options.height or console.height
        ascii_only = not (options.encoding or "").lower().startswith("utf")
        for text in islice(self._rows(width, height, ascii_only=ascii_only), height):
            text.no_wrap, text.overflow = True, "crop" if ascii_only else "ellipsis"
            yield text

    def _rows(self, width: int, height: int, *, ascii_only: bool) -> Iterator[Text]:
        yield Text(self._head, style="bold")
        room = max(height - _SINGLE_ROWS, 1)
        # Alerts are why somebody looks: figures give way to the first of them.
        for_alerts = min(2 * len(self._alerts), max(room - len(self._lines), room // 2))
        for line in self._lines[: max(room - for_alerts, 0)]:
            yield _figure(line, width, ascii_only=ascii_only)
        yield Text("")
        yield from self._alert_rows(for_alerts)
        if self._foot:
            yield Text(self._foot, style="dim")

    def _alert_rows(self, room: int) -> Iterator[Text]:
        if not self._alerts:
            yield Text("no open alerts", style="green")
            return
        shown = self._alerts[: max(room // 2, 1)]
        hidden = len(self._alerts) - len(shown)
        yield Text(f"open alerts: {len(self._alerts)}" + (f", {hidden} of them not shown" if hidden else ""))
        for alert in shown:
            yield Text(alert.head(), style=_STYLES[alert.severity])
            yield Text(f"         {alert.message}")


def _figure(line: Line, width: int, *, ascii_only: bool) -> Text:
    bars = max(width - _TEXT_WIDTH - _VALUE_WIDTH - 2, 0)
    text = Text(f"{line.text:<{_TEXT_WIDTH}}")
    text.append(f"{line.value:>{_VALUE_WIDTH}}  ", style="bold")
    return text.append(sparkline(line.past, bars, top=line.top, ascii_only=ascii_only), style="blue")
