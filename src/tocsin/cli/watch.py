"""`tocsin watch`: this machine and one process, from outside."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from tocsin.channels.console import ConsoleAlertChannel
from tocsin.channels.wording import kind_of
from tocsin.cli import exits
from tocsin.cli.options import Duration, config_option, is_disabled, json_option
from tocsin.cli.signals import ended_politely
from tocsin.clock import SystemClock, Wakeup
from tocsin.errors import ControlError, DeliveryError
from tocsin.model.levels import AlertState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.config import AlertConfig
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import Notice
    from tocsin.system import AlertSystem


# The name of a watch of the machine, for its state and for `tocsin alerts --name`.
PROGRAM: Final = "tocsin-watch"


class AlertPrinter(ConsoleAlertChannel):
    """Prints alerts on standard output, one a line, and knows whether there were any and whether anybody reads.

    Args:
        bell: rung when the reader has gone.
        as_json: whether to print JSON.
        silent: whether to print nothing, because a table shows the alerts.
    """

    def __init__(self, bell: Wakeup, *, as_json: bool = False, silent: bool = False) -> None:
        super().__init__(sys.stdout, name="watch", color=False)
        self.rang = False
        self.reader_left = False
        self._bell, self._as_json, self._silent = bell, as_json, silent

    def deliver(self, notice: Notice) -> None:
        """Print a notice. Raises DeliveryError when nobody reads any more."""
        self._print(notice.alerts, lambda: "\n".join(self._lines(notice)))

    def go_on_with(self, alerts: Sequence[PerformanceAlert]) -> None:
        """Print what still fires of what an earlier watch has told: nobody is told twice, but this reader is new."""
        firing = [alert for alert in alerts if alert.state is AlertState.FIRING]
        if firing:
            with suppress(DeliveryError):  # it is remembered that the reader has left
                self._print(
                    firing, lambda: "\n".join(line for one in firing for line in self._alert(one, kind_of(one)))
                )

    def _print(self, alerts: Sequence[PerformanceAlert], text: Callable[[], str]) -> None:
        self.rang = True
        if self._silent:
            return
        try:
            as_json = (msgspec.json.encode(alert).decode() for alert in alerts)
            self._write("\n".join(as_json) if self._as_json else text())
        except DeliveryError:
            self.reader_left = True
            self._bell.set()
            raise


@click.command()
@click.option("--pid", type=click.IntRange(min=1), help="Watch this process too.")
@click.option("--for", "for_s", type=Duration(), help="End after this time; by default with Ctrl-C.")
@click.option("--interval", "interval_s", type=Duration(), help="Time between two readings, by default 1s.")
@click.option("--web", is_flag=True, help="Serve the page, and print its link (extra `web`).")
@config_option
@json_option
def command(
    *, pid: int | None, for_s: float | None, interval_s: float | None, web: bool, config: str | None, as_json: bool
) -> int:
    """Watch this machine and, with --pid, one process.

    On a terminal a live table; otherwise alerts only, one a line (with --json, one JSON object a line). The rules of
    the configuration hold; its channels are not told. What is watched of the machine is kept for the next watch, for
    `tocsin alerts` and for `tocsin history`; what fires then is shown when it begins. The exit code is 1 if an alert
    was told or went on, also after Ctrl-C.
    """
    if is_disabled():
        raise click.UsageError("TOCSIN_DISABLED is set, so nothing would be watched; unset it")
    bell = Wakeup()
    drawing = sys.stdout.isatty() and not as_json
    printer = AlertPrinter(bell, as_json=as_json, silent=drawing)
    is_there = _presence(pid)
    system = _make_system(_settings(config, interval_s, pid).replace(channels=[printer]), pid)
    if web:
        from tocsin.web import serve  # noqa: PLC0415 - only where it was asked for

        serve(system)
    head = f"{socket.gethostname()}" + (f", process {pid}" if pid else "")
    with ended_politely(), system:
        try:
            if web and (url := system.page_url()):
                click.echo(f"tocsin: the page is at {url}", err=True)
            printer.go_on_with(system.open_alerts())
            if drawing:
                _draw(system, head, bell, for_s, is_there)
            else:
                _wait(system, bell, for_s, is_there)
        except KeyboardInterrupt:
            pass  # the way to end a watch
    system.stop()
    if printer.reader_left:
        raise BrokenPipeError
    if not is_there():
        click.echo(f"tocsin: process {pid} has ended", err=True)
    return exits.FOUND if printer.rang else exits.OK


def _settings(path: str | None, interval_s: float | None, pid: int | None) -> AlertConfig:
    from tocsin.config import AlertConfig, find_config, load_config  # noqa: PLC0415 - help should not wait for it
    from tocsin.config.place import default_state_dir  # noqa: PLC0415 - as above

    found = path or find_config()
    config = load_config(found) if found else AlertConfig()
    if interval_s is not None:
        config = config.replace(check_interval=interval_s)
    if pid is not None:
        # Of one process, which will not come again, nothing is kept unless the configuration says where.
        return config.replace(control=False)
    config = config.replace(name=config.name or PROGRAM, control=config.control is not False)
    return config if config.state_dir else config.replace(state_dir=default_state_dir(config.program))


def _make_system(config: AlertConfig, pid: int | None) -> AlertSystem:
    from tocsin.sensors.choose import host_sensors, process_sensors  # noqa: PLC0415 - help should not wait for it
    from tocsin.system import AlertSystem  # noqa: PLC0415 - as above

    return AlertSystem(config, sensors=[*host_sensors(), *(process_sensors(pid) if pid else [])])


def _presence(pid: int | None) -> Callable[[], bool]:
    """A question whether the process still runs; a later process of the same number is another.

    Raises: ControlError: if there is no such process now.
    """
    if pid is None:
        return lambda: True
    import psutil  # noqa: PLC0415 - only with --pid

    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        raise ControlError(f"no process has the id {pid}; list them with: ps -e") from None
    except psutil.AccessDenied:
        raise ControlError(f"process {pid} may not be looked at by this user; try as its owner") from None

    def runs() -> bool:
        try:
            return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    return runs


def _wait(
    system: AlertSystem, bell: Wakeup, for_s: float | None, is_there: Callable[[], bool], tick: Callable[[], Any] = bool
) -> None:
    """Let the system work until the time is over, the process has ended, or the bell rings."""
    clock = SystemClock()
    end_s = None if for_s is None else clock.now().mono_s + for_s
    while is_there():
        tick()
        left_s = (
            system.config.check_interval
            if end_s is None
            else min(end_s - clock.now().mono_s, system.config.check_interval)
        )
        if left_s <= 0 or clock.wait(bell, left_s):
            break


def _draw(system: AlertSystem, head: str, bell: Wakeup, for_s: float | None, is_there: Callable[[], bool]) -> None:
    """Draw a table at each reading; the last one stays on the screen."""
    from rich.console import Console  # noqa: PLC0415 - only where a terminal is drawn
    from rich.live import Live  # noqa: PLC0415 - as above

    from tocsin.cli.alert_text import of_alert  # noqa: PLC0415 - as above
    from tocsin.cli.panel import HOST, PROCESS, Panel  # noqa: PLC0415 - as above
    from tocsin.cli.screen import Screen  # noqa: PLC0415 - as above

    console = Console()
    panel = Panel([*HOST, *PROCESS])

    def picture(foot: str = "") -> Screen:
        now = SystemClock().now()
        title = f"tocsin: {head}, {now.utc.astimezone():%H:%M:%S}"
        return Screen(title, panel.lines(), [of_alert(alert, now) for alert in system.open_alerts()], foot)

    try:
        # The alternate screen, as in top: redrawing survives a change of the terminal's size.
        with Live(console=console, screen=True, auto_refresh=False) as live:

            def tick() -> None:
                panel.take(system.latest())
                live.update(picture("Ctrl-C ends"), refresh=True)

            _wait(system, bell, for_s, is_there, tick)
    finally:
        console.print(picture())
