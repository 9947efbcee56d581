"""Who is let in: hosts, tokens, sessions, origins, marks, sizes and rates."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.peers.asgi_client import Client, exchange

from tocsin.web import app, guard

if TYPE_CHECKING:
    from tests.unit.web.conftest import House

TOKEN = "a-token-of-the-tests"
EVERYWHERE = ["/", "/api/v1/status", "/api/v1/stream", "/metrics", "/healthz/live", "/static/style.css", "/nowhere"]
CLOSED = ["/", "/api/v1/status", "/api/v1/stream", "/metrics", "/api/v1/openapi.json", "/nowhere"]


# -- hosts


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8787", "127.0.0.1.evil.example:8787", "127.0.0.1:9999", "127.0.0.1", "", "a b"],
)
def test_a_foreign_host_is_refused_on_every_route(house: House, path: str, host: str) -> None:
    reply = house.client.ask("GET", path, [("host", host)])
    assert reply.status == 421
    assert b"misbehaving" not in reply.body


@pytest.mark.parametrize("host", ["127.0.0.1:8787", "localhost:8787", "LOCALHOST:8787", "[::1]:8787"])
def test_the_names_of_this_machine_are_known(house: House, host: str) -> None:
    assert house.client.get("/api/v1/status", host=host).status == 200


def test_two_hosts_in_one_request_are_refused(house: House) -> None:
    two = [("host", "127.0.0.1:8787"), ("host", "127.0.0.1:8787")]
    assert house.client.ask("GET", "/api/v1/status", two).status == 421


def test_a_name_that_was_given_is_known_and_its_like_is_not(house: House) -> None:
    page = app(house.system, token=TOKEN, hosts=["Status.example"])
    client = Client(page, {"authorization": f"Bearer {TOKEN}"})

    assert client.get("/api/v1/status", host="status.example").status == 200
    assert client.get("/api/v1/status", host="status.example:80").status == 421


# -- tokens and sessions


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer wrong-wrong-wrong-wrong"}, {"authorization": f"Basic {TOKEN}"},
     {"authorization": "Bearer"}, {"cookie": "tocsin=1"}],
)  # fmt: skip
def test_without_the_token_nothing_is_told(house: House, path: str, headers: dict[str, str]) -> None:
    house.system.emit("a secret title", "m", "critical", "s")
    reply = house.stranger.get(path, **headers)
    assert reply.status == 401
    assert b"secret" not in reply.body


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("path", ["/healthz/live", "/static/style.css", "/api/v1/silences", "/"])
def test_what_is_open_to_look_at_is_not_open_to_write(house: House, method: str, path: str) -> None:
    assert house.stranger.ask(method, path).status == 401


def test_the_link_gives_a_cookie_that_scripts_and_other_sites_do_not_get(house: House) -> None:
    reply = house.stranger.get(f"/?token={TOKEN}")

    assert (reply.status, reply.headers["location"]) == (303, "/")
    cookie = reply.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert house.browser().get("/api/v1/session").json()["may"] == "act"


def test_over_tls_the_cookie_is_for_tls_alone(house: House) -> None:
    reply = house.stranger.ask("GET", f"/?token={TOKEN}", scheme="https")
    assert "; Secure" in reply.headers["set-cookie"]
    assert reply.headers["strict-transport-security"]


def test_a_wrong_token_in_the_link_gives_no_cookie(house: House) -> None:
    reply = house.stranger.get("/?token=wrong-wrong-wrong-wrong")
    assert reply.status == 401
    assert "set-cookie" not in reply.headers
    assert b"tocsin web" in reply.body


def test_the_token_in_the_address_opens_the_first_page_alone(house: House) -> None:
    assert house.stranger.get(f"/api/v1/status?token={TOKEN}").status == 401


def test_a_session_ends(house: House) -> None:
    browser = house.browser()
    house.clock.advance(31 * 86_400)
    assert browser.get("/api/v1/session").status == 401


def test_who_may_look_may_not_act(house: House) -> None:
    reader = house.browser(f"/?token={house.page.keys.read_token}")
    session = reader.get("/api/v1/session").json()
    assert session["may"] == "read"

    silence = {"matchers": ["rule=x"], "for_s": 60}
    assert reader.post("/api/v1/silences", silence, x_csrf_token=session["csrf"]).status == 403
    bearer = Client(house.page, {"authorization": f"Bearer {house.page.keys.read_token}"})
    assert bearer.post("/api/v1/silences", silence).status == 403
    assert bearer.delete("/api/v1/silences/x").status == 403
    assert bearer.get("/api/v1/silences").json() == {"silences": []}


# -- writes from elsewhere


SILENCE = {"matchers": ["rule=x"], "for_s": 60}


def test_the_page_itself_may_write(house: House) -> None:
    browser = house.browser()
    csrf = browser.get("/api/v1/session").json()["csrf"]
    assert browser.post("/api/v1/silences", SILENCE, x_csrf_token=csrf).status == 200
    assert len(house.system.silences()) == 1


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1:8787.evil.example", ""]
)
def test_a_write_from_another_origin_is_refused(house: House, origin: str) -> None:
    browser = house.browser()
    csrf = browser.get("/api/v1/session").json()["csrf"]
    browser.headers["origin"] = origin

    assert browser.post("/api/v1/silences", SILENCE, x_csrf_token=csrf).status == 403
    assert house.client.post("/api/v1/silences", SILENCE, origin=origin).status == 403
    assert house.system.silences() == []


def test_a_write_of_a_session_without_an_origin_is_refused(house: House) -> None:
    browser = house.browser()
    csrf = browser.get("/api/v1/session").json()["csrf"]
    del browser.headers["origin"]
    assert browser.post("/api/v1/silences", SILENCE, x_csrf_token=csrf).status == 403


@pytest.mark.parametrize("mark", ["", "wrong"])
def test_a_write_without_the_mark_of_its_session_is_refused(house: House, mark: str) -> None:
    assert house.browser().post("/api/v1/silences", SILENCE, x_csrf_token=mark).status == 403
    other = house.browser().get("/api/v1/session").json()["csrf"]
    assert house.browser().post("/api/v1/silences", SILENCE, x_csrf_token=other).status == 403
    assert house.system.silences() == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_plain_form_can_send_is_no_write(house: House, kind: str) -> None:
    assert house.client.post("/api/v1/silences", SILENCE, content_type=kind).status == 415


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "TRACE", "CONNECT", "get"])
def test_other_methods_are_not_answered_and_nobody_is_allowed_across_origins(house: House, method: str) -> None:
    reply = house.client.ask(method, "/api/v1/silences", {"origin": "http://evil.example"})
    assert reply.status == 405
    assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD"), ("/metrics", "GET, HEAD"), ("/healthz/live", "GET, HEAD"),
        ("/static/style.css", "GET, HEAD"),
        ("/api/v1/silences", "GET, HEAD, POST"), ("/api/v1/silences/x", "DELETE"), ("/api/v1/nowhere", "GET, HEAD"),
        ("/api/v1/silences/preview", "GET, HEAD"), ("/api/v1/alerts/x/acknowledge", "POST"), ("*", "GET, HEAD"),
    ],
)  # fmt: skip
def test_who_asks_by_another_method_is_told_which_there_are(house: House, path: str, allowed: str) -> None:
    reply = house.client.ask("PUT", path)
    assert (reply.status, reply.headers["allow"]) == (405, allowed)
    assert house.stranger.ask("PUT", path).status == 401
    assert house.client.ask("PUT", path, [("host", "evil.example")]).status == 421


# -- headers


@pytest.mark.parametrize("path", [*EVERYWHERE[:2], *EVERYWHERE[3:]])
def test_every_answer_tells_the_browser_to_be_careful(house: House, path: str) -> None:
    for reply in (house.client.get(path), house.stranger.get(path, host="evil.example")):
        policy = reply.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in reply.headers


def test_what_the_api_answers_is_kept_by_nobody(house: House) -> None:
    assert house.client.get("/api/v1/status").headers["cache-control"] == "no-store"


# -- where it is mounted


@pytest.mark.parametrize(
    ("root", "path", "below"),
    [
        ("", "/", "/"), ("", "/api", "/api"), ("/tocsin", "/tocsin", "/"), ("/tocsin", "/tocsin/", "/"),
        ("/tocsin", "/tocsin/api", "/api"), ("/tocsin", "/tocsins/api", "/tocsins/api"),
        ("/shop/tocsin", "/tocsin/api", "/api"), ("/shop/tocsin", "/shop/tocsin/api", "/api"),
        ("/a/b/tocsin", "/b/tocsin/api", "/api"), ("/shop/tocsin", "/healthz/live", "/healthz/live"),
    ],
)  # fmt: skip
def test_a_path_is_judged_as_it_stands_below_the_page(root: str, path: str, below: str) -> None:
    assert guard._below(root, path) == below


# -- sizes, times and rates


def test_a_body_that_is_said_to_be_large_is_not_even_read(house: House) -> None:
    reply = house.client.post("/api/v1/silences", b"{}", content_length=str(10_000_000))
    assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert house.client.post("/api/v1/silences", b"{}", content_length="-1").status == 413


def test_a_body_that_turns_out_large_is_cut_off(house: House) -> None:
    taken = 0

    async def receive() -> Any:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x" * 40_000, "more_body": True}

    async def ask() -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = house.client.scope(
            "POST", "/api/v1/silences", [*house.client.headers.items(), ("content-type", "application/json")]
        )
        await house.page(scope, receive, send)
        return int(sent[0]["status"])

    assert asyncio.run(ask()) == 413
    assert taken == 2


def test_a_body_that_does_not_come_is_not_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_WITHIN_S", 0.01)

    async def never() -> Any:
        await asyncio.Event().wait()

    async def ask() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = house.client.scope(
            "POST", "/api/v1/silences", [*house.client.headers.items(), ("content-type", "application/json")]
        )
        await house.page(scope, never, send)
        return sent

    assert asyncio.run(ask())[0]["status"] == 408


def test_who_guesses_is_slowed_down_and_who_knows_is_not(house: House) -> None:
    guesses = [house.stranger.get("/", authorization="Bearer wrong-wrong-wrong").status for _ in range(20)]
    assert set(guesses) == {401, 429}
    assert guesses.count(401) == 10
    assert house.client.get("/api/v1/status").status == 200
    house.clock.advance(5.0)
    assert house.stranger.get("/", authorization="Bearer wrong-wrong-wrong").status == 401


def test_too_many_questions_are_told_when_to_come_again(house: House) -> None:
    replies = [house.client.get("/api/v1/session") for _ in range(450)]
    late = [reply for reply in replies if reply.status == 429]
    assert replies[0].status == 200
    assert late
    assert late[0].headers["retry-after"] == "1"
    house.clock.advance(10.0)
    assert house.client.get("/api/v1/session").status == 200


def test_too_many_orders_are_told_when_to_come_again(house: House) -> None:
    statuses = [house.client.delete(f"/api/v1/silences/{n}").status for n in range(40)]
    assert statuses[0] == 404
    assert statuses[-1] == 429


# -- what is no request


def test_a_websocket_is_closed(house: House) -> None:
    async def ask() -> list[Any]:
        return [one async for one in exchange(house.page, {"type": "websocket", "path": "/", "headers": []}, [])]

    assert asyncio.run(ask())[0]["type"] == "websocket.close"


def test_a_server_that_asks_for_a_lifespan_is_answered(house: House) -> None:
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(house.page({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("query", ["token=%ff%fe", "token=" + "x" * 100_000, "&" * 300, "token=%00", "a=1&" * 200])
def test_a_strange_query_is_refused_and_harms_nobody(house: House, query: str) -> None:
    assert house.stranger.get(f"/?{query}").status in {400, 401}
