"""`tocsin demo`: a real service, real load, real alerts.

The service of examples/ is started as any program would be, by `tocsin run`, and visited over HTTP from this process.
Its alerts are its own, on the console; we only look at them through the control socket to sum up.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from tocsin import control
from tocsin.cli import exits
from tocsin.cli.alert_text import age, of_status
from tocsin.cli.load import Load
from tocsin.cli.options import Duration, is_disabled, json_option
from tocsin.cli.signals import ended_politely
from tocsin.clock import SystemClock, Wakeup
from tocsin.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.clock import Instant

SERVICE: Final = "misbehaving_service.py"
CONFIG: Final = "demo.toml"
# Seconds between an answer and the next visit, by page. A report each few seconds leaves the loop free in between.
PAUSES_S: Final = {"/health": 0.2, "/login": 0.05, "/price": 0.05, "/report": 5.0}
LOOK_EVERY_S: Final = 0.5
END_WITHIN_S: Final = 5.0


class Seen(msgspec.Struct):
    """What became of the demo.

    Attributes:
        alerts: by title, each alert that fired, as it was first seen, with `after_s`: seconds from the start.
        status: the last answer of the service; empty if it never answered.
    """

    alerts: dict[str, dict[str, Any]] = {}
    status: dict[str, Any] = {}


@click.command()
@click.option("--for", "for_s", type=Duration(), help="End after this time; by default with Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the service; by default a free one.")
@json_option
def command(for_s: float | None, port: int, as_json: bool) -> int:  # noqa: FBT001 - click hands options over by name
    """Watch a small misbehaving service ring the bell.

    It burns CPU, blocks its event loop and leaks memory; within half a minute Tocsin tells of all three. The exit code
    is 0, also after Ctrl-C, and 1 if the service ends by itself.
    """
    if is_disabled():
        raise click.UsageError("TOCSIN_DISABLED is set, so no bell would ring; unset it")
    folder = find_examples()
    seen = Seen()
    code = None
    try:
        with ended_politely(), running_service(folder, port, quiet=as_json) as (service, door):
            _tell(as_json, {"event": "started", "pid": service.pid, "port": door}, _intro(folder, door, for_s))
            with Load(door, PAUSES_S) as load:
                _look_on(service, seen, for_s, as_json=as_json)
            code = service.poll()
    except KeyboardInterrupt:
        pass  # the way to end a demo
    if code is not None:
        click.echo(f"tocsin: the service ended by itself with exit code {code}", err=True)
        return exits.FOUND
    if seen.status:
        summary = {
            "event": "summary",
            "visits": load.counts(),
            "alerts": list(seen.alerts.values()),
            "status": seen.status,
        }
        _tell(as_json, summary, _summary(seen, load.counts(), SystemClock().now()))
    return exits.OK


def find_examples() -> Path:
    """The folder examples/ of the source checkout.

    Raises: UsageError: if there is none, since an installed package does not bring the examples.
    """
    checkout = Path(__file__).resolve().parents[3]
    places = [checkout / "examples", Path.cwd() / "examples"]
    for place in places:
        if (place / SERVICE).is_file() and (place / CONFIG).is_file():
            return place
    raise click.UsageError(
        f"the demo runs examples/{SERVICE} of Tocsin's source, which is not here "
        f"(looked in {', '.join(map(str, places))}). Call it in a clone of the repository, "
        "or watch a program of your own: tocsin run SCRIPT"
    )


def _has_page() -> bool:
    """Whether the extra is installed, with which the page is served."""
    return all(find_spec(name) for name in ("starlette", "uvicorn"))


@contextmanager
def running_service(folder: Path, port: int, *, quiet: bool = False) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the service, and end it whatever happens.

    Its standard input is a leash: it ends when this process closes it, were it by being killed.

    Returns: the process, and the port on which it listens.
    """
    options = [
        "run",
        *(["--web"] if _has_page() else []),
        "--config",
        str(folder / CONFIG),
        str(folder / SERVICE),
        "--port",
        str(port),
        "--until-stdin-closes",
    ]
    service = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "tocsin", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        env=os.environ | {"TOCSIN_STATE_DIR": ""},  # each demo begins anew
        text=True,
        start_new_session=True,  # Ctrl-C is for us; we end the service in an orderly way
    )
    try:
        assert service.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        line = service.stdout.readline()
        match = re.search(r":(\d+)\s*$", line)
        if match is None:
            raise click.ClickException(
                f"the service did not start (exit code {service.wait(END_WITHIN_S)}); its message is above"
            )
        yield service, int(match[1])
    finally:
        _end(service)


def _end(service: subprocess.Popen[str]) -> None:
    assert service.stdin is not None  # noqa: S101 - as above
    assert service.stdout is not None  # noqa: S101 - as above
    service.stdin.close()
    try:
        service.wait(END_WITHIN_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        service.kill()
        service.wait()
    finally:
        service.stdout.close()


def _look_on(service: subprocess.Popen[str], seen: Seen, for_s: float | None, *, as_json: bool) -> None:
    """Look at the alerts now and then, until the time is over or the service has ended."""
    clock, nobody_rings = SystemClock(), Wakeup()
    start_s = clock.now().mono_s
    while service.poll() is None:
        elapsed_s = clock.now().mono_s - start_s
        left_s = LOOK_EVERY_S if for_s is None else min(for_s - elapsed_s, LOOK_EVERY_S)
        if left_s <= 0:
            break
        clock.wait(nobody_rings, left_s)
        for alert in _new_alerts(service, seen):
            alert["after_s"] = round(clock.now().mono_s - start_s, 1)
            _tell(as_json, {"event": "alert", **alert}, "")


def _new_alerts(service: subprocess.Popen[str], seen: Seen) -> list[dict[str, Any]]:
    try:
        program = control.select(pid=service.pid) if os.name == "posix" else control.select(name="misbehaving-service")
        status = control.call(program, {"command": "status"})
    except ControlError:
        return []  # it is just starting, or too busy; the next look may find it
    if "error" in status:
        return []
    seen.status = status
    firing = [alert for alert in status["open_alerts"] if alert["state"] == "firing"]
    new = [alert for alert in firing if alert["title"] not in seen.alerts]
    seen.alerts |= {alert["title"]: alert for alert in new}
    return new


def _tell(as_json: bool, record: dict[str, Any], text: str) -> None:  # noqa: FBT001 - first of all: which of the two
    if as_json:
        click.echo(msgspec.json.encode(record))
    elif text:
        click.echo(text)


def _intro(folder: Path, port: int, for_s: float | None) -> str:
    end = f"for {age(for_s)}" if for_s is not None else "until Ctrl-C"
    return (
        f"Watching {folder.name}/{SERVICE} on http://127.0.0.1:{port} under load, {end}.\n"
        "It burns CPU, blocks its event loop and leaks memory; the bell rings within half a minute.\n"
        "Meanwhile, in another terminal: tocsin status\n"
    )


def _summary(seen: Seen, visits: dict[str, int], now: Instant) -> str:
    lines = ["", f"After {sum(visits.values())} visits Tocsin told of {len(seen.alerts)} alerts:"]
    for alert in seen.alerts.values():
        known = of_status(alert, now)
        lines += [f"  {known.severity.name:<8} {known.title}, {alert['after_s']:g} s after the load began"]
        lines += [f"           {known.message}"]
    lines += [
        "",
        "Next:",
        "  tocsin run YOUR_PROGRAM.py   watch a program of your own",
        "  tocsin init                  write a tocsin.toml and set rules of your own",
        "  tocsin watch                 watch this machine",
        "  tocsin doctor                see what works here",
    ]
    return "\n".join(lines)
