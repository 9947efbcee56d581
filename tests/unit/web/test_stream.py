"""The stream of changes: what is told, how it goes on where it was cut off, and when it ends."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from tests.peers.asgi_client import exchange

from tocsin.web import events, stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import pytest
    from tests.unit.web.conftest import House


async def told(
    house: House, last: str = "", *, bell: asyncio.Event | None = None
) -> AsyncGenerator[dict[str, Any], None]:
    """The events of one stream, one by one; the bell is rung when it stands."""
    headers = [*house.client.headers.items()] + ([("last-event-id", last)] if last else [])
    async with aclosing(exchange(house.page, house.client.scope("GET", "/api/v1/stream", headers), [b""])) as messages:
        async for message in messages:
            if message["type"] == "http.response.start":
                assert message["status"] == 200
                if bell is not None:
                    bell.set()
                continue
            for block in message.get("body", b"").decode().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != ":")
                if "event" in fields:
                    yield {**fields, "data": json.loads(fields["data"])}


async def first(house: House, kind: str, count: int = 1, last: str = "") -> list[dict[str, Any]]:
    """The first few events of a kind."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(20), aclosing(told(house, last)) as stream_:
        async for event in stream_:
            if event["event"] == kind:
                found.append(event)
                if len(found) == count:
                    break
    return found


def emit(house: House, title: str) -> None:
    house.system.emit(title, "m", "critical", title)
    house.system.flush()


def test_a_stream_begins_with_hello_and_the_readings(house: House) -> None:
    house.step()
    [hello] = asyncio.run(first(house, "hello"))
    assert hello["data"] == {"run": house.page.hub.run, "resumed": False}
    [readings] = asyncio.run(first(house, "readings"))
    assert ["process.cpu.utilization", {}, 0.5] in readings["data"]["values"]


def test_an_alert_is_told_as_it_happens(house: House) -> None:
    async def listen() -> list[str]:
        titles: list[str] = []
        async with asyncio.timeout(20), aclosing(told(house)) as stream_:
            async for event in stream_:
                if event["event"] == "hello":
                    await asyncio.to_thread(emit, house, "now")
                if event["event"] == "alert":
                    titles.append(event["data"]["title"])
                    break
        return titles

    assert asyncio.run(listen()) == ["now"]


def test_a_stream_goes_on_where_it_was_cut_off(house: House) -> None:
    house.page.hub.publish("alert", {"title": "one"})
    last = f"{house.page.hub.run}-1"
    house.page.hub.publish("alert", {"title": "two"})
    house.page.hub.publish("alert", {"title": "three"})

    assert [event["data"]["title"] for event in asyncio.run(first(house, "alert", 2, last))] == ["two", "three"]
    [hello] = asyncio.run(first(house, "hello", last=last))
    assert hello["data"]["resumed"]


def test_after_a_restart_it_is_said_that_all_must_be_asked_for_again(house: House) -> None:
    for last in ("another-1", f"{house.page.hub.run}-99", "nonsense", "-", f"{house.page.hub.run}-x", "9" * 4000):
        [hello] = asyncio.run(first(house, "hello", last=last))
        assert not hello["data"]["resumed"], last


def test_what_is_too_old_to_be_kept_must_be_asked_for_again(house: House) -> None:
    for number in range(events.MAX_KEPT + 10):
        house.page.hub.publish("alert", {"title": str(number)})
    [hello] = asyncio.run(first(house, "hello", last=f"{house.page.hub.run}-5"))
    assert not hello["data"]["resumed"]
    kept = asyncio.run(first(house, "alert", events.MAX_KEPT, last=f"{house.page.hub.run}-10"))
    assert len(kept) == events.MAX_KEPT


def test_an_order_from_the_command_line_is_told(house: House) -> None:
    async def listen() -> dict[str, Any]:
        house.clock.advance(1)
        async with asyncio.timeout(20), aclosing(told(house)) as stream_:
            async for event in stream_:
                if event["event"] == "readings":
                    await asyncio.to_thread(lambda: house.system.silence("rule=x", for_s=60))
                if event["event"] == "orders":
                    return event
        raise AssertionError

    assert asyncio.run(listen())["data"] == {}


def test_whoever_reads_too_slowly_loses_what_is_gone_and_is_told_so(house: House) -> None:
    async def listen() -> bytes:
        listener = house.page.hub.listen("")
        for number in range(events.MAX_KEPT + 1):
            house.page.hub.publish("alert", {"title": str(number)})
        text = listener.news()
        house.page.hub.leave(listener)
        return text

    text = asyncio.run(listen())
    assert text.count(b"event: hello") == 1
    assert b"event: alert" not in text


def test_there_are_only_so_many_streams(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_STREAMS", 0)
    assert house.client.get("/api/v1/stream").status == 503


def test_a_page_that_leaves_is_forgotten(house: House) -> None:
    asyncio.run(first(house, "hello"))
    assert len(house.page.hub) == 0


def test_a_server_that_ends_ends_its_streams(house: House) -> None:
    async def listen() -> int:
        count = 0
        async with asyncio.timeout(20):
            async for event in told(house):
                count += 1
                if event["event"] == "hello":
                    house.page.hub.close()
        return count

    assert asyncio.run(listen()) >= 1


def test_line_ends_in_a_text_do_not_break_an_event(house: House) -> None:
    house.page.hub.publish("alert", {"title": "one\n\nevent: alert\ndata: {}\r\n"})
    [event] = asyncio.run(first(house, "alert", last=f"{house.page.hub.run}-0"))
    assert event["data"]["title"] == "one\n\nevent: alert\ndata: {}\r\n"
