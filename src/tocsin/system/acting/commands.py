"""A command: started without a shell, with the alert as JSON on its standard input, and ended at its limits."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.channels import child
from tocsin.errors import TocsinError
from tocsin.model.readings import inert
from tocsin.system.acting.ceilings import POLL_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psutil

    from tocsin.model.alert import PerformanceAlert
    from tocsin.system.acting.ceilings import Guard

MAX_OUTPUT_BYTES: Final = 64 * 1024
# Of what it says so much is read at one look: a command that says more waits for us, and not we for it.
MAX_READ_BYTES: Final = 1 << 20
MAX_LINE_CHARS: Final = 200
MAX_CHILDREN: Final = 100
# To find the processes that a command has started, those of the whole machine are looked through.
FAMILY_EVERY_S: Final = 0.5

_running: set[subprocess.Popen[bytes]] = set()


class CommandFailed(TocsinError):
    """A command did not do what it should; says why."""


def run(argv: Sequence[str], alert: PerformanceAlert, guard: Guard, *, growth_bytes: int) -> str:
    """Run a command to its end, or until it has to stop.

    Args:
        argv: the program and its arguments; nothing of the alert is ever part of them.
        alert: what it gets as one line of JSON.
        guard: says when it has to stop.
        growth_bytes: memory that it may take, and the size of the largest file that it may write.
    Returns: what became of it, in words.
    Raises: CommandFailed: if it cannot be started, failed, or had to be stopped.
    """
    piped = os.name == "posix"  # elsewhere a pipe cannot be looked at without waiting for it
    try:
        process = subprocess.Popen(  # noqa: S603 - the configuration names it, and nothing of an alert is in it
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE if piped else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if piped else subprocess.DEVNULL, env=child.environment(), shell=False,
            start_new_session=piped,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise CommandFailed(f"the command cannot be started: {words}") from None
    family = _Family(process.pid)
    guard.grown = family.resident_bytes
    _running.add(process)
    try:
        _bound(process.pid, growth_bytes)
        talk = _Talk(process, msgspec.json.encode(alert) + b"\n", piped=piped)
        why = ""
        while not why and process.poll() is None:
            talk.go_on()
            why = family.why_stop() or guard.why_stop()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_S)
        talk.go_on()
    finally:
        family.end()
        child.end(process)
        _running.discard(process)
        if process.stdout is not None:
            process.stdout.close()
    said = f"; it said: {talk.last_line()}" if talk.last_line() else ""
    if why:
        raise CommandFailed(f"{why}; it was ended with what it had started{said}")
    if process.returncode:
        raise CommandFailed(f"it ended with {child.status(process.returncode)}{said}")
    return f"it ended well{said}"


def _bound(pid: int, growth_bytes: int) -> None:
    """Let the kernel hold it to its limits, and choose it first when memory runs out."""
    if sys.platform != "linux":
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_DATA, (growth_bytes, growth_bytes))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (growth_bytes, growth_bytes))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000", "ascii")


class _Talk:
    """Gives a command its input and takes its output, without ever waiting for it."""

    def __init__(self, process: subprocess.Popen[bytes], text: bytes, *, piped: bool) -> None:
        self._process = process
        self._left = memoryview(text)
        self._said = b""
        if piped:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    os.set_blocking(pipe.fileno(), False)
        else:
            self._left = self._left[:0]  # an alert is larger than some pipes hold, and nobody may wait here
            self._close()

    def go_on(self) -> None:
        """Write what fits, and read what there is."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is not None and not stdin.closed and self._left:
            try:
                self._left = self._left[os.write(stdin.fileno(), self._left) :]
            except BlockingIOError:
                pass
            except OSError:
                self._left = self._left[:0]  # it does not want to know
            if not self._left:
                self._close()
        read = 0
        while stdout is not None and read < MAX_READ_BYTES:
            try:
                part = os.read(stdout.fileno(), 1 << 16)
            except OSError:
                return
            if not part:
                return
            read += len(part)
            self._said = (self._said + part)[-MAX_OUTPUT_BYTES:]

    def last_line(self) -> str:
        """The last line that it said, as inert text; empty if it said nothing."""
        lines = self._said.decode("utf-8", "replace").strip().splitlines()
        return inert(lines[-1], MAX_LINE_CHARS) if lines else ""

    def _close(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


class _Family:
    """A command and all that it has started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._known: list[psutil.Process] = []
        self._due_s = 0.0
        self._resident: float | None = None

    def why_stop(self) -> str:
        """Why it has to stop; empty while it may go on."""
        self._look()
        return f"it has started more than {MAX_CHILDREN} processes" if len(self._known) > MAX_CHILDREN else ""

    def resident_bytes(self) -> float | None:
        """Memory of them all, as of the last look; None where it is not known."""
        return self._resident

    def end(self) -> None:
        """End those that have left its session, which nobody else would find."""
        self._look(now=True)
        for one in self._known:
            with contextlib.suppress(Exception):
                one.kill()  # it asks whether this is still the process that it was

    def _look(self, *, now: bool = False) -> None:
        at_s = time.perf_counter()
        if at_s < self._due_s and not now:
            return
        self._due_s = at_s + FAMILY_EVERY_S
        import psutil  # noqa: PLC0415 - only where a command runs

        with contextlib.suppress(psutil.Error, OSError):
            head = psutil.Process(self._pid)
            fresh = head.children(recursive=True)
            known = {one.pid: one for one in self._known}
            # One whose parent has ended is nobody's child any more, and still ours.
            self._known = list({**known, **{one.pid: one for one in fresh}}.values())
            self._resident = 0.0
            for one in (head, *fresh):
                with contextlib.suppress(psutil.Error):
                    self._resident += one.memory_info().rss


def _end_all() -> None:
    """At the end of the program nobody is left to hold commands to their deadline."""
    for process in tuple(_running):
        child.end(process)


def _in_child() -> None:
    _running.clear()  # they are the parent's


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
