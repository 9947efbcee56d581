"""Which channels are meant: objects, plain functions, or tables of a TOML file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from tocsin.alerts.settings import Route
from tocsin.channels.function import FunctionChannel
from tocsin.channels.protocol import AlertChannel, NoticeChannel
from tocsin.config.mistakes import Mistake, Wrong, choices, cut, nearest, show, wrong
from tocsin.config.values import as_sequence
from tocsin.errors import ConfigError
from tocsin.model.alert import PerformanceAlert
from tocsin.model.levels import AlertSeverity, read_level
from tocsin.model.secret import MASK, Secret, is_secret_name, read_secret

if TYPE_CHECKING:
    from pathlib import Path as FilePath

    from tocsin.config.mistakes import Path

Channel: TypeAlias = AlertChannel | NoticeChannel

# The options of each kind of channel that is built, with what each may be and a right line.
BUILT: Final[dict[str, dict[str, tuple[tuple[object, ...], str]]]] = {
    "console": {
        "stream": (("stderr", "stdout"), 'stream="stdout"'),
        "color": ((True, False), "color=False"),
    },
}
PLANNED: Final = ("slack", "email", "webhook", "alertmanager", "pagerduty", "apprise", "file", "command")
_A_LIST: Final = "a list of channels, each an object with `name` and `send_alert`, or a function"


class ChannelSpec(msgspec.Struct, frozen=True):
    """A channel as a file describes it; made into a channel when the system starts.

    Attributes:
        type: the kind of channel; only `console` is built today.
        name: unique among the channels; by default the type.
        severity: this and worse is told; also a number 1 to 3 or a name.
        options: the type's own; those named url, token, password, key, … are held as `Secret`.
    Raises: ConfigError: with every mistake.
    """

    type: str
    name: str = ""
    severity: AlertSeverity = AlertSeverity.INFO
    options: Mapping[str, Any] = {}

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
        if mistakes:
            raise ConfigError(
                mistake.as_argument()._replace(where=f"ChannelSpec {self.name!r}") for mistake in mistakes
            )


ChannelLike: TypeAlias = Channel | ChannelSpec | Callable[[PerformanceAlert], object]


def read_channels(value: object) -> tuple[Channel | ChannelSpec, ...] | None:
    """Channels with names that differ; None stands for the console.

    Raises: Wrong: with every mistake.
    """
    if value is None:
        return None
    mistakes: list[Mistake] = []
    found: list[Channel | ChannelSpec] = []
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
    if mistakes:
        raise Wrong(*mistakes)
    return tuple(found)


def as_channel(item: object) -> Channel | ChannelSpec:
    """Take a channel for what it is, and make one of a plain function.

    Raises: Wrong: a `ConfigError`'s worth of mistakes, if it cannot be a channel.
    """
    if isinstance(item, ChannelSpec):
        mistakes = kind_mistakes(item.type) or option_mistakes(item.type, item.options)
        if mistakes:
            raise Wrong(*mistakes)
        return item
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


def kind_mistakes(kind: object) -> list[Mistake]:
    """Check that channels of this kind are built."""
    built = f"built: {', '.join(BUILT)}"
    if not isinstance(kind, str) or not kind:
        return [Mistake(("type",), show(kind), f"the kind of channel; {built}", 'type="console"')]
    if kind in PLANNED:
        return [
            Mistake(
                ("type",), show(kind), f"a channel that is built; {kind} is not built yet; {built}", 'type="console"'
            )
        ]
    if kind not in BUILT:
        return [
            Mistake(
                ("type",),
                show(kind),
                f"a kind of channel{nearest(kind, (*BUILT, *PLANNED))}; {built}",
                'type="console"',
            )
        ]
    return []


def option_mistakes(kind: str, options: Mapping[str, object]) -> list[Mistake]:
    """Check the options of a kind of channel that is built."""
    known = BUILT[kind]
    mistakes = []
    for key, value in options.items():
        if key not in known:
            keys = ("type", "name", "severity", *known)
            mistakes.append(Mistake((key,), "an unknown key", choices(keys, key), remark=True))
            continue
        allowed, example = known[key]
        if not any(type(value) is type(one) and value == one for one in allowed):
            words = " or ".join(str(one) if isinstance(one, bool) else repr(one) for one in allowed)
            mistakes.append(Mistake((key,), show(value), words, example))
    return mistakes


def seal(options: object, mistakes: list[Mistake], *, folder: FilePath | None = None) -> dict[str, Any]:
    """Hide what an option's name says is secret, at any depth; what cannot be read is added to `mistakes`.

    Args:
        options: as given; anything but a mapping is a mistake.
        mistakes: is added to.
        folder: what a relative `file:PATH` is relative to; None: the working directory.
    """
    if not isinstance(options, Mapping):
        mistakes.append(Mistake(("options",), show(options), "a table of options"))
        return {}
    return {
        str(key): _seal(value, (str(key),), mistakes, folder, hidden=is_secret_name(str(key)))
        for key, value in options.items()
    }


def _seal(value: Any, path: Path, mistakes: list[Mistake], folder: FilePath | None, *, hidden: bool) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key): _seal(inner, (*path, str(key)), mistakes, folder, hidden=hidden or is_secret_name(str(key)))
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_seal(inner, (*path, index), mistakes, folder, hidden=hidden) for index, inner in enumerate(value)]
    if not hidden or isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        mistakes.append(Mistake(path, MASK, "a text: env:NAME, file:PATH or the secret itself", remark=True))
        return None
    try:
        return read_secret(value, folder=folder)
    except ValueError as error:
        reference = value if value.startswith(("env:", "file:")) else "an empty text"
        mistakes.append(Mistake(path, cut(reference), str(error), remark=True))
        return None


def _another_name(channel: Channel | ChannelSpec) -> tuple[str, str]:
    """What to do about a name that is taken, in the words of the channel's own kind."""
    if isinstance(channel, FunctionChannel):
        return "names that differ", f'FunctionChannel({channel.name}, name="{channel.name}-2")'
    return "names that differ, since deliveries are counted by name", f'name="{channel.name}-2"'


def make_channel(channel: Channel | ChannelSpec | None) -> Channel:
    """Make the channel that is meant; None means the console. What is a channel already is given back."""
    if channel is not None and not isinstance(channel, ChannelSpec):
        return channel
    from tocsin.channels.console import ConsoleAlertChannel  # noqa: PLC0415 - loaded when the system starts

    if channel is None:
        return ConsoleAlertChannel()
    stream = sys.stdout if channel.options.get("stream") == "stdout" else None
    return ConsoleAlertChannel(stream, name=channel.name, color=channel.options.get("color"))


def route_of(channel: Channel | ChannelSpec | None, made: Channel, *, notices_per_minute: float) -> Route:
    """What a channel is to be told: by its description, or by the `severity` and `keeps_state` it may carry itself."""
    severity = getattr(channel, "severity", None)
    return Route(
        channel=made.name,
        severity=severity if isinstance(severity, AlertSeverity) else AlertSeverity.INFO,
        keeps_state=getattr(made, "keeps_state", False) is True,
        notices_per_minute=notices_per_minute,
    )


def literal_secrets(channels: tuple[Channel | ChannelSpec, ...] | None) -> list[str]:
    """A remark for each option that holds a secret written out."""
    specs = [channel for channel in channels or () if isinstance(channel, ChannelSpec)]
    return [f"channel {spec.name!r}: {words}" for spec in specs for words in _remarks(spec.options, "")]


def _remarks(value: Any, name: str) -> list[str]:
    if isinstance(value, Secret):
        return [f"{name} {value.warns}"] if value.warns else []
    if isinstance(value, Mapping):
        return [words for key, inner in value.items() for words in _remarks(inner, str(key))]
    if isinstance(value, list):
        return [words for inner in value for words in _remarks(inner, name)]
    return []
