"""`tocsin deliveries`: what was told, and what could not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from tocsin.cli import exits
from tocsin.cli.alert_list import notice_lines
from tocsin.cli.layout import terminal_width
from tocsin.cli.options import json_option
from tocsin.cli.source import Running, find_source, source_options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@source_options
@click.option("--dead", is_flag=True, help="Only what was given up.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="At most so many.")
@click.option("--replay", metavar="ID", help="Send the dead notice ID once more.")
@json_option
def command(  # noqa: PLR0917 - click hands options over by name
    pid: int | None,
    name: str | None,
    state_dir: Path | None,
    dead: bool,  # noqa: FBT001 - as above
    limit: int,
    replay: str | None,
    as_json: bool,  # noqa: FBT001 - as above
) -> int:
    """List the notices to the channels, newest first, and what became of each.

    The program needs a journal, so a state_dir. The exit code is 1 if one of those listed is dead, or if the notice to
    be sent again does not exist or is not dead.
    """
    source = find_source(pid, name, state_dir)
    if replay is not None:
        answer = source.replay(replay)
        when = "is sent once more" if isinstance(source, Running) else "is sent once more when the program starts"
        click.echo(msgspec.json.encode(answer) if as_json else f"{answer['id']} to {answer['channel']} {when}")
        return exits.OK
    found = source.deliveries(state="dead" if dead else "", limit=limit)
    if as_json:
        click.echo(msgspec.json.encode({"notices": found}))
    else:
        width = terminal_width()
        lines = [line for notice in found for line in notice_lines(notice, width)]
        click.echo("\n".join(lines or ["no notice is dead" if dead else "nothing was told yet"]))
    return exits.FOUND if any(notice["state"] == "dead" for notice in found) else exits.OK
