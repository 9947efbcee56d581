"""Child processes that end with their deadline, and get little of the program's environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_GRACE_S: Final = 1.0
# What programs need to run at all; everything else of a program's environment may be a secret.
PASSED: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TZ",
    "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT",
)  # fmt: skip


def environment(further: Iterable[str] = ()) -> dict[str, str]:
    """The variables that a child gets: the usual ones, and those that are named."""
    return {name: os.environ[name] for name in (*PASSED, *further) if name in os.environ}


def end(process: subprocess.Popen[bytes]) -> None:
    """End a child that was started in a session of its own, and what it has started there."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    # One that the kernel holds (on a dead network drive) does not die; it is left behind.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)


def status(code: int) -> str:
    """How a child ended, in words."""
    return f"status {code}" if code >= 0 else f"signal {-code}"
