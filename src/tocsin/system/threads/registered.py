"""`system.registered(...)`: a thread is looked after for as long as a block, or a function, lasts."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Final, ParamSpec, Protocol, Self, TypeVar

from tocsin.coordinator import MonitoringCoordinator, check_heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_P = ParamSpec("_P")
_R = TypeVar("_R")
_COROUTINE: Final = 0x80  # inspect.CO_COROUTINE, without importing inspect


class Registrar(Protocol):
    """What a system does to know a thread."""

    def register_thread(self, thread: threading.Thread | None = None) -> None:
        """Know it."""
        ...

    def unregister_thread(self, thread: threading.Thread | None = None) -> None:
        """Forget it."""
        ...

    def _keeper(self) -> MonitoringCoordinator: ...

    def _knows(self, thread: threading.Thread) -> bool: ...


class RegisteredThread:
    """Context manager and decorator; one may serve many threads at once, each of which registers itself.

    An exception that leaves the block is told with its traceback, and passes. A block that must live and comes to its
    end is told too, unless the thread was unregistered in it.

    Args:
        registrar: the system.
        name: as alerts call the thread; by default the thread's own.
        must_live: whether its end is told, however it ends.
        heartbeat_s: seconds within which it will call `heartbeat`.
    Raises: ConfigError: if `heartbeat_s` is no time.
    """

    def __init__(self, registrar: Registrar, name: str, *, must_live: bool, heartbeat_s: float | None) -> None:
        check_heartbeat(heartbeat_s)
        self._registrar = registrar
        self._name = name
        self._must_live = must_live
        self._heartbeat_s = heartbeat_s
        self._inside = threading.local()

    def heartbeat(self) -> None:
        """Say that the calling thread gets on."""
        self._registrar._keeper().heartbeat()  # noqa: SLF001 - the other half of the system

    def __enter__(self) -> Self:
        thread = threading.current_thread()
        known = self._registrar._knows(thread)  # noqa: SLF001 - as above
        self._registrar.register_thread(thread)
        keeper = self._registrar._keeper()  # noqa: SLF001 - as above
        keeper.register_thread(
            thread, name=self._name or thread.name, must_live=self._must_live, heartbeat_s=self._heartbeat_s
        )
        stack = self._inside.__dict__.setdefault("stack", [])
        stack.append((keeper, known))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        thread = threading.current_thread()
        stack = self._inside.__dict__.get("stack")
        if not stack:
            return  # entered on another thread: that one is registered, and not ours to judge
        keeper, known = stack.pop()
        keeper.leave(thread, error)
        if not known:
            self._registrar.unregister_thread(thread)
        elif self._registrar._knows(thread):  # noqa: SLF001 - as above
            keeper.register_thread(thread)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Register each thread that calls a function, for the time of the call."""
        code = getattr(function, "__code__", None)
        if code is not None and code.co_flags & _COROUTINE:
            raise TypeError(f"registered: found the coroutine function {function!r}, expected a thread's function")

        @functools.wraps(function)
        def registered_call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with self:
                return function(*args, **kwargs)

        return registered_call
