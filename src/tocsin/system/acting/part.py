"""The room of actions as a part of the system: loaded where a rule has actions, or artifacts may be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.system.once import LatePart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.artifacts import ArtifactStore
    from tocsin.clock import Clock
    from tocsin.config import AlertConfig
    from tocsin.model.action import DueAction
    from tocsin.model.rule import AlertRule
    from tocsin.system.acting.host import Core
    from tocsin.system.acting.room import ActionRoom


class ActionPart(LatePart["ActionRoom"]):
    """A part of the system. With a state directory the room is there from the start: it cleans what earlier runs left.

    Args:
        config: limits, and the state directory.
        clock: dates artifacts.
        core: the system.
    """

    name = "tocsin-actions"

    def __init__(self, config: AlertConfig, clock: Clock, core: Core) -> None:
        super().__init__(config, self._make_room)
        self._clock = clock
        self._core = core
        if config.state_dir is not None:
            self._room()

    @property
    def store(self) -> ArtifactStore | None:
        """Where artifacts are kept; None: there is no state directory."""
        return None if self._room.made is None else self._room.made.store

    def load_for(self, rules: Iterable[AlertRule]) -> None:
        """Load what the actions of these rules will need now, so that no thread of ours is at it at a fork."""
        actions = {text for rule in rules for text in rule.actions}
        if actions:
            self.room.load_for(actions)

    def take(self, due: Iterable[DueAction]) -> None:
        """Run these, soon."""
        self.room.take(due)

    def _make_room(self) -> ActionRoom:
        from tocsin.system.acting.host import ActingHost  # noqa: PLC0415 - only where there are actions
        from tocsin.system.acting.room import ActionRoom  # noqa: PLC0415 - as above

        return ActionRoom(self._config, self._clock, ActingHost(self._core))
