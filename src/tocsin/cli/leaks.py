"""`tocsin leaks`: what a running program leaks, and where its memory is."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from tocsin.cli import exits
from tocsin.cli.files import write_whole
from tocsin.cli.options import json_option
from tocsin.clock import SystemClock
from tocsin.errors import ControlError, TocsinError
from tocsin.memory_alerts.table import WIDTH, confirmed, lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.control import Program

# A large heap takes a moment to be told, and a busy program has other things to do.
PATIENCE_S: Final = 15.0


@click.command()
@click.option("--pid", type=int, help="The program with this process id.")
@click.option("--name", help="The program with this name.")
@click.option("--flame", metavar="FILE", help="Write a flame graph of the living heap: one HTML file, for offline use.")
@click.option("--speedscope", metavar="FILE", help="Write the living heap as a profile for speedscope.")
@json_option
def command(pid: int | None, name: str | None, flame: str | None, speedscope: str | None, as_json: bool) -> int:  # noqa: FBT001 - click hands options over by name
    """Show what a running program leaks, and where its memory is.

    Without --pid and --name there must be only one. The exit code is 1 if a leak is confirmed.
    """
    from tocsin import control  # noqa: PLC0415 - help should not wait for it

    program = control.select(pid=pid, name=name)
    if flame or speedscope:
        _export(program, flame, speedscope)
    answer = _ask(program, "leaks")
    if as_json:
        click.echo(msgspec.json.encode(answer))
    elif not (flame or speedscope):
        click.echo("\n".join(lines_of(answer, str(program), _width())))
    return exits.FOUND if confirmed(answer) else exits.OK


def _ask(program: Program, what: str) -> dict[str, Any]:
    from tocsin import control  # noqa: PLC0415 - as above

    answer = control.call(program, {"command": what}, timeout_s=PATIENCE_S)
    if "error" in answer:
        raise ControlError(f"{program} refused: {answer['error']}")
    return answer


def _export(program: Program, flame: str | None, speedscope: str | None) -> None:
    from tocsin.cli.flame import flame_page, speedscope_profile  # noqa: PLC0415 - only who exports needs it

    heap = _ask(program, "heap")
    if not heap["stacks"]:
        why = "; ".join(heap["remarks"]) or "nothing was sampled yet"
        raise TocsinError(f"{program} has no heap to draw (tier: {heap['tier']}): {why}")
    if flame:
        page = flame_page(heap, str(program), SystemClock().now().utc.isoformat(timespec="seconds"))
        _write(flame, page.encode(), heap, "open it in a browser")
    if speedscope:
        profile = msgspec.json.encode(speedscope_profile(heap, str(program)))
        _write(speedscope, profile, heap, "load it into speedscope")


def _write(path: str, content: bytes, heap: Mapping[str, Any], then: str) -> None:
    write_whole(path, content)
    left_out = heap["stacks_left_out"]
    rest = f" ({left_out:,} small ones left out)" if left_out else ""
    click.echo(f"wrote {path}: {len(heap['stacks']):,} stacks{rest}; {then}", err=True)


def _width() -> int:
    return max(shutil.get_terminal_size((WIDTH, 24)).columns, 40)
