"""`tocsin status`: how a running program does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from tocsin.channels.text import visible
from tocsin.cli import exits
from tocsin.cli.alert_text import age, of_status
from tocsin.cli.options import json_option
from tocsin.cli.panel import words_of
from tocsin.cli.rooms import lines_of_rooms
from tocsin.clock import SystemClock
from tocsin.errors import ControlError
from tocsin.model.metrics import describe
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tocsin.clock import Instant

# Of all that is counted, what is worth no remark.
_GOOD_COUNTS: Final = ("offered", "accepted", "delivered")


@click.command()
@click.option("--pid", type=int, help="The program with this process id.")
@click.option("--name", help="The program with this name.")
@json_option
def command(pid: int | None, name: str | None, as_json: bool) -> int:  # noqa: FBT001 - click hands options over by name
    """Show how a running program does, and its open alerts.

    Without --pid and --name there must be only one. The exit code is 1 if alerts are firing.
    """
    from tocsin import control  # noqa: PLC0415 - help should not wait for it

    program = control.select(pid=pid, name=name)
    status = control.call(program, {"command": "status"})
    if "error" in status:
        raise ControlError(f"{program} refused: {status['error']}")
    if as_json:
        click.echo(msgspec.json.encode(status))
    else:
        click.echo("\n".join(lines_of(status, SystemClock().now())))
    return exits.FOUND if any(alert.get("state") == "firing" for alert in _alerts(status)) else exits.OK


def lines_of(status: Mapping[str, Any], now: Instant) -> Iterator[str]:
    """The status for a person, line by line."""
    interval_s = status.get("interval_s")
    every = f", every {interval_s:g} s" if isinstance(interval_s, (int, float)) else ""
    uptime_s = status.get("uptime_s") or 0.0
    yield f"{visible(str(status.get('program')))} (pid {status.get('pid')}), watched for {age(uptime_s)}{every}"
    for metric, value in (status.get("metrics") or {}).items():
        yield f"  {words_of(metric):<26} {format_value(value, describe(metric).unit)}"
    alerts = [of_status(alert, now) for alert in _alerts(status)]
    yield f"open alerts: {len(alerts) or 'none'}"
    for alert in alerts:
        yield f"  {alert.head()}"
        yield f"           {alert.message}  [id {alert.id}]"
    yield from _sensors(status)
    yield f"rules: {status.get('rules')}"
    yield from _heartbeat(status.get("heartbeat"))
    yield from lines_of_rooms(status, now)
    counters = (status.get("counters") or {}).items()
    lost = {name: count for name, count in counters if count and not str(name).endswith(_GOOD_COUNTS)}
    if lost:
        yield "counted: " + ", ".join(f"{visible(str(name))} {count}" for name, count in lost.items())


def _heartbeat(beat: Mapping[str, Any] | None) -> Iterator[str]:
    if beat:
        words = f"heartbeat: {beat.get('sent')} sent, every {beat.get('every_s'):g} s"
        words += f", {beat['failed']} failed" if beat.get("failed") else ""
        words += f", {beat['skipped']} skipped" if beat.get("skipped") else ""
        yield words
        if beat.get("last_error"):
            yield f"  the last one failed: {visible(str(beat['last_error']))}"


def _sensors(status: Mapping[str, Any]) -> Iterator[str]:
    sensors = status.get("sensors") or []
    well = sum(sensor.get("state") == "ok" for sensor in sensors)
    yield f"sensors: {well} of {len(sensors)} ok"
    for sensor in sensors:
        if sensor.get("state") != "ok":
            yield f"  {sensor.get('name')}: {sensor.get('state')}: {visible(str(sensor.get('reason', '')))}"


def _alerts(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    return status.get("open_alerts") or []
