"""How a run ended: what is proved, and no more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from tocsin.system.lastrun.record import KernelCounts, RunRecord

_FATAL: Final = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)
# A clock that counts since the boot goes on at the pace of the machine; so much may two looks at it differ.
_SLACK_S: Final = 5.0
# Servers that end in order at a SIGTERM, and then let it kill the process; see goodbye.py.
_RAISE_AGAIN: Final = frozenset({"uvicorn.server"})


class Traces(NamedTuple):
    """What an end leaves behind, besides the record.

    Attributes:
        crash: what `faulthandler` wrote of a fatal error.
        terminated: what it wrote when a SIGTERM came that nobody handled.
        log_line: the line of the kernel's log on this very process.
    """

    crash: str = ""
    terminated: str = ""
    log_line: str = ""


class Ending(NamedTuple):
    """How a run ended.

    Attributes:
        kind: `memory`, `crash`, `terminated`, `exception`, `restart` (of the machine), `unknown`.
        words: a sentence without its subject: "was killed for memory".
        proof: how that is known.
        severity: how bad it is.
        advice: what to do.
    """

    kind: str
    words: str
    proof: str
    severity: AlertSeverity
    advice: tuple[str, ...] = ()


def ending_of(record: RunRecord, now: KernelCounts, traces: Traces) -> Ending | None:
    """How a run ended; None: well.

    Args:
        record: what it wrote last.
        now: the kernel's counts by now.
        traces: what else its end left.
    """
    end = record.end
    if traces.crash:
        return _crash(traces.crash)
    if end is not None and end.kind == "exception":
        return Ending(
            "exception", f"ended by an exception that nobody caught: {end.what}", "the interpreter's own account",
            AlertSeverity.CRITICAL, ("See the stack below; handle the exception, or let the cause be told",),
        )  # fmt: skip
    if end is not None:
        return None
    if traces.log_line:
        return _memory(f"the kernel's log: {traces.log_line}", record)
    before = record.kernel
    if _is_another_boot(before, now):
        return Ending(
            "restart", "was running when the machine went down", "the machine has started anew since its last record",
            AlertSeverity.WARNING, ("See the machine's own log for why it went down",),
        )  # fmt: skip
    if before.group and before.group == now.group and _rose(before.group_kills, now.group_kills):
        return _memory(
            f"the kernel has killed {_more(before.group_kills, now.group_kills)} for memory in its container "
            f"({before.group}) since its last record",
            record,
        )
    if traces.terminated:
        return Ending(
            "terminated", "was ended by SIGTERM, which it does not handle",
            "its stack was written as the signal came", AlertSeverity.INFO,
            ("If this is how it is stopped, let it handle SIGTERM and end in order",),
        )  # fmt: skip
    return _raised_again(record.sigterm) if record.sigterm in _RAISE_AGAIN else _unknown(before, now)


def _crash(text: str) -> Ending:
    found = _FATAL.search(text)
    what = found[1].strip() if found else "a fatal error"
    return Ending(
        "crash", f"crashed: {what}", "written by faulthandler as it happened", AlertSeverity.CRITICAL,
        ("The first thread's stack names the call; look at the C extension behind it",),
    )  # fmt: skip


def _memory(proof: str, record: RunRecord) -> Ending:
    advice = ["See who held most memory below, and `tocsin leaks` of a run that lives"]
    if record.limit_mb:
        advice.append(f"Its limit was {record.limit_mb:,.0f} MB; raise it only if that use is meant")
    return Ending("memory", "was killed for memory", proof, AlertSeverity.CRITICAL, tuple(advice))


def _raised_again(module: str) -> Ending:
    server = module.partition(".")[0]
    return Ending(
        "terminated", f"ended without a word, as {server} does at SIGTERM",
        f"{server} had the signal, and lets it kill the process when all is served; `kill -9` would look the same",
        AlertSeverity.INFO,
        ("Start to watch in the application's lifespan, or by `tocsin run`: then an end in order says so",),
    )  # fmt: skip


def _unknown(before: KernelCounts, now: KernelCounts) -> Ending:
    proof = "it left no word, as after `kill -9` or os._exit"
    if _rose(before.machine_kills, now.machine_kills):
        proof += (
            f"; the kernel has killed {_more(before.machine_kills, now.machine_kills)} of this machine for memory "
            "meanwhile, and it may have been one of them"
        )
    return Ending(
        "unknown", "ended, and it is not known how", proof, AlertSeverity.WARNING,
        ("Ask whoever starts it (systemd, the container's runtime, a supervisor) for its exit status",),
    )  # fmt: skip


def _is_another_boot(before: KernelCounts, now: KernelCounts) -> bool:
    if before.boot_id and now.boot_id:
        return before.boot_id != now.boot_id
    return now.boot_s < before.boot_s - _SLACK_S  # no boot has a name here; then only a younger one is surely another


def _rose(before: int | None, now: int | None) -> bool:
    return before is not None and now is not None and now > before


def _more(before: int | None, now: int | None) -> str:
    count = (now or 0) - (before or 0)
    return "one process" if count == 1 else f"{count} processes"
