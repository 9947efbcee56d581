"""`tocsin web`: where is the page of a running program? And a page on what a stopped one left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from tocsin.cli import exits
from tocsin.cli.options import json_option
from tocsin.cli.signals import ended_politely
from tocsin.cli.source import LEFT, find_running
from tocsin.errors import ControlError, TocsinError

if TYPE_CHECKING:
    from tocsin.system.left.run import LastRun

_USUAL_PORT: Final = 8787
LOOK_EVERY_S: Final = 1.0


@click.command()
@click.option("--pid", type=int, help="The program with this process id.")
@click.option("--name", help="The program with this name.")
@click.option(
    "--state-dir", metavar="DIR", type=click.Path(path_type=Path), help="Serve what a program that has ended left here."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), help="With --state-dir: the port, by default 8787 or a free one."
)
@json_option
def command(
    pid: int | None,
    name: str | None,
    state_dir: Path | None,
    port: int | None,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> int:
    """Print the link to the page of a running program, or serve what one that has ended left.

    The link of a running program holds the token: who has it may see and act. With --state-dir a page on the journal
    is served until Ctrl-C, to be looked at only; if its program runs and has a page, the link to that one is printed.
    The exit code is 1 if the program serves no page, or the folder is no state directory.
    """
    if state_dir is not None:
        if pid is not None or name is not None:
            raise click.UsageError("--state-dir shows what a program left; --pid and --name choose one that runs")
        return _serve_left(state_dir, _USUAL_PORT if port is None else port, as_json=as_json)
    if port is not None:
        raise click.UsageError("--port goes with --state-dir; the port of a program's own page is in its [web]")
    program = find_running(pid, name, otherwise=LEFT)
    url = str(program.ask("page")["url"])
    if not url:
        raise TocsinError(f"{program} serves no page; start it with: tocsin run --web SCRIPT, or watch(web=True)")
    _print(url, as_json=as_json)
    return exits.OK


def _print(url: str, *, as_json: bool) -> None:
    click.echo(msgspec.json.encode({"url": url}) if as_json else url)


def _serve_left(root: Path, port: int, *, as_json: bool) -> int:
    from tocsin.clock import SystemClock, Wakeup  # noqa: PLC0415 - help should not wait for it
    from tocsin.system.left.run import last_run  # noqa: PLC0415 - as above
    from tocsin.system.left.stopped import Stopped  # noqa: PLC0415 - as above

    clock = SystemClock()
    run = last_run(Stopped(root, clock).folders, clock.now())
    if run.runs and (url := _page_of(run.pid)):
        click.echo(f"tocsin: {run.program} (pid {run.pid}) runs; this is its own page", err=True)
        _print(url, as_json=as_json)
        return exits.OK
    from tocsin.web import serve_left  # noqa: PLC0415 - it loads uvicorn

    with ended_politely():
        server = serve_left(root, port=port)
        if not server.url:
            return exits.FOUND  # why was told already
        try:
            click.echo(f"tocsin: {_words(run)}; Ctrl-C ends the page", err=True)
            _print(server.url, as_json=as_json)
            bell = Wakeup()
            while server.url:
                clock.wait(bell, LOOK_EVERY_S)
        except KeyboardInterrupt:
            pass  # the way to end it
        finally:
            server.end(1.0)
    return exits.OK


def _page_of(pid: int) -> str:
    """The link to the page of a running program; empty where it has none, or cannot be asked."""
    try:
        return str(find_running(pid, None).ask("page")["url"])
    except (ControlError, TocsinError):
        return ""


def _words(run: LastRun) -> str:
    if run.runs:
        return f"{run.program} (pid {run.pid}) runs, without a page; this shows what its journal holds"
    return f"{run.program} does not run: at {run.at:%Y-%m-%d %H:%M:%S} UTC it {run.how}; this shows what it left"
