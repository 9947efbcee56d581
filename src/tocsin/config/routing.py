"""What one channel is told: which alerts, when, together with which others, and what follows when nobody answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tocsin.config.keys import Key, matchers, names_or_none, read_keys, recurrence
from tocsin.config.mistakes import Mistake, choices, show
from tocsin.config.values import positive, seconds, text
from tocsin.errors import ConfigError
from tocsin.model.levels import AlertSeverity, read_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tocsin.channels.protocol import AlertChannel, NoticeChannel
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.matching import Matcher
    from tocsin.model.schedule import Recurrence

_DAY_S: Final = 86_400.0


def _recurrence_or_none(value: object) -> Recurrence | None:
    return None if value is None else recurrence(value)


KEYS: Final[dict[str, Key]] = {
    "match": Key("matchers", matchers, '["category=memory_leak"]'),
    "hours": Key(
        "hours", _recurrence_or_none, '{"cron": "0 8 * * mon-fri", "duration": "9h", "zone": "Europe/Berlin"}'
    ),
    "group_by": Key("group_by", names_or_none, '["rule"]'),
    "group_wait": Key("group_wait_s", seconds(0.0, 3600.0, words="from 0 s to 1 h"), '"10s"'),
    "group_interval": Key("group_interval_s", seconds(0.0, _DAY_S, words="from 0 s to 1 d"), '"60s"'),
    "repeat": Key("repeat_s", seconds(0.0, 30 * _DAY_S, words="from 0 s (never) to 30 d"), '"4h"'),
    "notices_per_minute": Key("notices_per_minute", positive, "30"),
    "escalate_to": Key("escalate_to", text, '"pager"'),
    "escalate_after": Key("escalate_after_s", seconds(1.0, 7 * _DAY_S, words="from 1 s to 7 d"), '"15min"'),
    "fallback": Key("fallback", text, '"email"'),
}
"""The keys of `[[channel]]` that say what it is told, each with the field of `Route` that it becomes."""

OTHERS: Final = ("escalate_to", "fallback")
"""Those that name another channel."""


def read_routing(table: Mapping[str, object]) -> tuple[dict[str, Any], list[Mistake]]:
    """Bring the keys in `KEYS` into their one form, by the names they have in a file; and every mistake."""
    fields, mistakes = read_keys(table, KEYS, "a channel")
    return {name: fields[key.field] for name, key in KEYS.items() if key.field in fields}, mistakes


def as_fields(routing: Mapping[str, Any]) -> dict[str, Any]:
    """What was read, by the names of the fields of `Route`."""
    return {KEYS[name].field: value for name, value in routing.items()}


def naming_mistakes(channels: Sequence[tuple[str, Mapping[str, object]]], known: Iterable[str] = ()) -> list[Mistake]:
    """Check that the channels that others name are there.

    Args:
        channels: to each channel its name and its routing, by the keys of a file.
        known: names of further channels.
    Returns: mistakes whose paths begin with the place of the channel.
    """
    names = [*(name for name, _ in channels), *known]
    mistakes = []
    for index, (name, routing) in enumerate(channels):
        others = [other for other in names if other != name]
        for key in OTHERS:
            meant = routing.get(key)
            if not meant or not isinstance(meant, str) or meant in others:
                continue
            words = f"the name of another channel, {choices(others, meant)}" if others else "a second channel"
            mistakes.append(Mistake((index, key), show(meant), words))
    return mistakes


class Routed:
    """A channel, and what it is told. For what can be said of a channel in a file beside its own options.

    Args:
        channel: a channel object or a function.
        severity: this and worse; by default what the channel itself says, or else everything.
        match: only alerts that match all of these, such as `"component=orders"`.
        hours: only in these windows: a table of `cron`, `duration` and `zone`. Critical alerts do not wait.
        group_by: names of facts or labels; alerts that agree in all of them share a notice. None: one notice an alert.
        group_wait: how long the first alert of a group waits for others.
        group_interval: time between two notices of a group.
        repeat: after this an alert that still fires, and that nobody takes care of, is told again; 0: never.
        notices_per_minute: firing notices a minute; the rest end in a digest.
        escalate_to: the channel that is told when nobody acknowledges.
        escalate_after: after this time.
        fallback: the channel that is told what this one cannot be told.
    Raises: ConfigError: with every mistake.
    """

    __slots__ = ("channel", "routing", "severity")

    def __init__(
        self,
        channel: AlertChannel | NoticeChannel | Callable[[PerformanceAlert], object],
        *,
        severity: AlertSeverity | int | str | None = None,
        match: str | Iterable[str | Matcher] | None = None,
        hours: Mapping[str, Any] | Recurrence | None = None,
        group_by: Iterable[str] | None = None,
        group_wait: float | str | None = None,
        group_interval: float | str | None = None,
        repeat: float | str | None = None,
        notices_per_minute: float | None = None,
        escalate_to: str | None = None,
        escalate_after: float | str | None = None,
        fallback: str | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in KEYS and value is not None}
        self.channel: Any = channel
        self.routing, mistakes = read_routing(given)
        level, understood = (None, True) if severity is None else read_level(severity)
        if not understood:
            mistakes.append(Mistake(("severity",), show(severity), "info, warning or critical", 'severity="warning"'))
        self.severity: AlertSeverity | None = level
        if mistakes:
            raise ConfigError(mistake.as_argument()._replace(where=f"Routed {self.name!r}") for mistake in mistakes)

    @property
    def name(self) -> str:
        """The channel's name."""
        name = getattr(self.channel, "name", "")
        return name if isinstance(name, str) else ""

    def around(self, channel: object) -> Routed:
        """The same routing for what the channel turned out to be."""
        twin = object.__new__(Routed)
        twin.channel, twin.routing, twin.severity = channel, self.routing, self.severity
        return twin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Routed):
            return NotImplemented
        mine, theirs = (self.channel, self.routing, self.severity), (other.channel, other.routing, other.severity)
        return mine == theirs

    # Channels are compared but need not be hashable.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Routed({self.name!r}, {', '.join(self.routing)})" if self.routing else f"Routed({self.name!r})"
