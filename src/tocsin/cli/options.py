"""Options that several verbs share."""

from __future__ import annotations

import os
from typing import Any

import click

from tocsin.model.units import SECONDS, parse_quantity


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


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
config_option = click.option(
    "--config", metavar="FILE", help="The configuration; by default the tocsin.toml of this folder, if any."
)


def is_disabled() -> bool:
    """Whether TOCSIN_DISABLED switches everything off."""
    return os.environ.get("TOCSIN_DISABLED", "") not in {"", "0"}
