"""The kinds of channels that a file can name: where each lives, what its options may be, and how one is made.

A kind is one line here; its options stand in its own module, which is loaded when a channel of that kind is meant.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels.options import Options, hides
from tocsin.config.mistakes import Mistake, choices, nearest, show
from tocsin.config.routing import KEYS as ROUTING
from tocsin.errors import ConfigError
from tocsin.model.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tocsin.channels.protocol import AlertChannel
    from tocsin.model.levels import AlertSeverity

KINDS: Final[Mapping[str, str]] = {
    "console": "tocsin.channels.console:ConsoleAlertChannel",
    "slack": "tocsin.channels.slack:SlackAlertChannel",
    "email": "tocsin.channels.email:EmailAlertChannel",
    "webhook": "tocsin.channels.webhook:WebhookAlertChannel",
    "alertmanager": "tocsin.channels.alertmanager:AlertmanagerChannel",
    "pagerduty": "tocsin.channels.pagerduty:PagerDutyChannel",
    "apprise": "tocsin.channels.apprise:AppriseChannel",
    "file": "tocsin.channels.file:FileAlertChannel",
    "command": "tocsin.channels.command:CommandAlertChannel",
    "plugin": "tocsin.channels.plugin:plugin_channel",
}
_OWN: Final = ("type", "name", "severity")
HEAD: Final = (*_OWN, *ROUTING)
"""The keys that every channel has, whatever its kind."""


def options_of(kind: str) -> Options:
    """What the options of a kind may be."""
    table: Options = _module(kind).OPTIONS
    return table


def kind_mistakes(kind: object) -> list[Mistake]:
    """Check that there is this kind of channel."""
    there_are = f"one of {', '.join(KINDS)}"
    if not isinstance(kind, str) or not kind:
        return [Mistake(("type",), show(kind), f"the kind of channel, {there_are}", 'type="console"')]
    if kind not in KINDS:
        return [
            Mistake(("type",), show(kind), f"a kind of channel{nearest(kind, KINDS)}, {there_are}", 'type="console"')
        ]
    return []


def option_mistakes(kind: str, options: Mapping[str, object]) -> list[Mistake]:
    """Check the options of a channel, each for itself and then together."""
    known = options_of(kind)
    mistakes = [
        Mistake((key,), "an unknown key", choices((*_OWN, *known, *ROUTING), key), remark=True)
        for key in options
        if key not in known
    ]
    settled: dict[str, Any] = {}
    for key, option in known.items():
        value = options.get(key)
        if value is None:
            if option.required and key not in options:
                mistakes.append(Mistake((key,), "nothing", "a value", f"{key}={option.example}", remark=True))
            continue
        try:
            settled[key] = option.read(value)
        except ValueError as error:
            hidden = hides(key, option)
            found = MASK if hidden else show(value)
            mistakes.append(Mistake((key,), found, str(error), f"{key}={option.example}", remark=hidden))
    return mistakes or _together(kind, settled)


def _together(kind: str, settled: dict[str, Any]) -> list[Mistake]:
    check = getattr(_module(kind), "mismatch", None)
    wrong = check(settled) if check is not None else None
    if wrong is None:
        return []
    return [Mistake((wrong.key,), wrong.found, wrong.expected, wrong.example, remark=True)]


def beside(folder: Path, kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with the paths of files in them relative to a folder, as a configuration file means them."""
    known = options_of(kind)
    return {
        key: str(folder / option.read(value)) if (option := known[key]).file and value is not None else value
        for key, value in options.items()
    }


def keeps_state(kind: str) -> bool:
    """Whether the receivers of this kind keep open alerts, and so want to know when an event is over."""
    return getattr(_maker(kind), "keeps_state", False) is True


def make(kind: str, name: str, severity: AlertSeverity, options: Mapping[str, Any]) -> AlertChannel:
    """Make the channel that a description means. Raises ConfigError."""
    wrong = kind_mistakes(kind) or option_mistakes(kind, options)
    if wrong:
        raise ConfigError(mistake.as_argument()._replace(where=f"channel {name!r}") for mistake in wrong)
    maker = _maker(kind)
    arguments = {f"{key}_" if key == "from" else key: value for key, value in options.items()}
    if kind == "console":
        stream = sys.stdout if arguments.pop("stream", None) == "stdout" else None
        return maker(stream, name=name, **arguments)
    return maker(name=name, severity=severity, **arguments)


def _maker(kind: str) -> Callable[..., AlertChannel]:
    maker: Callable[..., AlertChannel] = getattr(_module(kind), KINDS[kind].partition(":")[2])
    return maker


def _module(kind: str) -> Any:
    return import_module(KINDS[kind].partition(":")[0])
