"""`tocsin check`: is this configuration right?"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from tocsin.cli import exits
from tocsin.errors import ConfigError


@click.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(path: Path | None, as_json: bool) -> int:  # noqa: FBT001 - click hands options over by name
    """Check a configuration file and name every mistake.

    PATH is the file, by default the tocsin.toml (or pyproject.toml with a table [tool.tocsin]) of this folder.
    """
    from tocsin.config import find_config, load_config  # noqa: PLC0415 - help should not wait for it

    path = path or find_config()
    if path is None:
        raise click.UsageError("there is no tocsin.toml here; name a file, or write one with: tocsin init")
    try:
        config = load_config(path)
        channels = len(config.make_channels())
    except ConfigError as error:
        problems = list(map(str, error.problems or [error]))
        if as_json:
            click.echo(msgspec.json.encode({"path": str(path), "ok": False, "problems": problems}))
        else:
            click.echo("\n".join([*problems, f"{path}: {_count(len(problems), 'problem')}"]), err=True)
        return exits.USAGE
    rules = len(config.all_rules())
    if as_json:
        found = {"ok": True, "rules": rules, "channels": channels, "warnings": config.warnings}
        click.echo(msgspec.json.encode({"path": str(path), **found}))
        return exits.OK
    for warning in config.warnings:
        click.echo(f"{path}: warning: {warning}", err=True)
    click.echo(f"{path}: ok: {_count(rules, 'rule')}, {_count(channels, 'channel')}")
    return exits.OK


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
