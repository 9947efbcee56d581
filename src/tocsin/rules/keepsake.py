"""What rules know of the past of their series, as one piece of bytes for a later process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.rules.learners import Learners
    from tocsin.rules.outlook import Foresight


class _Kept(msgspec.Struct, array_like=True):
    """What was kept, and by which clocks."""

    learned: bytes
    past: dict[str, dict[str, Any]]
    mono_s: float
    unix_s: float


def keep(learners: Learners, foresight: Foresight, now: Instant | None) -> bytes:
    """All of it, as of the last step; empty where nothing is known."""
    learned, past = learners.keep(), foresight.keep()
    if now is None or not (learned or past):
        return b""
    return msgspec.msgpack.encode(_Kept(learned, past, now.mono_s, now.utc.timestamp()))


def restore(kept: bytes, learners: Learners, foresight: Foresight, now: Instant) -> None:
    """Let both go on with it; what cannot be read is learned anew. The time in which no process ran is a hole."""
    try:
        found = msgspec.msgpack.decode(kept, type=_Kept) if kept else None
    except msgspec.MsgspecError:  # of another version
        found = None
    if found is None:
        return
    learners.restore(found.learned)
    # The monotonic clock may have begun anew. A wall clock that was set back meanwhile tells of no time that passed.
    down_s = max(now.utc.timestamp() - found.unix_s, 0.0)
    foresight.restore(found.past, found.mono_s + down_s - now.mono_s)
