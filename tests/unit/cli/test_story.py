"""The end of the story: for each channel whether it was told, or why not."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.cli.layout import fit
from tocsin.system.answers.verdicts import verdicts

AT = "2026-01-01T12:00:00+00:00"


def answer(
    *, trace: list[tuple[str, str]] | None = None, notices: list[dict[str, Any]] | None = None,
    channels: list[tuple[str, str]] | None = None, journal: bool = True,
) -> dict[str, Any]:  # fmt: skip
    return {
        "trace": [{"at": AT, "what": what, "why": why} for what, why in trace or []],
        "notices": notices or [],
        "channels": [{"channel": name, "why_not": why} for name, why in channels or []],
        "journal": journal,
    }


def notice(state: str, *errors: str, kind: str = "firing", attempts: int = 1) -> dict[str, Any]:
    deliveries = [{"at": AT, "took_s": 0.1, "outcome": "failed", "error": error} for error in errors]
    return {
        "id": "n1", "channel": "bell", "kind": kind, "state": state, "attempts": attempts, "done_at": AT,
        "created_at": AT, "deliveries": deliveries, "reason": "",
    }  # fmt: skip


FIRED = [("firing", "99 is above 85")]


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (answer(notices=[notice("delivered")]), "bell was told at 2026-01-01T12:00:00Z."),
        (answer(notices=[notice("dead", "busy"), notice("delivered")]), "bell was told at 2026-01-01T12:00:00Z."),
        (
            answer(notices=[notice("dead", "gone")]),
            "bell could not be told, and was given up: gone. Send it again: tocsin deliveries --replay n1",
        ),
        (
            answer(notices=[notice("waiting", "busy", "refused", attempts=2)]),
            "bell has not been told yet, after 2 attempts: refused.",
        ),
        (answer(notices=[notice("waiting", attempts=0)]), "bell has not been told yet, after 0 attempts."),
        (answer(notices=[notice("merged")]), "bell was told by a later notice that says the same and more."),
        (answer(channels=[("bell", "it is told of critical and worse")]), "bell was not told: it is told of critical"),
        (
            answer(trace=[*FIRED, ("held", "silence: s1 until noon"), ("held", "bell: limit of 30 notices a minute")],
                   channels=[("bell", "")]),
            "bell was not told: limit of 30 notices a minute.",
        ),
        (
            answer(trace=[*FIRED, ("held", "silence: s1 until noon")], channels=[("bell", "")]),
            "bell was not told: silence: s1 until noon.",
        ),
        (
            answer(trace=[*FIRED, ("told", "bell: it began to fire")], channels=[("bell", "")]),
            "bell waits to be told with others of its group.",
        ),
        (
            answer(trace=[*FIRED, ("told", "bell: it began to fire")], channels=[("bell", "")], journal=False),
            "bell was to be told; what came of it was not written down, since there is no state_dir.",
        ),
        (answer(trace=[("pending", "99 is above 85")]), "Nobody was told: it has not begun to fire."),
        (answer(trace=FIRED), "Nobody was told: there is no channel."),
    ],
)  # fmt: skip
def test_the_verdict_on_a_channel(story: dict[str, Any], words: str) -> None:
    [verdict] = verdicts(story)
    assert verdict.startswith(words)


def test_the_end_of_an_alert_is_no_proof_that_somebody_was_told_of_it() -> None:
    story = answer(notices=[notice("delivered", kind="resolved")], channels=[("bell", "its match does not agree")])
    assert verdicts(story) == ["bell was not told: its match does not agree."]


def test_text_fits_the_terminal_whatever_it_is() -> None:
    lines = fit("a" * 200 + " \x1b[31mred\n" + "word " * 30, 40, first="HEAD ")
    assert all(len(line) <= 40 for line in lines)
    assert "\x1b" not in "".join(lines)
    assert lines[0].startswith("HEAD a")
    assert lines[1].startswith("     ")
    assert fit("", 40, first="HEAD ") == ["HEAD"]
