"""What every channel promises, run over all of them against real peers."""

from __future__ import annotations

import asyncio
import logging
import pickle
import threading
import traceback
import unicodedata
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.conformance.rigs import CANARY, RIGS, SHORT_S, HttpRig, Rig
from tests.peers.http_peer import answer
from tests.peers.notices import ALERT, DIGEST, EVENT, FIRING, GROUP, HOSTILE, OVER, RESOLVED, a_notice, hostile

from tocsin import AlertConfig, AlertSeverity, DeliveryError, Notice, SystemClock
from tocsin.channels.protocol import AlertChannel
from tocsin.config.channel_kinds import KINDS
from tocsin.model.readings import TRUNCATED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOT_TEXT = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
MAX_BYTES = 256 * 1024


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    one = RIGS[request.param](tmp_path, monkeypatch)
    one.channel = one.build()
    yield one
    one.close()


def refusal(channel: Any, notice: Notice = FIRING) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        channel.deliver(notice)
    return caught.value


def test_the_suite_is_run_over_every_kind_of_channel() -> None:
    assert {name.partition("-")[0] for name in RIGS} == KINDS.keys() - {"plugin"}


# -- it tells


def test_it_is_a_channel_with_a_name_that_configuration_takes(rig: Rig) -> None:
    assert isinstance(rig.channel, AlertChannel)
    assert rig.channel.name
    [(made, route)] = AlertConfig(channels=[rig.channel]).make_channels()
    assert made is rig.channel
    assert route.keeps_state is getattr(rig.channel, "keeps_state", False)


def test_an_alert_is_told_with_all_that_explains_it(rig: Rig) -> None:
    rig.channel.deliver(FIRING)
    [text] = rig.told()
    for part in ("memory-high", "Memory is 91 %, beyond 85 %", "orders", "db-1", "the threads are in"):
        assert part in text, part
    assert "critical" in text.lower()
    assert "MainThread: app.py:3 in run" in text


def test_what_to_do_and_why_one_is_told_stands_in_it(rig: Rig) -> None:
    if rig.channel.name == "console":
        rig.stream.isatty = lambda: True  # type: ignore[attr-defined]  # a line in a log is short; a terminal has it all
    rig.channel.deliver(FIRING)
    text = "\n".join(rig.told())
    for part in ("See which process holds the memory", "it began to fire", "https://example.org/memory"):
        assert part in text, part


def test_the_end_is_told(rig: Rig) -> None:
    rig.channel.deliver(RESOLVED)
    [text] = rig.told()
    assert "memory-high" in text
    assert "resolve" in text.lower() or "90 s" in text


def test_a_digest_is_told_with_its_exact_counts(rig: Rig) -> None:
    rig.channel.deliver(DIGEST)
    [text] = rig.told()
    assert "1234571" in text
    assert "1234567" in text
    assert "Queue full" in text


def test_a_group_tells_of_each_of_its_alerts(rig: Rig) -> None:
    rig.channel.deliver(GROUP)
    text = "\n".join(rig.told())
    assert "memory-high" in text
    assert "Payment refused" in text


def test_one_alert_alone_can_be_sent(rig: Rig) -> None:
    asyncio.run(rig.channel.send_alert(ALERT))
    asyncio.run(rig.channel.send_alert(OVER))
    assert any("memory-high" in text for text in rig.told())


def test_a_large_group_is_told_within_bounds(rig: Rig) -> None:
    if rig.channel.name == "pagerduty":
        pytest.skip("an incident an alert: a large group is many requests, each of its own size")
    alerts = [msgspec.structs.replace(EVENT, id=f"e{n}", fingerprint=f"f{n}", title=f"Event {n}") for n in range(300)]
    rig.channel.deliver(a_notice(*alerts))
    assert rig.told()


# -- the same notice again


def test_a_notice_told_again_bears_the_same_id(rig: Rig) -> None:
    rig.channel.deliver(FIRING)
    rig.channel.deliver(FIRING)
    first, second = rig.ids() or ("same", "same")
    assert first == second


def test_another_notice_bears_another_id(rig: Rig) -> None:
    if rig.channel.name in {"alertmanager", "pagerduty"}:
        pytest.skip("it knows an alert, not a notice, and the end of an alert by the same name")
    rig.channel.deliver(FIRING)
    rig.channel.deliver(RESOLVED)
    first, second = rig.ids() or ("one", "another")
    assert first != second


# -- nothing in it is obeyed


@pytest.mark.parametrize("what", HOSTILE)
def test_no_text_of_an_alert_is_obeyed(rig: Rig, what: str) -> None:
    rig.channel.deliver(hostile(HOSTILE[what]))
    [text] = rig.told()
    assert {char for char in text if char != "\n" and unicodedata.category(char) in NOT_TEXT} == set()
    assert [found for found in rig.hostile if any(found in text for text in rig.marked_up())] == []
    assert len(text.encode()) < MAX_BYTES
    if what.startswith("long"):
        assert TRUNCATED in text


@pytest.mark.parametrize("what", ["crlf", "surrogate", "long escapes", "slack"])
def test_neither_is_one_of_an_alert_that_is_over_or_in_a_digest(rig: Rig, what: str) -> None:
    notice = hostile(HOSTILE[what])
    over = msgspec.structs.replace(notice.alerts[0], resolved_at=OVER.resolved_at)
    digest = msgspec.structs.replace(
        DIGEST,
        reason=HOSTILE[what],
        digest=(msgspec.structs.replace(DIGEST.digest[0], title=HOSTILE[what], source=HOSTILE[what]),),
    )
    rig.channel.deliver(a_notice(over, kind=RESOLVED.kind, id="over"))
    rig.channel.deliver(digest)
    for text in rig.told():
        assert {char for char in text if char != "\n" and unicodedata.category(char) in NOT_TEXT} == set()
        assert len(text.encode()) < MAX_BYTES
    assert [found for found in rig.hostile if any(found in text for text in rig.marked_up())] == []


# -- secrets


def test_no_secret_is_shown(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rig.channel.deliver(FIRING)
    rig.go_away()
    error = refusal(rig.channel)
    locals_too = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = ["".join(locals_too.format())]
    shown += [repr(rig.channel), str(rig.channel), "".join(traceback.format_exception(error)), caplog.text, repr(error)]
    assert [text for text in shown if CANARY in text] == []
    assert not any(CANARY in text for text in rig.told()) or rig.channel.name == "command"


def test_no_secret_can_be_pickled(rig: Rig) -> None:
    try:
        written = pickle.dumps(rig.channel)
    except (TypeError, AttributeError, pickle.PicklingError):
        return
    assert CANARY.encode() not in written or rig.channel.name == "command"  # arguments are no place for secrets


# -- peers that are gone or do not answer


def test_when_its_peer_is_gone_it_says_so_and_may_be_tried_again(rig: Rig) -> None:
    rig.go_away()
    error = refusal(rig.channel)
    assert not error.permanent
    assert str(error)


def test_a_peer_that_says_nothing_is_given_up_at_the_deadline(rig: Rig) -> None:
    if not rig.can_hang:
        pytest.skip("it has no peer that could keep it waiting")
    rig.channel = rig.build(deadline_s=SHORT_S)
    rig.hang()
    began_s = SystemClock().now().mono_s
    error = refusal(rig.channel)
    assert not error.permanent
    assert SystemClock().now().mono_s - began_s < 20.0


def test_a_receiver_over_http_says_when_to_come_again_and_when_never(rig: Rig) -> None:
    if not isinstance(rig, HttpRig):
        pytest.skip("it does not speak HTTP")
    rig.peer.default = answer(429, Retry_After="7")
    error = refusal(rig.channel)
    assert (error.permanent, error.retry_after_s) == (False, 7.0)
    rig.peer.default = answer(404, b"no such thing")
    assert refusal(rig.channel).permanent
    rig.peer.default = answer(302, Location="https://elsewhere.example/")
    assert refusal(rig.channel).permanent


def test_after_a_failure_it_tells_again(rig: Rig) -> None:
    if not rig.stumble():
        pytest.skip("its peer cannot stumble and rise in a test")
    refusal(rig.channel)
    rig.channel.deliver(FIRING)
    assert any("memory-high" in text for text in rig.told())


# -- threads


def test_several_threads_may_tell_at_once(rig: Rig) -> None:
    errors: list[BaseException] = []

    def tell(number: int) -> None:
        event = msgspec.structs.replace(EVENT, id=f"e{number}", fingerprint=f"f{number}", title=f"Event {number}!")
        try:
            rig.channel.deliver(a_notice(event, id=f"n{number}"))
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert errors == []
    text = "\n".join(rig.told())
    assert [number for number in range(8) if f"Event {number}!" not in text] == []


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"console", "plugin"}))
def test_a_channel_may_be_for_the_worst_only(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = RIGS[kind](tmp_path, monkeypatch)
    try:
        channel = one.build()
        assert channel.severity is AlertSeverity.INFO
        channel.severity = AlertSeverity.CRITICAL
        [(_, route)] = AlertConfig(channels=[channel]).make_channels()
        assert route.severity is AlertSeverity.CRITICAL
    finally:
        one.close()
