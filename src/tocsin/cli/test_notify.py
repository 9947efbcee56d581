"""`tocsin test-notify`: do the channels reach you?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from tocsin.cli import exits
from tocsin.cli.layout import fit, terminal_width
from tocsin.cli.options import json_option
from tocsin.cli.source import find_running
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: Final = {
    "delivered": "delivered",
    "failed": "failed; it will be tried again",
    "dead": "refused for good",
    "held": "held back",
    "waiting": "no answer yet",
    "merged": "told by a later notice",
}


@click.command()
@click.option("--pid", type=int, help="The program with this process id.")
@click.option("--name", help="The program with this name.")
@click.option("--config", metavar="FILE", help="Try the channels of this configuration, without a running program.")
@json_option
@click.argument("channel", required=False, default="")
def command(channel: str, pid: int | None, name: str | None, config: str | None, as_json: bool) -> int:  # noqa: FBT001 - click hands options over by name
    """Raise a critical alert that says it is a test, and see what becomes of it on CHANNEL, or on every channel.

    It goes the way of every alert: silences and maintenance hold it back, and what fails is tried again. But the
    channels' own filters let it pass, and it ends at once. The exit code is 1 if it was not delivered everywhere.
    """
    if config is not None and (pid is not None or name is not None):
        raise click.UsageError("--config tries a configuration; --pid and --name choose a running program")
    if config is not None:
        found = _of_config(config, channel)
    else:
        otherwise = "try the channels of a file without a program: tocsin test-notify --config FILE"
        found = find_running(pid, name, otherwise=otherwise).test(channel)
    if as_json:
        click.echo(msgspec.json.encode({"channels": found}))
    else:
        width = terminal_width()
        for one in found:
            click.echo("\n".join(fit(_in_words(one), width, first=f"{one['channel']:<12} ")))
    return exits.OK if all(one["outcome"] == "delivered" for one in found) else exits.FOUND


def _in_words(found: Mapping[str, Any]) -> str:
    text = _WORDS.get(str(found["outcome"]), str(found["outcome"]))
    if found["outcome"] == "delivered" and found.get("took_s") is not None:
        text += f" in {format_value(found['took_s'], 's')}"
    return f"{text}: {found['why']}" if found.get("why") else text


def _of_config(path: str, channel: str) -> list[dict[str, Any]]:
    """Try the channels of a file in a system of our own, which watches nothing and keeps nothing."""
    from tocsin.config import load_config  # noqa: PLC0415 - help should not wait for it
    from tocsin.system import AlertSystem  # noqa: PLC0415 - as above

    system = AlertSystem(load_config(path).replace(state_dir=None), sensors=())
    try:
        return system.try_channels(channel)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    finally:
        system.stop()
