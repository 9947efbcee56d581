"""The health of a program's rooms in a few lines, for `tocsin status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.channels.text import visible
from tocsin.cli.alert_text import age, moment_of
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tocsin.clock import Instant

    Room = Mapping[str, Any]


def lines_of_rooms(status: Room, now: Instant) -> Iterator[str]:
    """What waits, what was dropped, what is down, and what the watching costs."""
    rooms: Room = status.get("rooms") or {}
    if status.get("configuration"):
        yield from _configuration(status["configuration"], now)
    for name, lines in (
        ("watch", _watch), ("intake", _intake), ("channels", _channels), ("journal", _journal), ("cost", _cost),
    ):  # fmt: skip
        if rooms.get(name):
            yield from lines(rooms[name])


def _configuration(room: Room, now: Instant) -> Iterator[str]:
    last = room.get("last") or {}
    if not room.get("path") and not last:
        return
    words = f"configuration: {visible(str(room.get('path') or 'not from a file'))}"
    at = moment_of(last.get("at"))
    if at is not None:
        since = f"{age((now.utc - at).total_seconds())} ago"
        words += f", taken anew {since}" if last.get("applied") else f"; what stands there was refused {since}:"
    yield words
    for reason in last.get("reasons") or ():
        yield f"  {visible(str(reason))}"


def _watch(room: Room) -> Iterator[str]:
    last_s = room.get("last_pass_s")
    words = [
        "no pass yet" if last_s is None else f"last pass {format_value(last_s, 's')} ago",
        "" if room.get("running") else "no thread of its own",
        *_counted(room, ("failed", "passes failed"), ("deaths", "times the thread died")),
    ]
    yield f"watch: {', '.join(filter(None, words))}"
    if room.get("last_error"):
        yield f"  the last error: {visible(str(room['last_error']))}"


def _intake(room: Room) -> Iterator[str]:
    words = [f"{room.get('waiting')} of {room.get('capacity')} events wait", *_counted(room, ("dropped", "dropped"))]
    yield f"intake: {', '.join(words)}"


def _channels(rooms: Mapping[str, Room]) -> Iterator[str]:
    for name, room in rooms.items():
        words = [
            str(room.get("state")),
            f"{room.get('delivered')} delivered",
            *_counted(room, ("waiting", "wait"), ("failed", "attempts failed"), ("dropped", "dropped")),
            "told nothing new" if room.get("leaving") else "",
        ]
        if room.get("attempt_s"):
            words.append(f"an attempt has lasted {format_value(room['attempt_s'], 's')}")
        if room.get("retry_in_s"):
            words.append(f"tried again in {format_value(room['retry_in_s'], 's')}")
        yield f"channel {visible(str(name))}: {', '.join(filter(None, words))}"
        if room.get("last_error"):
            yield f"  {visible(str(room['last_error']))}"


def _journal(room: Room) -> Iterator[str]:
    if not room.get("path"):
        yield f"journal: none: {visible(str(room.get('reason')))}"
        return
    age_s = room.get("age_s")
    words = [
        visible(str(room["path"])),
        format_value(room.get("size_bytes"), "By"),
        "nothing written yet" if age_s is None else f"written {format_value(age_s, 's')} ago",
        *_counted(room, ("waiting", "entries wait"), ("dropped", "entries dropped")),
    ]
    yield f"journal: {', '.join(words)}"
    if room.get("reason"):
        yield f"  it cannot be written: {visible(str(room['reason']))}"


def _cost(room: Room) -> Iterator[str]:
    budget = format_value(room.get("budget"), "1")
    cpu = room.get("cpu")
    used = "not measured yet" if cpu is None else f"{format_value(cpu, '1')} of a core"
    yield f"own cost: {used}; it may be {budget}"
    dear = [one for one in room.get("dearest") or () if one.get("cpu")]
    if dear:
        named = ", ".join(f"{visible(str(one['sensor']))} {format_value(one['cpu'], '1')}" for one in dear)
        yield f"  the dearest sensors: {named}"


def _counted(room: Room, *names: tuple[str, str]) -> Iterable[str]:
    """What is worth a word since it is not zero."""
    return [f"{room[key]} {words}" for key, words in names if room.get(key)]
