"""The lock under which the heap hook is started and stopped.

It is a module of its own so that its hook at forks comes before others, which ask the profiler to stop: they are called
in the order in which they were set, and the profiler may be loaded long after those.
"""

from __future__ import annotations

import os
import threading

lock = threading.RLock()


def _forget_the_parents() -> None:
    global lock  # noqa: PLW0603 - a thread that the child does not have may hold it
    lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_parents)
