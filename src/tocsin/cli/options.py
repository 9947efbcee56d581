"""Options that several verbs share."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from typing import Any, Final

import click

from tocsin.model.matching import parse_matcher
from tocsin.model.units import SECONDS, parse_quantity

MAX_SPAN_S: Final = 366 * 86_400.0


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic only in newer clicks
    """A time such as `30s` or `2min`; a bare number is in seconds. Gives seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the option; a usage error says what was expected."""
        if isinstance(value, float):
            return value
        try:
            quantity = parse_quantity(str(value))
        except ValueError:
            quantity = None
        if quantity is None or quantity.unit not in {"", SECONDS} or quantity.value <= 0:
            self.fail(f"{value!r} is not a time such as '30s' or '2min'", param, ctx)
        return quantity.value


class Span(Duration):
    """A time of at most a year, for what ends by itself."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the option; a usage error says what was expected."""
        seconds = super().convert(value, param, ctx)
        if seconds > MAX_SPAN_S:
            self.fail(f"{value!r} is more than 366 days", param, ctx)
        return seconds


class Since(click.ParamType):  # type: ignore[type-arg]  # as above
    """A moment such as `2026-01-31T22:00:00Z`, or a time such as `24h` that is counted back from the end of a history.

    Gives a `datetime` or seconds.
    """

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | datetime:
        """Read the option; a usage error says what was expected."""
        if isinstance(value, (float, datetime)):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            return Duration().convert(value, param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def since_unix_s(since: float | datetime | None, ended_unix_s: float) -> float:
    """The moment that is meant, in Unix seconds; the beginning of time where nothing is said.

    Args:
        since: as `Since` gives it.
        ended_unix_s: the end of the history.
    """
    if since is None:
        return -math.inf
    return since.timestamp() if isinstance(since, datetime) else ended_unix_s - since


class MatcherText(click.ParamType):  # type: ignore[type-arg]  # as above
    """A matcher such as `component=db`; given on as it was written."""

    name = "matcher"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the argument; a usage error says what was expected."""
        try:
            parse_matcher(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
config_option = click.option(
    "--config", metavar="FILE", help="The configuration; by default the tocsin.toml of this folder, if any."
)


def is_disabled() -> bool:
    """Whether TOCSIN_DISABLED switches everything off."""
    return os.environ.get("TOCSIN_DISABLED", "") not in {"", "0"}
