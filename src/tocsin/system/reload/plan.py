"""What another configuration means for a running system: worked out first, so that it is done as a whole or not at all.

What the program itself added, removed or switched while it ran stays as it is, unless the file says another thing of it
now than it did before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from tocsin.config.again import differing, path_of, refuse_what_is_fixed
from tocsin.config.channels import ChannelSpec, make_channel, route_of
from tocsin.config.mistakes import show
from tocsin.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.alerts.settings import Route
    from tocsin.config import AlertConfig
    from tocsin.config.channels import Channel, Described
    from tocsin.config.settings import Origin
    from tocsin.model.rule import AlertRule
    from tocsin.system.core import SystemCore

CONSOLE: Final = "console"
# Settings whose values say more than that they differ, and are no secret.
_SHOWN: Final = (bool, int, float, str)


class Plan(NamedTuple):
    """What is to be done.

    Attributes:
        config: what will be in force.
        keys: the settings that differ.
        changes: the same in words, rules and channels one by one.
        old_rules: those of the configuration that is in force, by name.
        new_rules: those of the other one.
        old_channels: the names of those of the configuration that is in force.
        new_channels: those of the other one, with what they are told.
        exchanged: names of channels that were there already, and are made anew.
    """

    config: AlertConfig
    keys: tuple[str, ...]
    changes: tuple[str, ...]
    old_rules: Mapping[str, AlertRule]
    new_rules: Mapping[str, AlertRule]
    old_channels: Iterable[str]
    new_channels: Sequence[tuple[Channel, Route]]
    exchanged: tuple[str, ...]

    def rules(self, in_force: Mapping[str, AlertRule]) -> dict[str, AlertRule]:
        """The rules in force, with what differs between the two configurations."""
        old, new = self.old_rules, self.new_rules
        merged = {name: rule for name, rule in in_force.items() if name in new or name not in old}
        return merged | {name: rule for name, rule in new.items() if old.get(name) != rule}

    def channels(self, told: Iterable[tuple[Channel, Route]]) -> list[tuple[Channel, Route]]:
        """The channels of the other configuration, and of those that are told now those that the program added."""
        known = {*self.old_channels, *(route.channel for _, route in self.new_channels)}
        return [*self.new_channels, *((channel, route) for channel, route in told if route.channel not in known)]


def make_plan(core: SystemCore, origin: Origin, read: AlertConfig) -> Plan:
    """Work out what another reading of the file means.

    Args:
        core: the running system.
        origin: where its configuration came from.
        read: what stands there now.
    Raises: ConfigError: if something in it cannot change while the program runs, or a channel cannot be made.
    """
    before = core.config
    path = path_of(origin)
    keys = differing(before.as_read(), read, origin.folder)
    refuse_what_is_fixed(before.as_read(), read, keys, path)
    config = before.taking(read, keys)
    channels, words, exchanged = _channels(core, before, config, str(path))
    plan = Plan(
        config, tuple(keys), (), _by_name(before.all_rules()), _by_name(config.all_rules()), tuple(_described(before)),
        channels, exchanged,
    )  # fmt: skip
    changes = [*_in_words(before, config, keys), *_of_rules(core.rules.copy(), plan.rules(core.rules.copy())), *words]
    return plan._replace(changes=tuple(changes))


def _by_name(rules: Iterable[AlertRule]) -> dict[str, AlertRule]:
    return {rule.name: rule for rule in rules}


def _channels(
    core: SystemCore, before: AlertConfig, config: AlertConfig, path: str
) -> tuple[list[tuple[Channel, Route]], list[str], tuple[str, ...]]:
    """The channels of a configuration, what of them differs in words, and which were made anew."""
    delivery = core.telling.delivery
    routes = {route.channel: route for route in core.telling.routes}
    old, new = _described(before), _described(config)
    taken = [name for name in delivery.counts() if name in new and name not in old]
    if taken:
        expected = "another name, since the program added a channel of this name itself"
        raise ConfigError(Problem(path, "channel", show(name), expected) for name in taken)
    found: list[tuple[Channel, Route]] = []
    words = [f"channel {name!r} is gone" for name in old if name not in new]
    exchanged: list[str] = []
    for name, described in new.items():
        known = delivery.channel(name) if name in old and _makes_the_same(old[name], described) else None
        channel = make_channel(described) if known is None else known
        route = route_of(described, channel, notices_per_minute=config.rate_limit)
        found.append((channel, route))
        if name not in old:
            words.append(f"channel {name!r} is new")
        elif known is None:
            exchanged.append(name)
            words.append(f"channel {name!r} is made anew")
        elif route != routes.get(name):
            words.append(f"channel {name!r} is told other things")
    return found, words, tuple(exchanged)


def _described(config: AlertConfig) -> dict[str, Described | None]:
    if config.channels is None:
        return {CONSOLE: None}
    return {channel.name: channel for channel in config.channels}


def _makes_the_same(old: Described | None, new: Described | None) -> bool:
    """Whether two descriptions make the same channel, whatever it is told."""
    if isinstance(old, ChannelSpec) and isinstance(new, ChannelSpec):
        return msgspec.structs.replace(old, routing=new.routing, severity=new.severity) == new
    return old == new


def _in_words(before: AlertConfig, config: AlertConfig, keys: Iterable[str]) -> list[str]:
    return [
        f"{key}: {_value(getattr(before, key))} becomes {_value(getattr(config, key))}"
        if isinstance(getattr(config, key), _SHOWN)
        else f"{key} differs"
        for key in keys
        if key not in {"rules", "channels"}
    ]


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else show(value)


def _of_rules(old: Mapping[str, AlertRule], new: Mapping[str, AlertRule]) -> list[str]:
    words = [f"rule {name!r} is gone" for name in old if name not in new]
    words += [f"rule {name!r} is new" for name in new if name not in old]
    return words + [f"rule {name!r} is changed" for name, rule in new.items() if name in old and old[name] != rule]
