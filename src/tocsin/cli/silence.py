"""`tocsin silence`: tell nobody of some alerts, for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from tocsin.cli import exits
from tocsin.cli.alert_list import alert_lines, silence_lines
from tocsin.cli.layout import terminal_width
from tocsin.cli.options import MatcherText, Span, json_option
from tocsin.cli.source import find_source, say_if_not_durable, somebody, source_options
from tocsin.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MATCHERS = click.argument("matchers", metavar="MATCHER...", nargs=-1, required=True, type=MatcherText())


@click.group()
def command() -> None:
    """Tell nobody of the alerts that match, for a time.

    A MATCHER is a fact or label, one of = != =~ !~, and a value: component=db, severity!=critical, rule=~memory.*. All
    of several must match. The facts are title, rule, source, category, severity, component, id and fingerprint.
    """


@command.command(short_help="Silence the alerts that match.")
@source_options
@click.option("--for", "for_s", type=Span(), required=True, help="How long, such as 2h; at most 366 days.")
@click.option("--comment", default="", help="Why.")
@click.option("--by", help="Who you are; by default the name you are logged in with.")
@json_option
@_MATCHERS
def add(  # noqa: PLR0917 - click hands options over by name
    matchers: tuple[str, ...],
    pid: int | None,
    name: str | None,
    state_dir: Path | None,
    for_s: float,
    comment: str,
    by: str | None,
    as_json: bool,  # noqa: FBT001 - as above
) -> int:
    """Silence the alerts that match, and show which of the open ones these are."""
    source = find_source(pid, name, state_dir)
    who = somebody() if by is None else by
    answer = source.silence(matchers, for_s=for_s, by=who, comment=comment)
    if as_json:
        click.echo(msgspec.json.encode(answer))
        return exits.OK
    utc, width = SystemClock().now().utc, terminal_width()
    click.echo("\n".join(silence_lines(answer["silence"], utc, width)))
    click.echo("\n".join(_matched(answer, "holds back")))
    say_if_not_durable(answer)
    return exits.OK


@command.command()
@source_options
@json_option
@_MATCHERS
def preview(
    matchers: tuple[str, ...],
    pid: int | None,
    name: str | None,
    state_dir: Path | None,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> int:
    """Show the open alerts that match, and silence nothing."""
    found = find_source(pid, name, state_dir).preview(matchers)
    click.echo(msgspec.json.encode(found) if as_json else "\n".join(_matched(found, "would hold back")))
    return exits.OK


@command.command(name="list")
@source_options
@json_option
def list_them(
    pid: int | None,
    name: str | None,
    state_dir: Path | None,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> int:
    """List the silences that are in force, the first to end first."""
    found = find_source(pid, name, state_dir).silences()
    if as_json:
        click.echo(msgspec.json.encode({"silences": found}))
        return exits.OK
    utc, width = SystemClock().now().utc, terminal_width()
    lines = [line for silence in found for line in silence_lines(silence, utc, width)]
    click.echo("\n".join(lines or ["no silence is in force"]))
    return exits.OK


@command.command()
@source_options
@click.argument("silence_id", metavar="ID")
def expire(silence_id: str, pid: int | None, name: str | None, state_dir: Path | None) -> int:
    """End the silence ID now. What it held back and still fires is told.

    The exit code is 1 if there is no such silence.
    """
    answer = find_source(pid, name, state_dir).expire(silence_id)
    click.echo(f"silence {silence_id} is over")
    say_if_not_durable(answer)
    return exits.OK


def _matched(answer: Mapping[str, Any], verb: str) -> Iterator[str]:
    utc, width = SystemClock().now().utc, terminal_width()
    alerts, left_out = answer["alerts"], answer["left_out"]
    if not alerts:
        yield f"it {verb} none of the open alerts; is there a slip in the matchers?"
        return
    count = len(alerts) + left_out
    yield f"it {verb} {count} open {'alert' if count == 1 else 'alerts'}:"
    for alert in alerts:
        yield from alert_lines(alert, utc, width)
    if left_out:
        yield f"and {left_out} more"
