"""What happens to systems when the process forks, and when it ends.

Nothing here logs or waits in the fork hook: both have hung children of other programs.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from tocsin.clock import SystemClock
from tocsin.memory import hook_lock as _hook_lock  # noqa: F401 - its hook has to come before ours, which stops profilers

if TYPE_CHECKING:
    from collections.abc import Callable

AT_EXIT_S: Final = 1.0


class Forked(Protocol):
    """What the hooks ask of a system."""

    def start(self) -> object:
        """Watch."""
        ...

    def stop(self, timeout_s: float) -> bool:
        """Watch no longer, and deliver what waits."""
        ...

    def flush(self, timeout_s: float) -> bool:
        """Tell and deliver what waits."""
        ...

    def _has_unfinished(self) -> bool: ...

    def _leave(self, timeout_s: float) -> bool: ...

    def _note_exit(self) -> None: ...

    def _after_fork(self) -> bool: ...


_systems: weakref.WeakSet[Forked] = weakref.WeakSet()
# Systems that watch again in a child by themselves: those of `tocsin run` and `watch()`.
_faithful: weakref.WeakSet[Forked] = weakref.WeakSet()


def remember(system: Forked) -> None:
    """Take care of a system at forks and at the end of the process."""
    _install_hooks()
    _systems.add(system)


def watch_again_in_children(system: Forked) -> None:
    """Start this system again in forked children."""
    _faithful.add(system)


@functools.cache  # hooks cannot be taken back, so they are set once
def _install_hooks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_child)
    atexit.register(at_exit)
    if sys.platform.startswith("linux") and sys.version_info < (3, 14):
        _load_what_ends_threads()


def _load_what_ends_threads() -> None:
    """Let a program that has run out of file descriptors end as it wishes, though daemon threads are left.

    Before Python 3.14 those are ended by `pthread_exit`, for which glibc opens a library at that late moment, and ends
    the process by SIGABRT if it cannot: https://github.com/python/cpython/issues/88600.
    """
    with suppress(Exception):  # another libc, or a Python without it: then there is nothing to load
        try:
            from tocsin.sensors.linux import _numbers  # noqa: PLC0415 - Linux alone has it

            load: Callable[[str], object] = _numbers.keep_library
        except (ImportError, AttributeError):  # it was not built, or long ago
            from _ctypes import dlopen as load  # noqa: PLC0415 - the whole of ctypes would cost ten times as much
        load("libgcc_s.so.1")


def _in_child() -> None:
    for system in tuple(_systems):
        if system._after_fork() and system in _faithful:  # noqa: SLF001 - the hook is a part of the system
            system.start()


def at_exit() -> None:
    """Deliver what waits, shortly in all; daemon threads do not hold up the exit."""
    until_s = SystemClock().now().mono_s + AT_EXIT_S
    interrupted = _ends_by_interrupt()
    for system in tuple(_systems):
        system._note_exit()  # noqa: SLF001 - the hook is a part of the system
        if interrupted:
            system.stop(_left_s(until_s))
        elif not system._leave(_left_s(until_s)) and system._has_unfinished():  # noqa: SLF001 - as above
            system.flush(_left_s(until_s))
    if interrupted:
        _die_of_interrupt()


def _left_s(until_s: float) -> float:
    return max(until_s - SystemClock().now().mono_s, 0.0)


def _ends_by_interrupt() -> bool:
    """Whether the program ends by a Ctrl-C that nobody caught: the one exception that went up to the first frame.

    At a prompt, which goes on after each, this is not the end.
    """
    trace = getattr(sys, "last_traceback", None)
    if getattr(sys, "last_type", None) is not KeyboardInterrupt or trace is None:
        return False
    return trace.tb_frame.f_back is None and not (sys.flags.interactive or sys.flags.inspect or hasattr(sys, "ps1"))


def _die_of_interrupt() -> None:
    """Let the process end by SIGINT, as it would have without our threads, instead of with the exit code 1.

    The interpreter notes in a flag that a Ctrl-C was not caught. Older ones forget it whenever a text is evaluated, on
    any thread, as importing a module with a named tuple does (https://github.com/python/cpython/pull/129975). An
    evaluated Ctrl-C sets the flag again.
    """
    with suppress(KeyboardInterrupt):
        exec("raise KeyboardInterrupt")  # noqa: S102 - only the evaluation of a text sets it
