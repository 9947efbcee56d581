"""Signals: `alert_triggered` and `alert_changed`, on psygnal once somebody connects.

Each listener has a queue and, while the system runs, a thread of its own: one that raises or blocks harms only itself,
and is counted. A system that was not started calls listeners on the caller's thread.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from tocsin.clock import SystemClock
from tocsin.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from psygnal import SignalInstance

    from tocsin.tally import Tally

_QUEUE_SIZE: Final = 1000
# A listener that is called on the emitting thread and emits in turn would call itself for ever.
_MAX_DEPTH: Final = 3


class _Calls(threading.local):
    """How many calls of listeners there are on this thread, one in another; over all signals and systems."""

    depth = 0


_calls = _Calls()


class AlertSignal:
    """Something to connect listeners to.

    Args:
        name: as it is called on the system.
        types: of the values that listeners are given.
        in_background: whether listeners are to be called on threads of their own, asked at each emission.
        failed: counts the calls that raised, or found a full queue.
    """

    def __init__(self, name: str, types: tuple[type, ...], in_background: Callable[[], bool], failed: Tally) -> None:
        self.name = name
        self._types = types
        self._in_background = in_background
        self._failed = failed
        self._connecting = threading.Lock()
        self._listeners: tuple[_Listener, ...] = ()

    def __len__(self) -> int:
        return len(self._listeners)

    def connect(self, slot: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        """Call `slot` at each emission. Usable as a decorator.

        Args:
            slot: takes the signal's values, or the first few of them. A bound method is held weakly, so that the
                connection does not keep its object alive.
            **options: psygnal's own, such as `thread="main"` with a Qt main loop, `unique`, `max_args`.
        Raises: ValueError: if the slot cannot take the values.
        """
        listener = _Listener(self.name, self._types, slot, options)
        with self._connecting:
            self._listeners = (*self._listeners, listener)
        return slot

    def disconnect(self, slot: Callable[..., Any] | None = None) -> None:
        """Call `slot` no longer; without one, nobody."""
        with self._connecting:
            self._listeners = () if slot is None else tuple(one for one in self._listeners if one.slot != slot)

    def emit(self, *values: object) -> None:
        """Call every listener. Never raises."""
        if self._in_background():
            for listener in self._listeners:
                if not listener.worker.post(values):
                    self._failed.add()
            return
        if _calls.depth >= _MAX_DEPTH:
            for _ in self._listeners:
                self._failed.add()
            return
        _calls.depth += 1
        try:
            for listener in self._listeners:
                self._call(listener, values)
        finally:
            _calls.depth -= 1

    def _call(self, listener: _Listener, values: tuple[object, ...]) -> None:
        try:
            listener.call(values)
        except Exception:  # noqa: BLE001 - a listener harms only itself
            self._failed.add()

    def flush(self, timeout_s: float) -> bool:
        """Wait until every listener has been called for what was emitted; False: not within `timeout_s` in all."""
        until_s = SystemClock().now().mono_s + timeout_s
        flushed = [
            listener.worker.flush(max(until_s - SystemClock().now().mono_s, 0.0)) for listener in self._listeners
        ]
        return all(flushed)

    def after_fork(self) -> None:
        """In the child: what was queued is the parent's to call."""
        self._connecting = threading.Lock()
        for listener in self._listeners:
            listener.worker.after_fork()

    def failures(self) -> int:
        """Calls on threads of their own that raised."""
        return sum(listener.worker.failures for listener in self._listeners)


class _Listener:
    """One slot, on a psygnal instance of its own, since psygnal stops at the first slot that raises."""

    def __init__(self, name: str, types: tuple[type, ...], slot: Callable[..., Any], options: dict[str, Any]) -> None:
        from psygnal import SignalInstance  # noqa: PLC0415 - psygnal is loaded by whoever listens

        self._instance: SignalInstance = SignalInstance(types, name=name)
        self._instance.connect(slot, **options)
        # A bound method kept here would keep its object alive.
        self.slot: object = _WeakMethod(slot) if hasattr(slot, "__self__") else slot
        self.worker: Worker[tuple[object, ...]] = Worker(f"tocsin-{name}", self.call, capacity=_QUEUE_SIZE)

    def call(self, values: tuple[object, ...]) -> None:
        # Without psygnal's lock: it would be held while a listener is at work, and a child forked meanwhile would wait
        # for it for ever.
        self._instance.emit_fast(*values)


class _WeakMethod:
    """Compares like a bound method, and does not keep its object alive."""

    def __init__(self, method: Callable[..., Any]) -> None:
        import weakref  # noqa: PLC0415

        self._name = method.__name__
        try:
            self._owner: Any = weakref.ref(method.__self__)  # type: ignore[attr-defined]
        except TypeError:
            self._owner = lambda owner=method.__self__: owner  # type: ignore[attr-defined]

    def __eq__(self, other: object) -> bool:
        return getattr(other, "__self__", None) is self._owner() and getattr(other, "__name__", "") == self._name

    __hash__ = None  # type: ignore[assignment]
