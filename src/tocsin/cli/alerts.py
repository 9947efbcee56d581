"""`tocsin alerts`: what is open, and what was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from tocsin.cli import exits
from tocsin.cli.alert_list import alert_lines
from tocsin.cli.layout import fit, terminal_width
from tocsin.cli.options import Span, json_option
from tocsin.cli.source import find_source, source_options
from tocsin.clock import SystemClock
from tocsin.model.levels import AlertCategory

if TYPE_CHECKING:
    from pathlib import Path

_DAY_S = 86_400.0


@click.command()
@source_options
@click.option("--unacked", is_flag=True, help="Only what nobody takes care of.")
@click.option(
    "--category",
    type=click.Choice([category.value for category in AlertCategory], case_sensitive=False),
    metavar="CATEGORY",
    help="Only of this category, such as memory_leak.",
)
@click.option(
    "--since", "since_s", type=Span(), default=_DAY_S, help="Also what changed within this time; by default 1d."
)
@json_option
def command(  # noqa: PLR0917 - click hands options over by name
    pid: int | None,
    name: str | None,
    state_dir: Path | None,
    unacked: bool,  # noqa: FBT001 - as above
    category: str | None,
    since_s: float,
    as_json: bool,  # noqa: FBT001 - as above
) -> int:
    """List the alerts of a program: all that are open, and those that changed of late; newest first.

    A running program is asked, or with --state-dir the journal that one left. The exit code is 1 if one of those
    listed is firing.
    """
    source = find_source(pid, name, state_dir)
    answer = source.alerts(since_s)
    found = [alert for alert in answer["alerts"] if _is_wanted(alert, unacked=unacked, category=category)]
    firing = sum(alert["state"] == "firing" for alert in found)
    if as_json:
        click.echo(msgspec.json.encode({"alerts": found, "left_out": answer["left_out"]}))
    else:
        utc, width = SystemClock().now().utc, terminal_width()
        over = len(found) - firing
        click.echo("\n".join(fit(f"{firing or 'none'} open, {over or 'none'} over: {source}", width)))
        for alert in found:
            click.echo("\n".join(alert_lines(alert, utc, width)))
        if answer["left_out"]:
            click.echo(f"and {answer['left_out']} older ones")
    return exits.FOUND if firing else exits.OK


def _is_wanted(alert: dict[str, Any], *, unacked: bool, category: str | None) -> bool:
    mark = alert["acknowledgement"]
    if unacked and mark is not None and mark["holds"]:
        return False
    return category is None or alert["category"] == category
