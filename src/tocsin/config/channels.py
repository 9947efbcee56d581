"""Which channels are meant: objects, plain functions, or tables of a TOML file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from tocsin.alerts.settings import Route
from tocsin.channels.function import FunctionChannel
from tocsin.channels.protocol import AlertChannel, NoticeChannel
from tocsin.config.channel_kinds import kind_mistakes, make, option_mistakes
from tocsin.config.mistakes import Mistake, Wrong, show, wrong
from tocsin.config.routing import Routed, as_fields, naming_mistakes, read_routing
from tocsin.config.sealing import remarks, seal
from tocsin.config.values import as_sequence
from tocsin.errors import ConfigError
from tocsin.model.alert import PerformanceAlert
from tocsin.model.levels import AlertSeverity, read_level

Channel: TypeAlias = AlertChannel | NoticeChannel

_A_LIST: Final = "a list of channels, each an object with `name` and `send_alert`, or a function"


class ChannelSpec(msgspec.Struct, frozen=True):
    """A channel as a file describes it; made into a channel when the system starts.

    Attributes:
        type: the kind of channel: console, slack, email, webhook, alertmanager, pagerduty, apprise, file, command,
            plugin.
        name: unique among the channels; by default the type.
        severity: this and worse is told; also a number 1 to 3 or a name.
        options: the type's own; those named url, token, password, key, … are held as `Secret`.
        routing: which alerts it is told and when, by the keys that a file has for it (`match`, `hours`, …).
    Raises: ConfigError: with every mistake.
    """

    type: str
    name: str = ""
    severity: AlertSeverity = AlertSeverity.INFO
    options: Mapping[str, Any] = {}
    routing: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        mistakes: list[Mistake] = []
        settle = msgspec.structs.force_setattr
        severity, understood = read_level(self.severity)
        if not understood:
            mistakes.append(
                Mistake(("severity",), show(self.severity), "info, warning or critical", 'severity="warning"')
            )
        settle(self, "severity", severity)
        settle(self, "name", self.name or self.type)
        settle(self, "options", seal(self.options, mistakes))
        routing, wrong_routing = read_routing(self.routing)
        settle(self, "routing", routing)
        mistakes += wrong_routing
        if mistakes:
            raise ConfigError(
                mistake.as_argument()._replace(where=f"ChannelSpec {self.name!r}") for mistake in mistakes
            )


Described: TypeAlias = Channel | ChannelSpec | Routed
ChannelLike: TypeAlias = Described | Callable[[PerformanceAlert], object]


def read_channels(value: object, *, known: Iterable[str] = ()) -> tuple[Described, ...] | None:
    """Channels with names that differ; None stands for the console.

    Args:
        value: as given.
        known: names of channels that are there already, and may be told next.
    Raises: Wrong: with every mistake.
    """
    if value is None:
        return None
    mistakes: list[Mistake] = []
    found: list[Described] = []
    for index, item in enumerate(as_sequence(value, _A_LIST)):
        try:
            channel = as_channel(item)
        except Wrong as error:
            mistakes += [mistake._replace(path=(index, *mistake.path)) for mistake in error.mistakes]
            continue
        if channel.name in {other.name for other in found}:
            mistakes.append(
                Mistake(
                    (index, "name"), f"a second channel named {channel.name!r}", *_another_name(channel), remark=True
                )
            )
        found.append(channel)
    if not mistakes:
        mistakes += naming_mistakes([(channel.name, routing_of(channel)) for channel in found], known)
    if mistakes:
        raise Wrong(*mistakes)
    return tuple(found)


def routing_of(channel: Described | None) -> Mapping[str, Any]:
    """What was said of a channel beside its own options."""
    return channel.routing if isinstance(channel, (Routed, ChannelSpec)) else {}


def as_channel(item: object) -> Described:
    """Take a channel for what it is, and make one of a plain function.

    Raises: Wrong: a `ConfigError`'s worth of mistakes, if it cannot be a channel.
    """
    if isinstance(item, ChannelSpec):
        mistakes = kind_mistakes(item.type) or option_mistakes(item.type, item.options)
        if mistakes:
            raise Wrong(*mistakes)
        return item
    if isinstance(item, Routed):
        return item.around(as_channel(item.channel))
    if isinstance(item, type):
        raise wrong(item, f"an object, not its class: {item.__name__}(…)")
    if callable(getattr(item, "send_alert", None)) or callable(getattr(item, "send_notice", None)):
        name = getattr(item, "name", None)
        if not isinstance(name, str) or not name:
            raise Wrong(Mistake(("name",), show(name), "a text, since deliveries are counted by the channel's name"))
        return item  # type: ignore[return-value]  # it has a name and a way to send, which is all that is asked
    if callable(item):
        return FunctionChannel(item)
    raise Wrong(
        Mistake((), show(item), _A_LIST.removeprefix("a list of channels, each "), "channels=[ConsoleAlertChannel()]")
    )


def _another_name(channel: Described) -> tuple[str, str]:
    """What to do about a name that is taken, in the words of the channel's own kind."""
    if isinstance(channel, Routed):
        return _another_name(channel.channel)
    if isinstance(channel, FunctionChannel):
        return "names that differ", f'FunctionChannel({channel.name}, name="{channel.name}-2")'
    return "names that differ, since deliveries are counted by name", f'name="{channel.name}-2"'


def make_channel(channel: Described | None) -> Channel:
    """Make the channel that is meant; None means the console. What is a channel already is given back."""
    if isinstance(channel, Routed):
        return make_channel(channel.channel)
    if channel is not None and not isinstance(channel, ChannelSpec):
        return channel
    if channel is not None:
        return make(channel.type, channel.name, channel.severity, channel.options)
    from tocsin.channels.console import ConsoleAlertChannel  # noqa: PLC0415 - loaded when the system starts

    return ConsoleAlertChannel()


def route_of(channel: Described | None, made: Channel, *, notices_per_minute: float) -> Route:
    """What a channel is to be told: by its description, or by the `severity` and `keeps_state` it may carry itself."""
    severity = getattr(channel, "severity", None)
    if severity is None and isinstance(channel, Routed):
        severity = getattr(channel.channel, "severity", None)
    fields = {"notices_per_minute": notices_per_minute, **as_fields(routing_of(channel))}
    return Route(
        channel=made.name,
        severity=severity if isinstance(severity, AlertSeverity) else AlertSeverity.INFO,
        keeps_state=getattr(made, "keeps_state", False) is True,
        **fields,
    )


def literal_secrets(channels: tuple[Described, ...] | None) -> list[str]:
    """A remark for each option that holds a secret written out."""
    inner = [channel.channel if isinstance(channel, Routed) else channel for channel in channels or ()]
    specs = [channel for channel in inner if isinstance(channel, ChannelSpec)]
    return [f"channel {spec.name!r}: {words}" for spec in specs for words in remarks(spec.options)]
