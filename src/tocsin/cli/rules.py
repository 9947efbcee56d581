"""`tocsin rules`: what each rule sees, and why it does not ring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from tocsin.channels.text import visible
from tocsin.cli import exits
from tocsin.cli.layout import fit, terminal_width
from tocsin.cli.options import json_option
from tocsin.cli.source import find_source, source_options
from tocsin.errors import RuleNotFound
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

# Of a rule with many series the first few are shown; all of them with --all.
FEW: Final = 4
_LOUD: Final = ("firing", "pending", "error")


@click.command()
@click.argument("rules", nargs=-1, metavar="[RULE]...")
@source_options
@click.option("--all", "show_all", is_flag=True, help="Every series of each rule.")
@json_option
def command(  # noqa: PLR0917 - click hands options over by name
    rules: tuple[str, ...],
    pid: int | None,
    name: str | None,
    state_dir: Path | None,
    show_all: bool,  # noqa: FBT001 - as above
    as_json: bool,  # noqa: FBT001 - as above
) -> int:
    """Show what each rule sees, or each RULE that is named, and why it does not ring.

    A running program is asked, or with --state-dir the journal that one left. The exit code is 1 if one of those shown
    is firing.
    """
    source = find_source(pid, name, state_dir)
    known: list[dict[str, Any]] = source.rules()
    found = _chosen(known, rules)
    firing = sum(rule["state"] == "firing" for rule in found)
    if as_json:
        click.echo(msgspec.json.encode({"rules": found}))
    else:
        click.echo("\n".join(lines_of(found, str(source), terminal_width(), show_all=show_all or bool(rules))))
    return exits.FOUND if firing else exits.OK


def lines_of(rules: Iterable[Mapping[str, Any]], source: str, width: int, *, show_all: bool = False) -> Iterator[str]:
    """The rules for a person: those that ring, and are about to, first."""
    rules = list(rules)
    states = [str(rule["state"]) for rule in rules]
    firing, pending = states.count("firing"), states.count("pending")
    count = "1 rule" if len(rules) == 1 else f"{len(rules)} rules"
    yield from fit(f"{count}, {firing or 'none'} firing, {pending or 'none'} pending: {source}", width)
    for rule in sorted(rules, key=lambda rule: rule["state"] not in _LOUD):
        yield from fit(f"{rule['name']}  {rule['words']}", width, first=f"{rule['state']:<9} ")
        yield from _series_lines(rule, width, show_all=show_all)
        for action in rule.get("actions") or ():
            yield from fit(_action(action), width, first="            ")


def _series_lines(rule: Mapping[str, Any], width: int, *, show_all: bool) -> Iterator[str]:
    series = rule["series"]
    if not series:
        yield from fit(rule["why"], width, first="            ")
        return
    shown = series if show_all else series[: max(FEW, sum(one["state"] in _LOUD for one in series))]
    for one in shown:
        labels = ", ".join(f"{name}={value}" for name, value in one["labels"].items())
        head = " ".join(filter(None, [labels, format_value(one["value"], rule["unit"])]))
        state = "" if one["state"] == rule["state"] else f"{one['state']}: "
        yield from fit(f"{state}{head}" + (f": {one['why']}" if one["why"] else ""), width, first="            ")
    left_out = len(series) - len(shown) + rule["series_left_out"]
    if left_out:
        yield f"            and {left_out} more series"


def _action(action: Mapping[str, Any]) -> str:
    """What a rule may still do, and why not now."""
    why, left = action.get("why_not"), action.get("left")
    words = f"{left} left; not now: {why}" if why and left is not None else why or f"{left} left"
    return f"{action['action']}: {words}"


def _chosen(rules: list[dict[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    """The rules of these names; all, if none is named. Raises RuleNotFound."""
    by_name = {rule["name"]: rule for rule in rules}
    for name in names:
        if name not in by_name:
            raise RuleNotFound(visible(name), by_name)
    return [by_name[name] for name in dict.fromkeys(names)] or rules
