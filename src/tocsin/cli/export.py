"""`tocsin export`: the alerts of a journal, for other programs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from tocsin.cli import exits


@click.command()
@click.option(
    "--state-dir", metavar="DIR", type=click.Path(path_type=Path), required=True, help="The folder of the journal."
)
def command(state_dir: Path) -> int:
    """Write every alert of a journal, with its transitions, as one line of JSON, oldest first.

    The program may be running meanwhile.
    """
    from tocsin.system.left.stopped import Stopped  # noqa: PLC0415 - help should not wait for it

    for alert, transitions in Stopped(state_dir).whole():
        steps = [
            {"at": datetime.fromtimestamp(at, UTC), "before": before, "after": after, "why": why}
            for at, before, after, why in transitions
        ]
        click.echo(msgspec.json.encode({**msgspec.structs.asdict(alert), "transitions": steps}))
    return exits.OK
