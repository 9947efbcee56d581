"""Silences and acknowledgements, as `AlertSystem` takes them: what they hold back, and that they survive a restart."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertNotFound, AlertSystem, Silence, SilenceNotFound
from tocsin.journal.reading import JournalReader
from tocsin.journal.writer import FILE
from tocsin.model.matching import Matcher
from tocsin.testing import RecordingChannel, VirtualClock, system_for_tests

if TYPE_CHECKING:
    from pathlib import Path

ENOUGH_S = 20.0


@pytest.fixture
def bell() -> RecordingChannel:
    return RecordingChannel()


@pytest.fixture
def system(bell: RecordingChannel) -> AlertSystem:
    return system_for_tests(bell)[0]


def raise_some(system: AlertSystem) -> None:
    system.emit("Slow", "m", "warning", "orders", component="db")
    system.emit("Slower", "m", "critical", "orders", component="db")
    system.emit("Full", "m", "warning", "disk", component="archive")


def test_a_preview_lists_the_open_alerts_that_match_worst_first(system: AlertSystem) -> None:
    raise_some(system)
    assert [alert.title for alert in system.preview("component=db")] == ["Slower", "Slow"]
    assert [alert.title for alert in system.preview("component=db", "severity!=critical")] == ["Slow"]
    assert system.preview("component=bd") == []
    assert len(system.preview()) == 3


def test_a_silence_says_how_many_open_alerts_it_matches(system: AlertSystem) -> None:
    raise_some(system)
    silence = system.silence("component=db", Matcher("severity", "=", "warning"), for_s=60, author="jo", comment="move")
    assert isinstance(silence, Silence)
    assert (silence.open_alerts, silence.author, silence.comment) == (1, "jo", "move")
    assert (silence.durable, "state_dir" in silence.reason) == (False, True)
    assert system.silence("component=bd", for_s=60).open_alerts == 0


def test_what_matches_is_held_back_with_the_reason_until_the_silence_ends(bell: RecordingChannel) -> None:
    system, clock = system_for_tests(bell)
    placed = system.silence("component=db", for_s=60, author="jo", comment="move")
    raise_some(system)
    system.flush(ENOUGH_S)
    assert bell.titles() == ["Full"]
    [slow] = system.preview("title=Slow")
    assert f"silence {placed.id} by jo until" in slow.trace[-1].why
    clock.advance(61)
    assert system.silences() == []
    system.emit("Slowest", "m", "warning", "orders", component="db")
    system.flush(ENOUGH_S)
    assert bell.titles() == ["Full", "Slowest"]


def test_silences_are_listed_the_first_to_end_first_until_they_are_expired(system: AlertSystem) -> None:
    later, sooner = system.silence("a=b", for_s=120), system.silence("a=c", for_s=60)
    assert [one.id for one in system.silences()] == [sooner.id, later.id]
    system.expire_silence(sooner.id)
    assert [one.id for one in system.silences()] == [later.id]
    with pytest.raises(SilenceNotFound, match=sooner.id):
        system.expire_silence(sooner.id)


def test_a_silence_may_end_at_a_given_time() -> None:
    system, clock = system_for_tests()
    until = clock.now().utc + timedelta(hours=2)
    assert system.silence("a=b", until=until).ends_at == until


@pytest.mark.parametrize(
    ("matchers", "span", "words"),
    [
        (["component"], {"for_s": 60}, "expected NAME=VALUE"),
        (["component=~("], {"for_s": 60}, "is no regular expression"),
        ([], {"for_s": 60}, "name at least one"),
        (["a=b"], {}, "give one of the two"),
        (["a=b"], {"for_s": 60, "until": datetime(2100, 1, 1, tzinfo=UTC)}, "give one of the two"),
        (["a=b"], {"for_s": 0}, "more than 0 s"),
        (["a=b"], {"for_s": -1}, "more than 0 s"),
        (["a=b"], {"for_s": math.inf}, "at most 366 days"),
        (["a=b"], {"for_s": math.nan}, "at most 366 days"),
        (["a=b"], {"for_s": "2h"}, "at most 366 days"),
        (["a=b"], {"for_s": 367 * 86400}, "at most 366 days"),
        (["a=b"], {"until": datetime(2026, 1, 1)}, "without a zone"),  # noqa: DTZ001 - that is the mistake
        (["a=b"], {"until": datetime(2000, 1, 1, tzinfo=UTC)}, "before it begins"),
        (["a=b"], {"until": datetime(2100, 1, 1, tzinfo=UTC)}, "at most 366 days"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused_in_words(
    system: AlertSystem, matchers: list[str], span: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        system.silence(*matchers, **span)
    assert system.silences() == []


def test_matchers_in_a_list_are_refused_in_words(system: AlertSystem) -> None:
    with pytest.raises(TypeError, match="each an argument of its own"):
        system.silence(["component=db"], for_s=60)  # type: ignore[arg-type]


def test_texts_of_an_order_are_cut_and_inert(system: AlertSystem) -> None:
    silence = system.silence("a=b", for_s=60, author="\x1b[31m" + "j" * 300, comment="c" * 5000)
    assert len(silence.author) <= 200
    assert len(silence.comment) <= 2000


def test_an_acknowledgement_may_expire_and_then_somebody_is_told_again(bell: RecordingChannel) -> None:
    system, clock = system_for_tests(bell)
    raise_some(system)
    [slow] = system.preview("title=Slow")
    mark = system.acknowledge(slow.id, "jo", "on it", for_s=600).acknowledgement
    assert mark is not None
    assert (mark.by, mark.comment, mark.expires_at) == ("jo", "on it", clock.now().utc + timedelta(seconds=600))
    with pytest.raises(AlertNotFound):
        system.acknowledge("nobody", "jo")
    with pytest.raises(ValueError, match="an acknowledgement lasts"):
        system.acknowledge(slow.id, for_s=0)


def test_orders_are_on_disk_when_the_call_returns_and_come_back(tmp_path: Path) -> None:
    first, clock = system_for_tests(RecordingChannel(), state_dir=tmp_path)
    raise_some(first)
    placed = first.silence("component=archive", for_s=3600, author="jo", comment="move")
    [slow] = first.preview("title=Slow")
    first.acknowledge(slow.id, "ann", "on it", for_s=600)
    assert (placed.durable, placed.reason) == (True, "")
    # Read while the first still runs, and has not said goodbye to its file.
    reader = JournalReader(tmp_path / FILE)
    alert = reader.alert(slow.id)
    assert alert is not None
    assert alert.acknowledgement is not None
    assert alert.acknowledgement.by == "ann"
    reader.close()
    assert first.stop(ENOUGH_S)
    second, _ = system_for_tests(RecordingChannel(), state_dir=tmp_path, clock=VirtualClock(clock.now().utc))
    assert [(one.id, one.author, one.comment) for one in second.silences()] == [(placed.id, "jo", "move")]
    second.expire_silence(placed.id)
    assert second.stop(ENOUGH_S)
    third, _ = system_for_tests(RecordingChannel(), state_dir=tmp_path, clock=VirtualClock(clock.now().utc))
    assert third.silences() == []
    assert third.stop(ENOUGH_S)


def test_the_mark_on_an_alert_that_has_ended_is_written_down_too(tmp_path: Path) -> None:
    system, _ = system_for_tests(RecordingChannel(), state_dir=tmp_path)
    raise_some(system)
    [full] = system.preview("title=Full")
    assert system.resolve(full.fingerprint)
    system.acknowledge(full.id, "ann", "seen")
    reader = JournalReader(tmp_path / FILE)
    alert = reader.alert(full.id)
    assert alert is not None
    assert alert.acknowledgement is not None
    reader.close()
    assert system.stop(ENOUGH_S)


def test_coroutines_wait_for_the_disk_without_blocking_their_loop(tmp_path: Path) -> None:
    async def orders(system: AlertSystem) -> None:
        receipt = await system.emit_durably("Paid twice", "order 17", "critical", "checkout", labels={"a": "b"})
        assert (receipt.durable, receipt.reason) == (True, "")
        alert = await system.acknowledge_alert(receipt.id, "ann", for_s=60)
        assert alert.labels == {"a": "b"}
        with pytest.raises(AlertNotFound):
            await system.acknowledge_alert("nobody")

    system = AlertSystem(system_for_tests(state_dir=tmp_path)[0].config, sensors=())
    with system:
        asyncio.run(orders(system))
    reader = JournalReader(tmp_path / FILE)
    [alert] = reader.alerts()
    assert alert.acknowledgement is not None
    reader.close()


def test_without_a_state_directory_the_receipt_of_a_coroutine_says_so(system: AlertSystem) -> None:
    receipt = asyncio.run(system.emit_durably("Odd", "m"))
    assert not receipt.durable
    assert "state_dir" in receipt.reason


def test_a_disabled_system_takes_no_orders_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_DISABLED", "1")
    system, _ = system_for_tests(state_dir=tmp_path)
    placed = system.silence("a=b", for_s=60)
    assert (placed.durable, placed.reason) == (False, "TOCSIN_DISABLED is set")
    assert (system.silences(), system.preview("a=b")) == ([], [])
    assert not asyncio.run(system.emit_durably("Odd", "m")).accepted
    assert list(tmp_path.iterdir()) == []


def test_a_window_that_is_taken_out_of_the_configuration_is_gone_with_the_next_run(tmp_path: Path) -> None:
    window = {"name": "always", "cron": "* * * * *", "duration": "1h"}
    bell = RecordingChannel()
    for windows in ([window], []):
        system, _ = system_for_tests(bell, state_dir=tmp_path, maintenance=windows)
        system.emit(f"With {len(windows)} windows")
        assert system.flush(ENOUGH_S)
        assert system.stop(ENOUGH_S)
    assert bell.titles() == ["With 0 windows"]


@pytest.mark.parametrize("call", ["from a thread", "from a coroutine"])
def test_an_order_that_the_disk_does_not_take_in_time_is_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    system, _ = system_for_tests(RecordingChannel(), state_dir=tmp_path)
    raise_some(system)
    [slow] = system.preview("title=Slow")
    silence = system.silence("component=archive", for_s=60)
    recorder = system._core.recorder
    monkeypatch.setattr(recorder, "sync", lambda _: "not on disk within 2 s")
    monkeypatch.setattr(recorder, "sync_later", lambda settled: settled("not on disk within 2 s"))
    if call == "from a thread":
        assert system.acknowledge(slow.id, "ann").acknowledgement is not None
    else:
        assert asyncio.run(system.acknowledge_alert(slow.id, "ann")).acknowledgement is not None
    system.expire_silence(silence.id)
    said = [record.getMessage() for record in caplog.records]
    assert f"the acknowledgement of alert '{slow.id}' does not survive a restart: not on disk within 2 s" in said
    assert f"the end of silence '{silence.id}' does not survive a restart: not on disk within 2 s" in said
    assert system.silence("component=archive", for_s=60).durable is False


def test_a_mark_that_is_void_leaves_the_alert_unacknowledged(bell: RecordingChannel) -> None:
    system, clock = system_for_tests(bell)

    def open_titles() -> list[str]:
        return [alert.title for alert in asyncio.run(system.get_unacknowledged_alerts())]

    system.emit("Slow", "m", "warning", "s")
    [slow] = system.preview("title=Slow")
    system.acknowledge(slow.id, "ann", for_s=60)
    assert open_titles() == []
    system.emit("Slow", "m", "critical", "s")  # worse than what was seen
    assert open_titles() == ["Slow"]
    system.acknowledge(slow.id, "ann", for_s=60)
    assert open_titles() == []
    clock.advance(61)
    assert open_titles() == ["Slow"]
    system.resolve(slow.fingerprint)
    assert open_titles() == ["Slow"]  # nobody took care of it to its end
    system.acknowledge(slow.id, "bob")
    assert open_titles() == []
