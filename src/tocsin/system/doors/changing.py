"""Rules and channels that come and go while a system runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tocsin.errors import ConfigError, RuleNotFound
from tocsin.model import inputs as given

if TYPE_CHECKING:
    from tocsin.config import AlertConfig, ChannelLike
    from tocsin.model.levels import AlertSeverity
    from tocsin.model.rule import AlertRule
    from tocsin.system.core import SystemCore
    from tocsin.system.once import Once
    from tocsin.system.reload.reloader import Reloaded, Reloader


class Changing:
    """What `AlertSystem` offers to whoever changes what is judged, and who is told."""

    config: AlertConfig
    _core: SystemCore
    _reloader: Once[Reloader]

    @property
    def rules(self) -> tuple[AlertRule, ...]:
        """The rules in force, disabled ones included."""
        return tuple(self._core.rules.values())

    def add_rule(self, rule: AlertRule) -> None:
        """Judge by one more rule; one of the same name is replaced."""
        self._core.rules[rule.name] = rule
        self._core.load_for([rule])
        self._core.ask_now(lambda _: [given.AddRule(rule)])

    def remove_rule(self, name: str) -> None:
        """Judge by a rule no longer; its open alerts end.

        Raises: RuleNotFound: if there is none of this name.
        """
        if self._core.rules.pop(name, None) is None:
            raise RuleNotFound(name, self._core.rules)
        self._core.ask_now(lambda _: [given.RemoveRule(name)])

    def enable_rule(self, name: str) -> None:
        """Judge by a rule again. Raises RuleNotFound."""
        self._switch(name, enabled=True)

    def disable_rule(self, name: str) -> None:
        """Judge by a rule no longer, but keep it; its open alerts end. Raises RuleNotFound."""
        self._switch(name, enabled=False)

    def add_channel(self, channel: ChannelLike, *, severity: AlertSeverity | None = None) -> None:
        """Tell one more channel. A plain function is taken too.

        Args:
            channel: its name must not be taken; in `Routed`, with what it is told.
            severity: this and worse; by default what the channel itself says, or else everything.
        Raises: ConfigError: if there is a channel of this name, or it is no channel.
        """
        made, route = self.config.make_further_channel(channel, self.channel_names())
        if made.name in self.channel_names():
            raise ConfigError(f"channel {made.name!r}: there is one of this name; give this one another name")
        self._core.add_channel(made, route if severity is None else msgspec.structs.replace(route, severity=severity))

    def reload(self) -> Reloaded:
        """Take the configuration file anew: all of it, or nothing. Never raises.

        What is the same goes on as if nothing had happened: open alerts of unchanged rules, silences, acknowledgements,
        the budgets of channels. What this program added or switched itself stays too, unless the file says another
        thing of it than before.

        Returns: what changed, or why the old configuration stays.
        """
        return self._reloader().reload()

    def _switch(self, name: str, *, enabled: bool) -> None:
        rule = self._core.rules.get(name)
        if rule is None:
            raise RuleNotFound(name, self._core.rules)
        self._core.rules[name] = msgspec.structs.replace(rule, enabled=enabled)
        self._core.ask_now(lambda _: [given.SwitchRule(name, enabled)])

    def channel_names(self) -> list[str]:
        """The channels that are told."""
        return list(self._core.telling.delivery.counts())
