"""The page on what a program left: all that can be looked at, and nothing that can be ordered."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.peers.asgi_client import Client

from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity, AlertSystem, StoreError
from tocsin.clock import SystemClock
from tocsin.model.memory import MemoryReport
from tocsin.system.lastrun import kernel, record
from tocsin.system.lastrun.record import KernelCounts, RunEnd, RunRecord
from tocsin.testing import RecordingChannel, ScriptedSensor, VirtualClock
from tocsin.web.application import Page
from tocsin.web.left import Left
from tocsin.web.operations import OPERATIONS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "a-token-of-the-tests"
LONG_AGO = datetime(2026, 1, 31, 22, tzinfo=UTC)


class Estate(NamedTuple):
    """What was left, and somebody who looks at it three days later."""

    folder: Path
    client: Client
    ended: datetime


def wrote(folder: Path, at: datetime, **fields: object) -> None:
    """The last account of a run."""
    account: dict[str, Any] = {
        "program": "orders", "pid": 999_999_999, "start_ticks": 1, "began_unix_s": at.timestamp() - 600,
        "written_unix_s": at.timestamp(), "lived_s": 600.0, "kernel": KernelCounts(), "rss_mb": 612.5,
        "sites": ("12.4 MB app/sessions.py:48 in login",),
        "stacks": ("MainThread:", "  app.py:7 in main: serve()", "worker:", "  app.py:9 in work: time.sleep(9)"),
    }  # fmt: skip
    record.write(folder, RunRecord(**{**account, **fields}))


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    folder = tmp_path / "state"
    rule = AlertRule("deep", AlertCategory.GENERAL, AlertSeverity.WARNING, 50, metric="queue.depth")
    config = AlertConfig(
        name="orders", state_dir=folder, channels=[RecordingChannel("bell")], rules=[rule], default_rules=False,
        memory={"enabled": False},
    )  # fmt: skip
    clock = VirtualClock(start=LONG_AGO)
    system = AlertSystem(config, clock=clock, sensors=[ScriptedSensor("queue.depth", [*range(1, 90)])])
    for _ in range(60):
        system._core.one_pass()
        clock.advance(1.0)
    system.silence("component=db", for_s=7 * 86_400, author="ann", comment="moving it")
    assert system.stop()
    ended = clock.now().utc
    wrote(folder, ended)
    for path in folder.glob("journal.db*"):
        os.utime(path, (ended.timestamp(), ended.timestamp()))
    clock.advance(3 * 86_400)
    page = Page(Left(folder, clock), token=TOKEN)
    return Estate(folder, Client(page, {"authorization": f"Bearer {TOKEN}"}), ended)


def test_it_says_that_the_program_does_not_run_since_when_and_why(estate: Estate) -> None:
    session = estate.client.get("/api/v1/session").json()
    assert (session["program"], session["may"], session["journal"]) == ("orders", "read", True)
    left = session["left"]
    assert (left["runs"], left["pid"], datetime.fromisoformat(left["at"])) == (False, 999_999_999, estate.ended)
    assert left["how"].startswith("ended, and it is not known how (it left no word")


def test_of_one_that_ended_in_order_or_by_an_exception_it_says_so(estate: Estate) -> None:
    for end, words in ((RunEnd("stopped"), "ended in order"), (RunEnd("exception", "KeyError: 1"), "KeyError: 1")):
        wrote(estate.folder, estate.ended, end=end)
        assert words in estate.client.get("/api/v1/session").json()["left"]["how"]


def test_its_alerts_are_there_with_their_whole_way(estate: Estate) -> None:
    [alert] = estate.client.get("/api/v1/alerts?since_s=60").json()["alerts"]
    assert (alert["rule"], alert["state"], alert["threshold"]) == ("deep", "firing", 50.0)
    found = estate.client.get(f"/api/v1/alerts/{alert['id']}").json()
    assert found["alert"]["id"] == alert["id"]
    assert [notice["channel"] for notice in found["notices"]] == ["bell"]
    assert estate.client.get("/api/v1/notices").json()["notices"][0]["state"] == "delivered"
    assert estate.client.get("/api/v1/alerts/nothing").status == 404


def test_its_readings_are_those_before_its_end(estate: Estate) -> None:
    found = estate.client.get("/api/v1/readings?metric=queue.depth&metric=nothing&since_s=30").json()
    [series] = found["series"]
    assert found["until"] == pytest.approx(estate.ended.timestamp())
    assert series["values"][-3:] == [58.0, 59.0, 60.0]
    assert min(series["times"]) >= found["since"] == pytest.approx(estate.ended.timestamp() - 30)
    [metric] = [one for one in estate.client.get("/api/v1/metrics").json()["metrics"] if one["metric"] == "queue.depth"]
    assert metric["series"] == [{}]


def test_its_rules_are_shown_as_they_stood_and_tried_on_its_past(estate: Estate) -> None:
    [rule] = estate.client.get("/api/v1/rules").json()["rules"]
    assert (rule["name"], rule["state"], rule["threshold"]) == ("deep", "firing", 50.0)
    tried = estate.client.get("/api/v1/rules/deep/backtest?threshold=1000").json()
    assert (tried["now"]["fired"], tried["changed"]["fired"]) == (1, 0)
    assert estate.client.get("/api/v1/rules/nothing/backtest").status == 404


def test_its_silences_are_those_that_would_hold_now(estate: Estate) -> None:
    [silence] = estate.client.get("/api/v1/silences").json()["silences"]
    assert (silence["author"], silence["matchers"]) == ("ann", ['component="db"'])
    assert estate.client.get("/api/v1/silences/preview?matchers=rule%3Ddeep").json()["alerts"][0]["rule"] == "deep"


def test_the_last_account_of_memory_and_threads_is_shown(estate: Estate) -> None:
    leaks = estate.client.get("/api/v1/leaks").json()
    assert leaks["report"]["rss_mb"] == 612.5
    assert set(leaks["report"]) == set(MemoryReport.__struct_fields__)
    assert any("app/sessions.py:48" in text for text in leaks["remarks"])
    threads = estate.client.get("/api/v1/threads").json()["threads"]
    assert [(one["name"], one["stack"]) for one in threads] == [
        ("MainThread", ["app.py:7 in main: serve()"]), ("worker", ["app.py:9 in work: time.sleep(9)"]),
    ]  # fmt: skip
    heap = estate.client.get("/api/v1/heap").json()
    assert (heap["stacks"], "heap_snapshot" in heap["remarks"][0]) == ([], True)


def test_it_is_fit_for_nothing_and_measures_nothing(estate: Estate) -> None:
    assert [estate.client.get(f"/healthz/{kind}").status for kind in ("live", "ready")] == [503, 503]
    assert estate.client.get("/metrics").status == 409


def test_nothing_can_be_ordered_and_nothing_is_written(estate: Estate) -> None:
    before = {path: path.read_bytes() for path in estate.folder.rglob("*") if path.suffix in {".db", ".json"}}
    bodies = {"silence": {"matchers": ["a=b"], "for_s": 5}, "switch": {"enabled": False}}
    for operation in OPERATIONS:
        if operation.method == "GET":
            continue
        path = ROOT + operation.path.replace("{id}", "x").replace("{name}", "deep").replace("{channel}", "bell")
        reply = estate.client.ask(
            operation.method, path, {"content-type": "application/json"},
            b"" if operation.method == "DELETE" else json.dumps(bodies.get(operation.command, {})).encode(),
        )  # fmt: skip
        assert (reply.status, "nothing can be ordered" in reply.error) == (409, True), operation.path
    assert before == {path: path.read_bytes() for path in before}


def test_every_question_has_an_answer(estate: Estate) -> None:
    for operation in OPERATIONS:
        if operation.method == "GET" and "{" not in operation.path:
            query = {"/readings": "?metric=queue.depth", "/silences/preview": "?matchers=rule%3Dx"}
            assert estate.client.get(ROOT + operation.path + query.get(operation.path, "")).status in {200, 409}


def test_a_program_that_runs_is_said_to_run_and_its_readings_end_now(estate: Estate) -> None:
    if not kernel.start_ticks(os.getpid()):
        pytest.skip("whether a process is the same one cannot be told here")
    wrote(estate.folder, estate.ended, pid=os.getpid(), start_ticks=kernel.start_ticks(os.getpid()))
    left = estate.client.get("/api/v1/session").json()["left"]
    assert (left["runs"], left["how"]) == (True, "")
    found = estate.client.get("/api/v1/readings?metric=queue.depth&since_s=30").json()
    assert found["until"] - estate.ended.timestamp() >= 3 * 86_400


def test_without_an_account_it_still_shows_the_journal(estate: Estate) -> None:
    record.forget(estate.folder)
    assert "without an account" in estate.client.get("/api/v1/session").json()["left"]["how"]
    assert estate.client.get("/api/v1/alerts?since_s=864000").json()["alerts"]


@pytest.mark.parametrize("what", ["nothing", "an empty folder", "a file"])
def test_what_is_no_state_directory_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "state"
    if what == "an empty folder":
        path.mkdir()
    if what == "a file":
        path.write_text("")
    with pytest.raises(StoreError, match=r"there is no journal here; name the folder that holds journal\.db"):
        Left(path, SystemClock())
