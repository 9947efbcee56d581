"""Programs under test: each runs in an interpreter of its own, with a deadline."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import tocsin

if TYPE_CHECKING:
    from collections.abc import Sequence

# Where this very package is imported from, installed or not.
SOURCE = str(Path(tocsin.__file__).parents[1])


class Ran(NamedTuple):
    """What a program left: its exit code, its output, and how long it took in seconds."""

    code: int
    out: str
    err: str
    took_s: float


def environment(**more: str) -> dict[str, str]:
    """The environment of a program: this one, with the package on the path; of Tocsin's only where state is kept."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "PYTHON"))}
    state = {name: os.environ[name] for name in ("TOCSIN_STATE_DIR",) if name in os.environ}
    return {**plain, **state, "PYTHONPATH": SOURCE, **more}


def run(code: str, *arguments: str, options: Sequence[str] = (), timeout_s: float = 60.0, **variables: str) -> Ran:
    """Run a program given as text.

    Args:
        code: the program; its common indentation is taken away.
        arguments: its arguments.
        options: of the interpreter.
        timeout_s: seconds after which it is killed, and the test fails.
        variables: of its environment.
    """
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code), *arguments],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - began_s)
