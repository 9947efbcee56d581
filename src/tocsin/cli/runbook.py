"""`tocsin runbook`: what does an alert of a default rule mean, and what is to be done?"""

from __future__ import annotations

import click
import msgspec

from tocsin import runbooks
from tocsin.cli import exits
from tocsin.cli.options import json_option


@click.command()
@json_option
@click.argument("name", metavar="[RULE]", required=False)
def command(name: str | None, as_json: bool) -> int:  # noqa: FBT001 - click hands options over by name
    """Show the runbook of a default rule, or list them.

    What its alerts mean, what to look at, and what to do. Nothing is asked of a program or of the network. The exit
    code is 1 if no runbook has this name.
    """
    if name is None:
        known = runbooks.names()
        click.echo(msgspec.json.encode({"runbooks": known}) if as_json else "\n".join(known))
    else:
        text = runbooks.text(name)
        click.echo(msgspec.json.encode({"name": name, "text": text}) if as_json else text.rstrip("\n"))
    return exits.OK
