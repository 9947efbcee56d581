"""Whether the native heap profiler is there, and if not, why. Whoever wants it asks `load` and never imports it.

Its C sources are in the folder `native/`; what its functions give stands in `_heap.pyi`.
"""

from __future__ import annotations

import importlib
import platform
import sys
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import ModuleType

NAME: Final = "tocsin.memory._heap"
LOST: Final = "no allocation is traced, so no alert names the line that leaks"
_NEWEST: Final = (3, 13)


@lru_cache(maxsize=1)
def load() -> tuple[ModuleType | None, str]:
    """The module of the heap profiler and "", or None and the reason, a short text without a full stop.

    Nothing is hooked by loading; the module's `start` does that, and may refuse with a RuntimeError that says why.
    """
    if find_spec(NAME) is None:
        return None, _reason_absent()
    try:
        return importlib.import_module(NAME), ""
    except ImportError as error:  # built for something else, or this is an interpreter that it refuses
        return None, f"the heap profiler was built but does not load: {error}"


def _reason_absent() -> str:
    """Why there is nothing to load; the same cases as in setup.py, which are told while it installs."""
    if sys.implementation.name != "cpython":
        return f"{platform.python_implementation()} has no allocators that could be hooked"
    if "t" in getattr(sys, "abiflags", ""):
        return "a free-threaded Python has other allocators"
    if sys.platform == "win32":
        return "the heap profiler does not know Windows yet"
    if sys.version_info[:2] > _NEWEST:
        found, newest = (".".join(map(str, version)) for version in (sys.version_info[:2], _NEWEST))
        return f"the heap profiler knows the frames of Python up to {newest}, and this is {found}"
    return "it was not built when Tocsin was installed: install a C compiler and Python's headers, then Tocsin again"
