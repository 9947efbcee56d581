"""Something that is made, and loaded, when it is first asked for; and a part of the system that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.config import AlertConfig


class Room(Protocol):
    """What a part of the system does once it is there."""

    def begin(self) -> None: ...

    def end(self, timeout_s: float) -> bool: ...

    def after_fork(self) -> None: ...

    def reload(self, config: AlertConfig) -> None: ...


Made = TypeVar("Made")
AnyRoom = TypeVar("AnyRoom", bound=Room)


class Once(Generic[Made]):
    """Call it to have it. No lock is taken: a fork can come at any time, and a signal handler in between.

    Args:
        make: makes it; nothing may come of one that is made and dropped again.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: list[Made] = []

    def __call__(self) -> Made:
        """The one there is; whoever asks first makes it."""
        if not self._made:
            self._made.append(self._make())
        return self._made[0]  # two who came at once both have the same

    @property
    def made(self) -> Made | None:
        """The one there is, if it was asked for."""
        return self._made[0] if self._made else None


class LatePart(Generic[AnyRoom]):
    """A part of the system whose room is made at first use; what was not made has nothing to begin and nothing to end.

    Args:
        config: as of the start.
        make: makes the room.
    """

    def __init__(self, config: AlertConfig, make: Callable[[], AnyRoom]) -> None:
        self._config = config
        self._room = Once(make)

    @property
    def room(self) -> AnyRoom:
        """The room itself; made at first use."""
        return self._room()

    def begin(self) -> None:
        """Let the room do its work from now on."""
        if self._room.made is not None:
            self._room.made.begin()

    def end(self, timeout_s: float) -> bool:
        """Let its work come to an end. False: it did not, in time."""
        return self._room.made is None or self._room.made.end(timeout_s)

    def is_alive(self) -> bool:
        """Always: such a room has no thread that must live."""
        return True

    def after_fork(self) -> None:
        """In the child nothing of the parent's runs on."""
        if self._room.made is not None:
            self._room.made.after_fork()

    def reload(self, config: AlertConfig) -> None:
        """Work by this configuration from now on."""
        self._config = config
        if self._room.made is not None:
            self._room.made.reload(config)
