"""`tocsin init`: a first configuration."""

from __future__ import annotations

from pathlib import Path

import click

from tocsin.cli import exits


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("tocsin.toml"))
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
def command(path: Path, force: bool) -> int:  # noqa: FBT001 - click hands options over by name
    """Write a configuration with every setting explained.

    PATH is the file to write, by default tocsin.toml in this folder; of a folder, the tocsin.toml in it.
    """
    from tocsin.config import TEMPLATE  # noqa: PLC0415 - help should not wait for it

    if path.is_dir():
        path /= "tocsin.toml"
    try:
        # "x" looks and writes in one act, so a file that appears in between is not lost.
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        click.echo(f"tocsin: {path} exists and was left as it is; --force overwrites it", err=True)
        return exits.USAGE
    except OSError as error:
        click.echo(f"tocsin: {path} cannot be written: {error.strerror}", err=True)
        return exits.USAGE
    click.echo(f"wrote {path}; every setting in it is a comment until you change it.\nNext: tocsin check {path}")
    return exits.OK
