"""What may be asked of the page over HTTP: each operation is one of the answers that the command line is given too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, get_args, get_origin

import msgspec

from tocsin.system.answers import alerts as on_alerts
from tocsin.system.answers import looks as on_looks
from tocsin.system.answers.readings import Wanted
from tocsin.system.answers.trials import Trial
from tocsin.web.panels import CHARTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = "/api/v1"


class Operation(NamedTuple):
    """One operation.

    Attributes:
        method: of HTTP; what is not a GET needs the scope `act`.
        path: below the root of the API; words in braces are handed over by their name.
        command: the answer that is asked.
        asks: what it is asked with: for a GET the parameters of the query, else the JSON body.
        summary: what it does, in a line.
        kind: at which desk it waits; see `tocsin.web.desk`.
    """

    method: str
    path: str
    command: str
    asks: type[msgspec.Struct]
    summary: str
    kind: str = "look"


def _look(path: str, command: str, asks: type[msgspec.Struct], summary: str, kind: str = "look") -> Operation:
    return Operation("GET", path, command, asks, summary, kind)


def _order(path: str, command: str, asks: type[msgspec.Struct], summary: str, kind: str = "order") -> Operation:
    return Operation("POST", path, command, asks, summary, kind)


class Charted(Wanted):
    """Which readings; without a metric, those that are charted."""

    metric: list[str] = msgspec.field(default_factory=lambda: sorted(CHARTED))


_NOTHING: Final = on_looks.Nothing
OPERATIONS: Final = (
    _look("/status", "status", _NOTHING, "How the program and Tocsin do."),
    _look("/health", "health", _NOTHING, "Whether the program is fit to live, and ready for work."),
    _look("/metrics", "metrics", _NOTHING, "What is measured here, with unit and meaning."),
    _look("/readings", "readings", Charted, "What was measured over a stretch of time.", "history"),
    _look("/alerts", "alerts", on_alerts.Since, "The alerts that are open, or changed of late; newest first."),
    _look("/alerts/{id}", "explain", on_alerts.Which, "The whole way of an alert, and who was told."),
    _order("/alerts/{id}/acknowledge", "acknowledge", on_alerts.Mark, "Take care of an alert: its repeats stop."),
    _look("/silences", "silences", _NOTHING, "The silences, the first to end first."),
    _look("/silences/preview", "preview", on_alerts.Matching, "The open alerts that matchers would hold back."),
    _order("/silences", "silence", on_alerts.Hush, "Tell nobody of the alerts that match, for a time."),
    Operation("DELETE", "/silences/{id}", "expire", on_alerts.Which, "End a silence now.", "order"),
    _look("/notices", "deliveries", on_alerts.Told, "The last notices, and what became of each."),
    _order("/notices/{id}/replay", "replay", on_alerts.Which, "Send a notice that was given up once more."),
    _look("/rules", "shown_rules", _NOTHING, "The rules, and how each stands."),
    _order("/rules/{name}/switch", "switch", on_looks.Switch, "Judge by a rule, or no longer."),
    _look(
        "/rules/{name}/backtest",
        "backtest",
        Trial,
        "What a rule did in the past, and would have done otherwise.",
        "history",
    ),
    _order("/rules/{name}/change", "change", Trial, "Judge by a changed rule until the program ends."),
    _look("/runbooks/{name}", "runbook", on_looks.OfRule, "What an alert of a default rule means, and what to do."),
    _look("/channels", "channels", _NOTHING, "The channels, and how each does."),
    _order("/channels/{channel}/test", "test", on_alerts.Try, "Try whether a channel reaches you.", "test"),
    _look("/leaks", "leaks", _NOTHING, "What leaks, and the report on memory beside it."),
    _look("/heap", "heap", _NOTHING, "What lives, by stack.", "history"),
    _look("/survivors", "survivors", _NOTHING, "What lives, by line, and when it was allocated.", "history"),
    _look("/threads", "threads", _NOTHING, "What every thread is doing at this moment."),
)


def request_of(operation: Operation, given: Mapping[str, Sequence[str]], named: Mapping[str, str]) -> dict[str, Any]:
    """What a GET or DELETE asks, from its query (every value of each name) and its path.

    Raises: msgspec.ValidationError: if a value is none of its kind.
    """
    found: dict[str, Any] = dict(named)
    for field in msgspec.structs.fields(operation.asks):
        if field.name in given and field.name not in found:
            found[field.name] = list(given[field.name]) if _is_list(field.type) else given[field.name][-1]
    plain: dict[str, Any] = msgspec.to_builtins(msgspec.convert(found, type=operation.asks, strict=False))
    return plain


def _is_list(kind: Any) -> bool:
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return get_origin(plain) is list


def body_of(operation: Operation, body: bytes, named: Mapping[str, str]) -> dict[str, Any]:
    """What a POST asks, from its body and its path.

    Raises: msgspec.MsgspecError: if it is no JSON object, or a value is none of its kind.
    """
    try:
        given = msgspec.json.decode(body) if body.strip() else {}
    except msgspec.DecodeError as error:
        raise msgspec.ValidationError(f"the body is no JSON: {error}") from None
    except RecursionError:
        raise msgspec.ValidationError("the body is nested deeper than anything that is expected here") from None
    if not isinstance(given, dict):
        raise msgspec.ValidationError(f"found {type(given).__name__}, expected a JSON object")
    plain: dict[str, Any] = msgspec.to_builtins(msgspec.convert({**given, **named}, type=operation.asks))
    return plain
