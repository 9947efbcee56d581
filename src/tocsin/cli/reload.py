"""`tocsin reload`: let a running program take its configuration file anew."""

from __future__ import annotations

import click
import msgspec

from tocsin.channels.text import visible
from tocsin.cli import exits
from tocsin.cli.options import json_option
from tocsin.cli.source import find_running

# It is waited for a file that is being written, for a step that is under way, and for another reload.
PATIENCE_S = 25.0


@click.command()
@click.option("--pid", type=int, help="The program with this process id.")
@click.option("--name", help="The program with this name.")
@json_option
def command(pid: int | None, name: str | None, as_json: bool) -> int:  # noqa: FBT001 - click hands options over by name
    """Let a running program take its configuration file anew.

    It is taken as a whole or not at all: with the exit code 2 the old configuration stays in force. Without --pid and
    --name there must be only one program.
    """
    running = find_running(pid, name)
    reply = running.ask("reload", timeout_s=PATIENCE_S)
    if as_json:
        click.echo(msgspec.json.encode(reply))
        return exits.OK if reply["applied"] else exits.USAGE
    if reply["applied"]:
        words = "is in force now" if reply["changes"] else "says nothing that is not in force already"
        click.echo(f"{running}: {visible(reply['path'])} {words}")
        for change in reply["changes"]:
            click.echo(f"  {visible(change)}")
        return exits.OK
    for reason in reply["reasons"]:
        click.echo(f"tocsin: {visible(reason)}", err=True)
    click.echo(f"{running}: refused; the old configuration stays in force", err=True)
    return exits.USAGE
