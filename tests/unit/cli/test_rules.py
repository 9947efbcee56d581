"""`tocsin rules`: what each rule sees; of a running program, and of one that has ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.unit.cli.watched_program import BOTH, until

from tocsin.cli.rules import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from tests.unit.cli.conftest import Result
    from tests.unit.cli.watched_program import Program


@BOTH
def test_the_rules_of_a_program_are_listed(call: Callable[..., Result], program: Program, where: str) -> None:
    result = call("rules", *program.where(where))
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("1 rule, none firing, none pending:")
    assert "high app.level greater_than 10 for 3600 s" in " ".join(result.out.split())


@BOTH
def test_they_can_be_read_by_a_program(call: Callable[..., Result], program: Program, where: str) -> None:
    [rule] = json.loads(call("rules", "--json", *program.where(where)).out)["rules"]
    assert (rule["name"], rule["threshold"], rule["for_s"], rule["enabled"]) == ("high", 10.0, 3600.0, True)


def test_one_rule_is_asked_for_by_its_name(call: Callable[..., Result], program: Program) -> None:
    assert "high" in call("rules", "high", *program.where("running")).out
    result = call("rules", "hihg", *program.where("running"))
    assert result.code == 1
    assert "hihg" in result.err


def test_of_a_program_that_has_ended_the_last_reading_and_the_open_alerts_are_known(
    call: Callable[..., Result], program: Program
) -> None:
    program.system.record("app.level", 7.5)
    until(lambda: program.system.recent("app.level") == [7.5])
    where = program.where("stopped")
    [rule] = json.loads(call("rules", "--json", *where).out)["rules"]
    [one] = rule["series"]
    assert (one["value"], one["state"]) == (7.5, "no data")
    assert one["why"] == "the program has ended; this was its last reading"


def test_a_journal_from_before_rules_were_written_says_so(
    call: Callable[..., Result], program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = program.where("stopped")
    monkeypatch.setattr("tocsin.journal.reading.JournalReader.rules", lambda _: None)
    result = call("rules", *where)
    assert result.code == 1
    assert "which rules were in force is not written here" in result.err


def test_what_rings_comes_first_and_of_many_series_a_few_are_shown() -> None:
    def series(state: str, number: int, why: str = "") -> dict[str, object]:
        return {"labels": {"n": str(number)}, "value": float(number), "state": state, "why": why}

    rules = [
        {
            "name": "calm", "words": "w", "state": "ok", "unit": "", "series_left_out": 3, "why": "",
            "series": [series("ok", number, "not above 9") for number in range(6)],
        },
        {
            "name": "loud", "words": "w", "state": "firing", "unit": "", "series_left_out": 0, "why": "",
            "series": [series("firing", 1, "told on bell"), series("ok", 2)],
            "actions": [{"action": "stacks:10s", "left": 1, "why_not": "it rests"}],
        },
        {"name": "off", "words": "w", "state": "disabled", "unit": "", "series": [], "series_left_out": 0,
         "why": "it is"},
    ]  # fmt: skip
    assert list(lines_of(rules, "orders", 100)) == [
        "3 rules, 1 firing, none pending: orders",
        "firing    loud  w",
        "            n=1 1: told on bell",
        "            ok: n=2 2",
        "            stacks:10s: 1 left; not now: it rests",
        "ok        calm  w",
        *(f"            n={number} {number}: not above 9" for number in range(4)),
        "            and 5 more series",
        "disabled  off  w",
        "            it is",
    ]
    assert "            and 3 more series" in list(lines_of(rules, "orders", 100, show_all=True))
