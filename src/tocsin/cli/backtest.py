"""`tocsin backtest`: what would these rules have done?"""

from __future__ import annotations

import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tocsin.cli import exits
from tocsin.cli.backtest_table import lines_of
from tocsin.cli.layout import terminal_width
from tocsin.cli.options import Since, json_option, since_unix_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tocsin.replay.backtest import Contender
    from tocsin.replay.moments import Feed

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("rules", metavar="RULES.toml", type=_PATH)
@click.option("--history", metavar="STATE_DIR", type=_PATH, help="Try them on what a journal has of the metrics.")
@click.option("--csv", "table", metavar="FILE", type=_PATH, help="Try them on a table: a time, and a column a metric.")
@click.option("--recording", metavar="FILE", type=_PATH, help="Try them on a recorded run; see the setting `record`.")
@click.option("--metric", help="What a column named `value` is; by default what all rules of the file watch.")
@click.option("--since", type=Since(), help="From this moment on; a time counts back from the last reading.")
@click.option("--minutes", type=click.Choice(["mean", "min", "max"]), default="mean", show_default=True,
              help="What stands for a minute of which the readings are not kept.")  # fmt: skip
@click.option("--compare", metavar="OTHER.toml", type=_PATH, help="Try these rules too, and show what differs.")
@click.option("--times", is_flag=True, help="List each time that a rule would have fired.")
@json_option
def command(  # noqa: PLR0917 - click hands options over by name
    rules: Path,
    history: Path | None,
    table: Path | None,
    recording: Path | None,
    metric: str | None,
    since: float | datetime | None,
    minutes: str,
    compare: Path | None,
    times: bool,  # noqa: FBT001 - as above
    as_json: bool,  # noqa: FBT001 - as above
) -> int:
    """Try the rules of RULES.toml on what was measured, and tell nobody.

    The engine is the one that watches programs: the life of alerts, silences that are configured, limits and digests
    included. For each rule: how often it would have fired, for how long, how many notices would have gone out, how many
    were held back and why, and how often it came and went.
    """
    from tocsin.replay.backtest import Contender, run  # noqa: PLC0415 - help should not wait for it

    named = [rules] if compare is None else [rules, compare]
    contenders = [Contender(str(path), _load(path)) for path in named]
    feed = _feed(history, table, recording, metric=_metric(metric, contenders), since=since, minutes=minutes)
    with closing(feed), _progress() as told:
        run(feed, contenders, told=told)
    if as_json:
        click.echo(msgspec.json.encode(_as_json(contenders, feed)))
    else:
        click.echo("\n".join(lines_of(contenders, feed.remarks(), terminal_width(), times=times)))
    return exits.OK


def _load(path: Path) -> Any:
    from tocsin.config import load_config  # noqa: PLC0415 - as above

    return load_config(path, mute=True)


def _feed(
    history: Path | None,
    table: Path | None,
    recording: Path | None,
    *,
    metric: str,
    since: float | datetime | None,
    minutes: str,
) -> Feed:
    named = [source for source in (history, table, recording) if source is not None]
    if len(named) != 1:
        raise click.UsageError(
            "name what to try the rules on, one of: --history STATE_DIR, --csv FILE, --recording FILE"
        )
    from tocsin.replay.csv_feed import CsvFeed  # noqa: PLC0415 - as above
    from tocsin.replay.history_feed import HistoryFeed  # noqa: PLC0415 - as above
    from tocsin.replay.recorded import RecordedRun  # noqa: PLC0415 - as above

    begin = None if since is None else lambda ended_unix_s: since_unix_s(since, ended_unix_s)
    if history is not None:
        return HistoryFeed(history, minute_value=minutes, since=begin)
    if table is not None:
        return CsvFeed(table, metric=metric, since=begin)
    if since is not None:
        raise click.UsageError("--since does not go with --recording: a run is played from its beginning")
    return RecordedRun(named[0])


def _metric(named: str | None, contenders: list[Contender]) -> str:
    """What a column named `value` is."""
    own = {rule.metric for contender in contenders for rule in contender.config.rules}
    return named or (own.pop() if len(own) == 1 else "value")


@contextmanager
def _progress() -> Iterator[Callable[[float], None] | None]:
    """A bar on the terminal, on standard error; nothing elsewhere."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=1000, label="trying the rules", file=sys.stderr) as bar:

        def told(share: float) -> None:
            bar.update(max(int(share * 1000) - bar.pos, 0))

        yield told


def _as_json(contenders: list[Contender], feed: Feed) -> dict[str, Any]:
    return {
        "runs": [
            {
                "rules_file": contender.name,
                "began_at": contender.account.began_at,
                "ended_at": contender.account.ended_at,
                "steps": contender.account.steps,
                "notices": contender.account.told,
                "rules": [
                    {"enabled": contender.rules[account.rule].enabled if account.rule in contender.rules else True,
                     **msgspec.structs.asdict(account)}
                    for account in contender.account.rules.values()
                ],
            }
            for contender in contenders
        ],
        "remarks": feed.remarks(),
    }  # fmt: skip
