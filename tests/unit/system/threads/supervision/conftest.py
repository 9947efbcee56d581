"""Real threads that are registered, on a clock that stands still until it is moved."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

import pytest

from tocsin.sensors import deaths
from tocsin.testing import RecordingChannel, system_for_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.model.alert import PerformanceAlert

LONG_S = 20.0


@pytest.fixture(autouse=True)
def hooked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The program's own hook for threads that die: it writes down who did."""
    heard: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: heard.append(str(args.exc_value)))
    yield heard
    for listener in tuple(deaths._listeners):
        deaths.leave(listener)


class Bell:
    """A started system, its clock and what it told."""

    def __init__(self, **settings: Any) -> None:
        self.channel = RecordingChannel()
        self.system, self.clock = system_for_tests(self.channel, **settings)

    def __enter__(self) -> Self:
        self.system.start()
        self.clock.advance(1)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.system.stop(10)
        assert self.system._core.supervision.failures.value() == 0

    def after(self, seconds: float) -> list[str]:
        """The titles of what was told to fire, some seconds later."""
        self.clock.advance(seconds)
        self.system.flush()
        return self.channel.titles()

    def resolved(self) -> list[str]:
        return [alert.title for alert in self.channel.resolved]

    @property
    def alert(self) -> PerformanceAlert:
        return self.channel.alerts[-1]


@pytest.fixture
def bell() -> Iterator[Bell]:
    with Bell() as bell:
        yield bell


def run_out(work: Callable[[], object], name: str = "worker-1") -> threading.Thread:
    """Run a thread to its end."""
    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join(LONG_S)
    assert not thread.is_alive()
    return thread


class Pausing:
    """A thread that stands in `wait` until it is let go, and beats when it is told to."""

    def __init__(self, bell: Bell, name: str = "worker-1", **promises: Any) -> None:
        self.go_on = threading.Event()
        self.ready = threading.Event()
        self._beat, self._beaten = threading.Event(), threading.Event()
        self._stop = False

        def work() -> None:
            with bell.system.registered(name, **promises) as registered:
                self.ready.set()
                while True:
                    self._beat.wait(LONG_S)
                    if self._stop:
                        return
                    self._beat.clear()
                    registered.heartbeat()
                    self._beaten.set()

        self.thread = threading.Thread(target=work, name=name, daemon=True)
        self.thread.start()
        assert self.ready.wait(LONG_S)

    def beat(self) -> None:
        self._beaten.clear()
        self._beat.set()
        assert self._beaten.wait(LONG_S)

    def end(self) -> None:
        self._stop = True
        self._beat.set()
        self.thread.join(LONG_S)
