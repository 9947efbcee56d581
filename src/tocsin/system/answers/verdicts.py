"""Who was told of an alert, and who was not, and why: a sentence for each channel."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def verdicts(answer: Mapping[str, Any]) -> list[str]:
    """For each channel whether it was told, and why, or why not."""
    firing = [notice for notice in answer["notices"] if notice["kind"] != "resolved"]
    names = list(dict.fromkeys([*(notice["channel"] for notice in firing), *_channels_of(answer)]))
    if not names:
        names = list(dict.fromkeys(_told_in_trace(answer["trace"])))
    if not names:
        return [f"Nobody was told: {_held('', answer['trace'])}."]
    why_not = {one["channel"]: one["why_not"] for one in answer["channels"]}
    return [_verdict(name, [one for one in firing if one["channel"] == name], why_not.get(name, ""), answer)
            for name in names]  # fmt: skip


def _verdict(name: str, notices: Sequence[Mapping[str, Any]], why_not: str, answer: Mapping[str, Any]) -> str:
    delivered = next((one for one in notices if one["state"] == "delivered"), None)
    if delivered is not None:
        return f"{name} was told at {_stamp(delivered['done_at'])}."
    if notices:
        return _undelivered(name, notices[-1])
    if name in _told_in_trace(answer["trace"]):
        if answer["journal"]:
            return f"{name} waits to be told with others of its group."
        return f"{name} was to be told; what came of it was not written down, since there is no state_dir."
    return f"{name} was not told: {why_not or _held(name, answer['trace'])}."


def _undelivered(name: str, notice: Mapping[str, Any]) -> str:
    error = next((one["error"] for one in reversed(notice["deliveries"]) if one["error"]), "")
    why = f": {error}" if error else ""
    if notice["state"] == "dead":
        return (
            f"{name} could not be told, and was given up{why}. Send it again: tocsin deliveries --replay {notice['id']}"
        )
    if notice["state"] == "merged":
        return f"{name} was told by a later notice that says the same and more."
    return f"{name} has not been told yet, after {notice['attempts']} attempts{why}."


def _held(name: str, trace: Iterable[Mapping[str, Any]]) -> str:
    """The last reason that held it back from this channel, or else from everybody."""
    held = [step["why"] for step in trace if step["what"] == "held"]
    own = [why.partition(": ")[2] for why in held if name and why.startswith(f"{name}: ")]
    if own or held:
        return str((*own[-1:], *held[-1:])[0])
    return "it has not begun to fire" if not any(step["what"] == "firing" for step in trace) else "there is no channel"


def _channels_of(answer: Mapping[str, Any]) -> list[str]:
    return [one["channel"] for one in answer["channels"]]


def _told_in_trace(trace: Iterable[Mapping[str, Any]]) -> list[str]:
    return [step["why"].partition(": ")[0] for step in trace if step["what"] == "told"]


def _stamp(when: str | None) -> str:
    return "?" if when is None else f"{datetime.fromisoformat(when):%Y-%m-%dT%H:%M:%SZ}"
