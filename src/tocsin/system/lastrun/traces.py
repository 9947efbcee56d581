"""What the interpreter writes as it dies: all stacks at a fatal error, one at a SIGTERM that nobody handles.

`faulthandler` is asked for it, which needs nothing of the interpreter that is dying. What the program has arranged
itself goes before: where it uses `faulthandler`, or handles SIGTERM, we keep out of its way.
"""

from __future__ import annotations

import faulthandler
import os
import re
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tocsin.library import is_own, short_path
from tocsin.system.lastrun import goodbye

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CRASH_FILE: Final = "crash.txt"
TERMINATED_FILE: Final = "terminated.txt"
MAX_CHARS: Final = 16 * 1024
# Of all threads, of the one that died, and, where only one is written, of that.
_HEADS: Final = ("Thread ", "Current thread ", "Stack ")
_HEAD: Final = re.compile(r" \(most recent call first\):.*$")
_FRAME: Final = re.compile(r'^  File "(.+)", line (\d+|\?\?\?) in (.+)$')
_FRAME_FILE: Final = re.compile(r'^  File "(.+)", line', re.MULTILINE)


class DeathWatch:
    """Lets the interpreter write into two files of a folder, while it lives.

    Attributes:
        left_to: the module whose handler of SIGTERM was there before us; empty: none was.
    """

    def __init__(self) -> None:
        self.left_to = ""
        self._crash: int | None = None
        self._terminated: int | None = None

    def begin(self, folder: Path) -> None:
        """From now on. What cannot be arranged is left out."""
        with suppress(OSError, RuntimeError, ValueError):
            if self._crash is None and not faulthandler.is_enabled():
                self._crash = _opened(folder / CRASH_FILE)
                faulthandler.enable(file=self._crash, all_threads=True)
        with suppress(OSError, RuntimeError, ValueError, AttributeError):  # Windows has no `register`
            handler = signal.getsignal(signal.SIGTERM)
            self.left_to = "" if handler == signal.SIG_DFL else goodbye.module_of(handler)
            if self._terminated is None and handler == signal.SIG_DFL:
                self._terminated = _opened(folder / TERMINATED_FILE)
                goodbye.DEFAULT.from_outside = self._again
                goodbye.stand_in(self._register)

    def end(self) -> None:
        """No longer; also in a forked child, which must not write into its parent's files."""
        crash, self._crash = self._crash, None
        terminated, self._terminated = self._terminated, None
        if crash is not None:
            faulthandler.disable()
            os.close(crash)
        # Where the program has a handler of its own by now, giving ours back would take that one away; then the
        # descriptor stays open, since the interpreter may still have its number.
        if terminated is not None and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            faulthandler.unregister(signal.SIGTERM)
            goodbye.stand_aside()
            os.close(terminated)

    def _again(self) -> None:
        """Write at a SIGTERM, where the program has taken the signal for a while and given it back."""
        with suppress(OSError, RuntimeError, ValueError, AttributeError):
            if self._terminated is not None:
                faulthandler.unregister(signal.SIGTERM)
                self._register()

    def _register(self) -> None:
        # The thread that meets the signal only: the others run on while they are looked at, and of a hundred
        # programs one died of that (SIGSEGV) in place of the signal.
        faulthandler.register(signal.SIGTERM, file=self._terminated or 0, all_threads=False, chain=True)


def read(path: Path) -> str:
    """What was written into such a file; empty: nothing."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_CHARS).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def stacks_in(text: str) -> tuple[str, ...]:
    """The stacks of the program's threads in what was written, the one that died first, then the main thread's.

    A line names a thread; those below it are its frames, innermost first. Threads of Tocsin's own are left out.
    """
    blocks = [block for block in _blocks(text) if block[0].startswith(_HEADS)]
    program = [block for block in blocks if not any(is_own(file) for file in _FRAME_FILE.findall("\n".join(block)))]
    ours = [block for block in blocks if block not in program and block[0].startswith(("Current", "Stack"))]
    # The interpreter writes the threads that began last first, so the main one comes last.
    ordered = sorted([*ours, *reversed(program)], key=lambda block: not block[0].startswith("Current"))
    return tuple(line for block in ordered for line in (_HEAD.sub("", block[0]) + ":", *map(_frame, block[1:])))


def _blocks(text: str) -> Iterator[list[str]]:
    """Lines up to an empty one, and from each line that names a thread."""
    block: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith((*_HEADS, "Extension modules")):
            if block:
                yield block
            block = []
        if line.strip():
            block.append(line)
    if block:
        yield block


def _frame(line: str) -> str:
    found = _FRAME.match(line)
    return f"  {short_path(found[1])}:{found[2]} in {found[3]}" if found else line


def forget(folder: Path) -> None:
    """Take the files away."""
    for name in (CRASH_FILE, TERMINATED_FILE):
        with suppress(OSError):
            (folder / name).unlink()


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
