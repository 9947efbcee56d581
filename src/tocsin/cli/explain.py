"""`tocsin explain`: why was I, or was I not, told of an alert?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from tocsin.cli import exits
from tocsin.cli.layout import terminal_width
from tocsin.cli.options import json_option
from tocsin.cli.source import find_source, source_options
from tocsin.cli.story import lines_of
from tocsin.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@source_options
@json_option
@click.argument("alert_id", metavar="ID")
def command(
    alert_id: str,
    pid: int | None,
    name: str | None,
    state_dir: Path | None,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> int:
    """Say why you were, or were not, told of the alert ID.

    Its rule, each decision on its way with the reason, each notice and what came of it; at the end, for each channel,
    the answer. The exit code is 1 if there is no such alert.
    """
    answer = find_source(pid, name, state_dir).explain(alert_id)
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        click.echo("\n".join(lines_of(answer, SystemClock().now().utc, terminal_width())))
    return exits.OK
