"""`tocsin artifacts`: what was captured when an alert rang, from a running program or from what one left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from tocsin.cli import exits
from tocsin.cli.artifact_text import list_lines, shown_lines
from tocsin.cli.files import write_whole
from tocsin.cli.layout import terminal_width
from tocsin.cli.options import json_option
from tocsin.cli.source import find_source, source_options
from tocsin.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_ID = click.argument("artifact_id", metavar="ID")


@click.group(invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> int:
    """List, show and export what was captured when an alert rang.

    A rule with actions = ["heap_snapshot", "stacks:10s"] captures the heap and the stacks of all threads once an
    episode. Without a command they are listed.
    """
    return context.invoke(list_) if context.invoked_subcommand is None else exits.OK


@command.command("list", short_help="List the artifacts, newest first.")
@source_options
@json_option
def list_(
    pid: int | None = None,
    name: str | None = None,
    state_dir: Path | None = None,
    as_json: bool = False,  # noqa: FBT001, FBT002 - click hands options over by name
) -> int:
    """List the artifacts, newest first."""
    found = find_source(pid, name, state_dir).artifacts()
    if as_json:
        click.echo(msgspec.json.encode({"artifacts": found}))
    else:
        click.echo(
            "\n".join(list_lines(found, SystemClock().now().utc, terminal_width()) or ["nothing was captured yet"])
        )
    return exits.OK


@command.command(short_help="Show an artifact in a few lines.")
@source_options
@json_option
@_ID
def show(
    artifact_id: str,
    pid: int | None,
    name: str | None,
    state_dir: Path | None,
    as_json: bool,  # noqa: FBT001 - as above
) -> int:
    """Show what the artifact ID says: which lines hold the memory and what they gained, or where the threads were."""
    found = find_source(pid, name, state_dir).artifact(artifact_id)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo("\n".join(shown_lines(found, terminal_width())))
    return exits.OK


@command.command(short_help="Write an artifact as a picture or a profile.")
@source_options
@click.option("--flame", metavar="FILE", help="A flame graph: one HTML file, for offline use.")
@click.option("--speedscope", metavar="FILE", help="A profile for speedscope.")
@click.option("--json", "plain", metavar="FILE", help="The artifact itself, as JSON.")
@_ID
def export(  # noqa: PLR0917 - click hands options over by name
    artifact_id: str,
    pid: int | None,
    name: str | None,
    state_dir: Path | None,
    flame: str | None,
    speedscope: str | None,
    plain: str | None,
) -> int:
    """Write the artifact ID as a flame graph, as a profile for speedscope, or as it is."""
    wanted: list[tuple[str | None, Callable[[Mapping[str, Any]], bytes], str]] = [
        (flame, _flame, "open it in a browser"),
        (speedscope, _speedscope, "load it into speedscope"),
        (plain, msgspec.json.encode, "the guide describes its form"),
    ]
    if not any(path for path, _, _ in wanted):
        raise click.UsageError("name at least one of --flame FILE, --speedscope FILE and --json FILE")
    found = find_source(pid, name, state_dir).artifact(artifact_id)
    for path, make, then in wanted:
        if path:
            write_whole(path, make(found))
            click.echo(f"wrote {path}; {then}", err=True)
    return exits.OK


def _flame(found: Mapping[str, Any]) -> bytes:
    from tocsin.cli.flame import flame_page, threads_page  # noqa: PLC0415 - only who exports needs it

    if found["kind"] == "stacks":
        return threads_page(found).encode()
    return flame_page(found, _whose(found), str(found["at"])).encode()


def _speedscope(found: Mapping[str, Any]) -> bytes:
    from tocsin.cli.flame import speedscope_profile, threads_profile  # noqa: PLC0415 - as above

    if found["kind"] == "stacks":
        return msgspec.json.encode(threads_profile(found))
    return msgspec.json.encode(speedscope_profile(found, _whose(found)))


def _whose(found: Mapping[str, Any]) -> str:
    return f"{found['program']} (pid {found['pid']}), when {found['alert_title']!r} rang"
