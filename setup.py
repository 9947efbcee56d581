"""The one part that pyproject.toml cannot say: the C extensions, without which Tocsin works too."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("src", "tocsin", "memory", "native")
NUMBERS = Path("src", "tocsin", "sensors", "linux", "native")


def reason_against() -> str:
    """Why the sampling heap profiler is not built for this interpreter; empty if it is."""
    if sys.implementation.name != "cpython":
        return f"{sys.implementation.name} has no allocators that could be hooked"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "a free-threaded build has other allocators"
    if sys.platform == "win32":
        return "Windows is not supported yet"
    if sys.version_info >= (3, 14):
        return f"the frames of Python {'.'.join(map(str, sys.version_info[:2]))} are not known to it yet"
    return ""


def is_required() -> bool:
    """Whether TOCSIN_REQUIRE_NATIVE=1 asks for an error where something that fits cannot be built."""
    return os.environ.get("TOCSIN_REQUIRE_NATIVE", "") not in {"", "0"}


def heap_profiler() -> list[Extension]:
    """The sampling heap profiler, where the interpreter is one that it knows."""
    reason = reason_against()
    if reason:
        sys.stderr.write(f"tocsin: going without the heap profiler: {reason}\n")
        return []
    return [
        Extension(
            "tocsin.memory._heap",
            sources=sorted(map(str, NATIVE.glob("*.c"))),
            depends=sorted(map(str, NATIVE.glob("*.h"))),
            extra_compile_args=["-O2", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unused-parameter"],
            # Its hooks stay in the interpreter's allocators, so it must never be unloaded.
            extra_link_args=["-Wl,-z,nodelete"] if sys.platform == "linux" else [],
            optional=not is_required(),
        )
    ]


def number_reader() -> list[Extension]:
    """What reads the numbers of /proc in one call a file; in its place stands plain Python, at three times the cost."""
    if sys.implementation.name != "cpython" or not sys.platform.startswith("linux"):
        return []
    return [
        Extension(
            "tocsin.sensors.linux._numbers",
            sources=sorted(map(str, NUMBERS.glob("*.c"))),
            depends=sorted(map(str, NUMBERS.glob("*.h"))),
            libraries=["dl"],
            # Without contraction, so that the same operations give the same doubles as in Python.
            extra_compile_args=["-O2", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra"],
            optional=not is_required(),
        )
    ]


setup(ext_modules=[*heap_profiler(), *number_reader()])
