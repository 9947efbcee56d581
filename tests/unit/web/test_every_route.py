"""What holds on every route, asked of every route that the document of the API names, and of those beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.peers.asgi_client import Client, Reply

from tocsin import AlertCategory, AlertRule, AlertSeverity
from tocsin.testing import system_for_tests
from tocsin.web import app, keys

if TYPE_CHECKING:
    from tests.unit.web.conftest import House

TOKEN = "a-token-of-the-tests"
SECRET = "a title that is a secret"
OPEN = {"/healthz/live", "/healthz/ready", "/static/style.css"}


def _routes() -> list[tuple[str, str]]:
    system, _ = system_for_tests()
    client = Client(app(system, token=TOKEN), {"authorization": f"Bearer {TOKEN}"})
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    found += [("GET", "/"), ("GET", "/static/style.css"), ("GET", "/nowhere"), ("POST", "/nowhere"), ("OPTIONS", "/")]
    return [(method, path.replace("{", "").replace("}", "")) for method, path in found]


ROUTES = _routes()
WRITES = [(method, path) for method, path in ROUTES if method in {"POST", "DELETE"}]


def told(house: House, client: Client, method: str, path: str, **headers: str) -> Reply:
    house.system.emit(SECRET, "m", "critical", "s")
    house.system.flush()
    house.clock.advance(60)
    reply = client.ask(
        method, path, {"content-type": "application/json", **headers}, b"{}" if method == "POST" else b""
    )
    assert SECRET not in reply.body.decode("utf-8", "replace")
    return reply


def test_there_are_as_many_routes_as_the_page_has() -> None:
    assert len(ROUTES) >= 34
    assert len(WRITES) >= 8


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_foreign_host_is_refused(house: House, method: str, path: str) -> None:
    for host in ("evil.example", "evil.example:8787", "127.0.0.1:80", ""):
        for client in (house.client, house.stranger):
            assert told(house, client, method, path, host=host).status == 421


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_token_nothing_is_told(house: House, method: str, path: str) -> None:
    expected = 401
    if path in OPEN:
        expected = 200
    for headers in ({}, {"cookie": f"{house.page.keys.cookie}=2.9999999999.x.y"}):
        assert told(house, house.stranger, method, path, **headers).status == expected


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_foreign_page_makes_the_browser_ask_is_refused(house: House, method: str, path: str, site: str) -> None:
    browser = house.browser()
    reply = told(
        house, browser, method, path, sec_fetch_site=site, sec_fetch_mode="no-cors", origin="http://evil.example"
    )
    assert reply.status == 403


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_write_needs_the_own_origin_the_mark_and_the_scope(house: House, method: str, path: str) -> None:
    browser = house.browser()
    csrf = browser.get("/api/v1/session").json()["csrf"]
    known = path != "/nowhere"
    assert told(house, browser, method, path, x_csrf_token=csrf).status not in {401, 403, 415}
    foreign = Client(house.page, {**browser.headers, "origin": "http://evil.example"})
    assert told(house, foreign, method, path, x_csrf_token=csrf).status == 403
    assert told(house, browser, method, path).status == 403
    assert told(house, browser, method, path, x_csrf_token="wrong").status == 403
    reader = house.browser(f"/?token={house.page.keys.read_token}")
    csrf = reader.get("/api/v1/session").json()["csrf"]
    assert told(house, reader, method, path, x_csrf_token=csrf).status == 403
    bearer = Client(house.page, {"authorization": f"Bearer {house.page.keys.read_token}"})
    assert told(house, bearer, method, path).status == 403
    if method == "POST" and known:
        assert told(house, house.client, method, path, content_type="text/plain").status == 415


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_large_body_is_refused_before_it_is_read(house: House, method: str, path: str) -> None:
    assert told(house, house.client, method, path, content_length="10000000").status == 413
    assert told(house, house.stranger, method, path, content_length="10000000").status == 401


POSTS = [path for method, path in WRITES if method == "POST" and path != "/nowhere"]


@pytest.mark.parametrize("body", [b"[" * 30_000, b"9" * 60_000, b"\xff\xfe", b"\x00"])
@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_means_harm_is_answered_in_words(house: House, path: str, body: bytes) -> None:
    reply = house.client.post(path, body)
    assert reply.status == 400
    assert "body" in reply.error or "found int" in reply.error


@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_nested_deeply_is_no_failure_of_the_server(house: House, path: str) -> None:
    """How deep a Python can follow differs by its version; what is not known in it is passed over."""
    reply = house.client.post(path, b'{"a":' * 9_000 + b"1" + b"}" * 9_000)
    assert reply.status in {400, 404, 409}
    assert reply.error


def test_a_length_that_is_told_in_two_ways_is_refused(house: House) -> None:
    headers = {"content-length": "2", "transfer-encoding": "chunked"}
    reply = house.client.post("/api/v1/silences", b"{}", **headers)
    assert (reply.status, reply.headers["connection"]) == (400, "close")


def test_behind_a_link_on_a_foreign_page_the_cookie_is_there_for_the_first_view(house: House) -> None:
    """Along a redirect that a foreign page began, a browser takes no strict cookie."""
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    reply = house.stranger.get(f"/?token={TOKEN}", **link)
    assert (reply.status, reply.headers["refresh"]) == (200, "0; url=/")
    assert "SameSite=Strict" in reply.headers["set-cookie"]
    assert house.stranger.get("/?token=wrong-wrong-wrong-wrong", **link).status == 401
    assert house.stranger.get("/", **link).status == 401
    assert house.stranger.get("/", sec_fetch_site="none", sec_fetch_mode="navigate").status == 401


def test_a_probe_of_the_health_is_never_turned_away_and_waits_for_no_other_question(house: House) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.page.desk, "ask", None)
        assert {house.stranger.get("/healthz/live").status for _ in range(1000)} == {200}


@pytest.mark.parametrize("verdict", [True, False])
def test_whatever_is_compared_with_a_secret_is_compared_in_constant_time(
    house: House, monkeypatch: pytest.MonkeyPatch, *, verdict: bool
) -> None:
    """The comparison of the library decides, and nothing before it: not the length, and not the first letters."""
    secrets = house.page.keys
    session = secrets.new_session(keys.Scope.ACT, 0.0)
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, secret: bytes) -> bool:
        compared.append((given, secret))
        return verdict

    monkeypatch.setattr("tocsin.web.keys.hmac.compare_digest", compare)
    assert (secrets.scope_of_token("x") is not None) is verdict
    assert compared == [(b"x", TOKEN.encode()), (b"x", secrets.read_token.encode())], "both, whatever came of the first"
    assert (secrets.scope_of_session(session + "x", 1.0) is not None) is verdict
    assert secrets.is_csrf(session, "x") is verdict
    assert len(compared) == 4


def test_a_script_in_any_field_of_an_alert_its_rule_and_its_orders_stays_a_text() -> None:
    """All that a program or a person can write, on every route that tells of it, is JSON that no browser runs."""
    script = "</script><img src=x onerror=alert(1)>"
    rule = AlertRule(
        script, AlertCategory.GENERAL, AlertSeverity.WARNING, 0, metric="x.y", component=script, owner=script,
        message=script, recommendations=(script,), runbook_url="https://example.test/" + script,
    )  # fmt: skip
    system, clock = system_for_tests(rules=[rule])
    system.record("x.y", 5.0, {"where": script})
    system.emit(
        script, script, "critical", script, component=script, labels={"where": script}, recommendations=(script,)
    )
    system._core.one_pass()
    system.flush()
    for alert in system.open_alerts():
        system.acknowledge(alert.id, by=script, comment=script)
    system.silence("rule=other", for_s=60, author=script, comment=script)
    client = Client(app(system, token=TOKEN), {"authorization": f"Bearer {TOKEN}"})
    clock.advance(1)
    alerts = client.get("/api/v1/alerts").json()["alerts"]
    assert len(alerts) == 2
    paths = ["alerts", "rules", "silences", "status", "metrics", "readings?metric=x.y", "threads", "leaks", "health"]
    for path in [*paths, *(f"alerts/{alert['id']}" for alert in alerts)]:
        reply = client.get(f"/api/v1/{path}")
        assert (reply.status, reply.headers["content-type"]) == (200, "application/json"), path
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "unsafe" not in reply.headers["content-security-policy"]
    assert all(script in json.dumps(client.get(f"/api/v1/{path}").json()) for path in ("alerts", "rules", "silences"))
    missing = client.get(f"/api/v1/alerts/{script.replace('/', '')}")
    assert (missing.status, missing.headers["content-type"]) == (404, "application/json")
    exposed = client.get("/metrics")
    assert exposed.headers["content-type"].startswith("text/plain")
