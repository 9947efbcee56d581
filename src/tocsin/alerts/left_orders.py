"""Orders given while a program does not run: written into what it left, so that its next run obeys them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.alerts.keeping import KeptAlert
from tocsin.alerts.telling.keeping import KeptTeller
from tocsin.model.alert import TraceStep

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.model.alert import Acknowledgement, PerformanceAlert
    from tocsin.model.orders import Silence

_ENCODE: Final = msgspec.msgpack.encode
_DIGEST_WAIT_S: Final = 60.0


def silences_of(telling: bytes | None, utc: datetime) -> list[Silence]:
    """The silences that are in force or to come, the first to end first.

    Args:
        telling: as `Engine.keep_telling` gave it; None: there is none.
        utc: the moment.
    """
    known = [] if telling is None else _teller(telling).silences
    return sorted((one for one in known if one.ends_at > utc), key=lambda one: one.ends_at)


def with_silence(telling: bytes | None, silence: Silence) -> bytes:
    """The same with one more silence."""
    if telling is None:
        kept = KeptTeller(
            kept_at=silence.starts_at, told=[], storm=[], digest_wait_s=_DIGEST_WAIT_S, digest_in_s=None, made=0,
            desks={}, silences=[], maintenance=[],
        )  # fmt: skip
    else:
        kept = _teller(telling)
    return _ENCODE(msgspec.structs.replace(kept, silences=[*kept.silences, silence]))


def without_silence(telling: bytes | None, silence_id: str) -> bytes | None:
    """The same without a silence. None: there is none of this id."""
    kept = None if telling is None else _teller(telling)
    if kept is None or all(one.id != silence_id for one in kept.silences):
        return None
    left = [one for one in kept.silences if one.id != silence_id]
    return _ENCODE(msgspec.structs.replace(kept, silences=left))


def acknowledged(
    alert: PerformanceAlert, keep: bytes | None, mark: Acknowledgement
) -> tuple[PerformanceAlert, bytes | None]:
    """An alert, and what was kept of it, with somebody's mark. A mark that holds already is left."""
    before = alert.acknowledgement
    holds = before is not None and before.severity >= alert.severity
    if before is not None and holds and (before.expires_at is None or mark.at < before.expires_at):
        return alert, keep
    why = " ".join(filter(None, [f"by {mark.by or 'somebody'}", mark.comment]))
    step = TraceStep(mark.at, "acknowledged", why)
    marked = msgspec.structs.replace(alert, acknowledgement=mark, trace=(*alert.trace, step))
    if keep is None:
        return marked, None
    kept = msgspec.msgpack.decode(keep, type=KeptAlert)
    kept = msgspec.structs.replace(kept, acknowledgement=mark, trace=[*kept.trace, step])
    return marked, _ENCODE(kept)


def _teller(telling: bytes) -> KeptTeller:
    return msgspec.msgpack.decode(telling, type=KeptTeller)
