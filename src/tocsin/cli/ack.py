"""`tocsin ack`: somebody takes care of an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from tocsin.cli import exits
from tocsin.cli.alert_list import alert_lines
from tocsin.cli.layout import terminal_width
from tocsin.cli.options import Span, json_option
from tocsin.cli.source import find_source, say_if_not_durable, somebody, source_options
from tocsin.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@source_options
@click.option("--comment", default="", help="What you say of it.")
@click.option("--by", help="Who you are; by default the name you are logged in with.")
@click.option("--for", "for_s", type=Span(), help="For this time; by default until the alert ends or gets worse.")
@json_option
@click.argument("alert_id", metavar="ID")
def command(  # noqa: PLR0917 - click hands options over by name
    alert_id: str,
    pid: int | None,
    name: str | None,
    state_dir: Path | None,
    comment: str,
    by: str | None,
    for_s: float | None,
    as_json: bool,  # noqa: FBT001 - as above
) -> int:
    """Take care of the alert ID: it is not told again, nor handed to the next channel.

    The mark ends with the alert, and is void when the alert gets worse. Where there is a journal it is on disk when the
    command ends. The exit code is 1 if there is no such alert.
    """
    source = find_source(pid, name, state_dir)
    answer = source.acknowledge(alert_id, by=somebody() if by is None else by, comment=comment, for_s=for_s)
    if as_json:
        click.echo(msgspec.json.encode(answer))
        return exits.OK
    click.echo("\n".join(alert_lines(answer["alert"], SystemClock().now().utc, terminal_width())))
    say_if_not_durable(answer)
    return exits.OK
