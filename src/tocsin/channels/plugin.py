"""Channels of other packages, each named in the configuration: nothing is used because it happens to be installed.

A package offers one as an entry point of the group `tocsin.channels`; what it names is called with the options and
`name` as keyword arguments, and gives back a channel. Secrets among the options come as `Secret`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels import options
from tocsin.channels.options import Mismatch, Option
from tocsin.channels.protocol import AlertChannel, NoticeChannel
from tocsin.errors import ConfigError, Problem
from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "tocsin.channels"


def _options(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name.isidentifier() for name in value):
        raise ValueError("a table whose keys are names of arguments")
    return dict(value)


OPTIONS: Final[options.Options] = {
    "plugin": Option(options.text, '"pigeon"', required=True),
    "options": Option(_options, '{"loft": "north"}', hidden=True),
}


def mismatch(given: dict[str, Any]) -> Mismatch | None:
    """Whether the plug-in is there; it is not loaded before the channel is made."""
    name = given["plugin"]
    if _find(name) is not None:
        return None
    known = ", ".join(sorted(point.name for point in _points())) or "none"
    return Mismatch("plugin", f"no plug-in {name!r}", f"an entry point of the group {GROUP}; installed: {known}")


def plugin_channel(
    plugin: str, *, name: str, severity: AlertSeverity = AlertSeverity.INFO, options: Mapping[str, Any] | None = None
) -> AlertChannel | NoticeChannel:
    """Make the channel of a plug-in.

    Args:
        plugin: the name of its entry point.
        name: the channel's name.
        severity: this and worse is told; the configuration sees to it.
        options: its own.
    Raises: ConfigError: if it is not there, cannot be loaded, or makes no channel.
    """
    del severity
    point = _find(plugin)
    if point is None:
        raise _refused(name, f"no plug-in {plugin!r}", f"an entry point of the group {GROUP}")
    try:
        made = point.load()(name=name, **(options or {}))
        fits = isinstance(made, (AlertChannel, NoticeChannel)) and made.name == name
    except Exception as error:  # noqa: BLE001 - another's code; its words may hold the options
        failed = _refused(name, f"the plug-in {plugin!r}, which raised {type(error).__name__}", "its right options")
    else:
        if fits:
            channel: AlertChannel | NoticeChannel = made
            return channel
        failed = _refused(name, f"the plug-in {plugin!r}", f"a channel named {name!r}: `name`, and `send_alert`")
    raise failed


def _refused(name: str, found: str, expected: str) -> ConfigError:
    return ConfigError([Problem(f"channel {name!r}", "plugin", found, expected)])


def _find(name: str) -> EntryPoint | None:
    return next((point for point in _points() if point.name == name), None)


def _points() -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - reads the folders of all packages

    return tuple(entry_points(group=GROUP))
