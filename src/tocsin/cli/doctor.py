"""`tocsin doctor`: what works here, what does not, and why."""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from tocsin.channels.console import visible
from tocsin.cli import exits
from tocsin.cli.options import config_option, is_disabled, json_option
from tocsin.errors import ConfigError, ControlError

if TYPE_CHECKING:
    from collections.abc import Iterator

OK: Final = "ok"
REMARK: Final = "-"
WRONG: Final = "WRONG"
_EXTRAS: Final = {"web": ("starlette", "uvicorn"), "notify": ("apprise",), "tui": ("textual",)}


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        subject: what was looked at.
        state: `ok`, `-` for what is missing and need not be there, or `WRONG`.
        text: what was found; with `WRONG`, what to do.
    """

    subject: str
    state: str
    text: str


@click.command()
@config_option
@json_option
def command(config: str | None, as_json: bool) -> int:  # noqa: FBT001 - click hands options over by name
    """Say what works here, what does not, and why.

    The exit code is 1 if something is wrong.
    """
    findings = list(look(config))
    wrong = sum(finding.state == WRONG for finding in findings)
    if as_json:
        click.echo(msgspec.json.encode({"ok": not wrong, "findings": findings}))
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            click.echo(f"{finding.state:<5}  {finding.subject:<{width}}  {visible(finding.text)}".rstrip())
        click.echo(f"\n{wrong} wrong; see docs/guide/troubleshooting.md" if wrong else "\nall is well")
    return exits.FOUND if wrong else exits.OK


def look(config: str | None) -> Iterator[Finding]:
    """Look at everything, in the order in which it matters."""
    yield _python()
    yield Finding("platform", OK, f"{platform.system()} {platform.release()}, {platform.machine()}")
    if is_disabled():
        yield Finding("TOCSIN_DISABLED", WRONG, "is set: nothing is watched; unset it")
    yield _config(config)
    yield _control()
    yield _storage()
    yield from _sensors()
    for extra, packages in _EXTRAS.items():
        yield _extra(extra, packages)
    yield _heap_profiler()


def _python() -> Finding:
    text = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    return Finding("python", OK, text)


def _config(given: str | None) -> Finding:
    from tocsin.config import find_config, load_config  # noqa: PLC0415 - help should not wait for it

    path = given or find_config()
    if path is None:
        return Finding("configuration", REMARK, "none in this folder: the defaults hold; write one with: tocsin init")
    try:
        rules = len(load_config(path).all_rules())
    except ConfigError as error:
        count = len(error.problems) or 1
        return Finding("configuration", WRONG, f"{path} has {count} mistakes; see: tocsin check {path}")
    return Finding("configuration", OK, f"{path}, {rules} rules")


def _control() -> Finding:
    from tocsin.control import control_folder, list_programs  # noqa: PLC0415 - help should not wait for it

    try:
        folder = control_folder()
    except ControlError as error:
        return Finding("control socket", WRONG, str(error))
    running = ", ".join(map(str, list_programs()))
    return Finding("control socket", OK, f"{folder}; watched now: {running or 'no program'}")


def _storage() -> Finding:
    from tocsin.sensors.storage import probe_storage  # noqa: PLC0415 - help should not wait for it

    found = probe_storage()
    if found.duration_s is None:
        return Finding("storage probe", REMARK, found.reason)
    return Finding("storage probe", OK, f"{found.path} answered a synced write in {found.duration_s * 1000:.1f} ms")


def _sensors() -> Iterator[Finding]:
    from tocsin.clock import SystemClock  # noqa: PLC0415 - help should not wait for it
    from tocsin.monitor import ABSENT, PerformanceMonitor  # noqa: PLC0415 - as above

    monitor = PerformanceMonitor()
    now = SystemClock().now()
    for moment in (now, now.plus(1)):  # shares need two readings; the sensors need not wait for the second
        monitor.collect(moment, 0.01)
    states: dict[str, Any] = {OK: OK, ABSENT: REMARK}
    for health in monitor.health():
        yield Finding(f"sensor {health.name}", states.get(health.state, WRONG), health.reason or health.state)
    monitor.close()


def _heap_profiler() -> Finding:
    from tocsin.memory.hook import LOST, load  # noqa: PLC0415 - help should not wait for it

    module, reason = load()
    if module is None:
        return Finding("native heap profiler", REMARK, f"{reason}; lost: {LOST}")
    return Finding("native heap profiler", OK, "built: memory is traced to the line that holds it")


def _extra(extra: str, packages: tuple[str, ...]) -> Finding:
    missing = [package for package in packages if find_spec(package) is None]
    subject = f"optional packages [{extra}]"
    if missing:
        return Finding(subject, REMARK, f"{' and '.join(missing)} not installed; pip install 'tocsin[{extra}]'")
    return Finding(subject, OK, ", ".join(packages))
