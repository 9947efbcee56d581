"""What the API answers: the same as the command line is told, and mistakes in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.peers.asgi_client import Client

from tocsin import runbooks
from tocsin.web import app
from tocsin.web.operations import OPERATIONS, ROOT

if TYPE_CHECKING:
    from tests.unit.web.conftest import House

TOKEN = "a-token-of-the-tests"


def fire(house: House) -> str:
    """Let the rule ring, and give back the alert's id."""
    for _ in range(3):
        house.step()
    [alert] = house.client.get("/api/v1/alerts").json()["alerts"]
    return str(alert["id"])


def test_the_alerts_are_those_of_the_command_line(house: House) -> None:
    alert_id = fire(house)
    [shown] = house.client.get("/api/v1/alerts").json()["alerts"]
    [told] = house.system.answers()["alerts"]({})["alerts"]

    assert shown == told
    assert (shown["rule"], shown["value"], shown["threshold"], shown["state"]) == ("deep", 99.0, 50.0, "firing")
    assert house.client.get(f"/api/v1/alerts/{alert_id}").json()["alert"]["id"] == alert_id


def test_an_acknowledgement_from_the_page_is_on_the_alert(house: House) -> None:
    alert_id = fire(house)
    mark = {"by": "ada", "comment": "on it", "for_s": 3600.0}
    answer = house.client.post(f"/api/v1/alerts/{alert_id}/acknowledge", mark).json()

    assert answer["alert"]["acknowledged_by"] == "ada"
    [alert] = house.system.open_alerts()
    assert alert.acknowledgement is not None
    assert (alert.acknowledgement.by, alert.acknowledgement.comment) == ("ada", "on it")


def test_a_silence_is_previewed_ordered_listed_and_ended(house: House) -> None:
    fire(house)
    preview = house.client.get("/api/v1/silences/preview?matchers=rule%3Ddeep&matchers=severity%3Dwarning").json()
    assert [alert["rule"] for alert in preview["alerts"]] == ["deep"]
    assert house.client.get("/api/v1/silences/preview?matchers=rule%3Dother").json()["alerts"] == []

    order = {"matchers": ["rule=deep"], "for_s": 600, "author": "ada", "comment": "known"}
    placed = house.client.post("/api/v1/silences", order).json()["silence"]
    assert house.client.get("/api/v1/silences").json()["silences"] == [placed]
    assert [silence.id for silence in house.system.silences()] == [placed["id"]]

    assert house.client.delete(f"/api/v1/silences/{placed['id']}").status == 200
    assert house.system.silences() == []


def test_a_rule_is_shown_as_it_stands_and_switched(house: House) -> None:
    fire(house)
    [rule] = house.client.get("/api/v1/rules").json()["rules"]
    assert (rule["name"], rule["state"], rule["threshold"]) == ("deep", "firing", 50.0)
    [series] = rule["series"]
    assert (series["labels"], series["value"], series["state"]) == ({}, 99.0, "firing")
    assert rule.keys() > {"category", "labels", "condition", "aggregate", "clear", "recommendations", "words"}

    assert house.client.post("/api/v1/rules/deep/switch", {"enabled": False}).status == 200
    assert not house.system.rules[0].enabled
    [switched] = house.client.get("/api/v1/rules").json()["rules"]
    assert (switched["state"], switched["standing"], switched["why"]) == ("inactive", "disabled", "it is disabled")


def test_the_rules_are_those_of_the_command_line_and_say_how_far_an_alert_has_come(house: House) -> None:
    for standing, state in (("no series", "inactive"), ("ok", "inactive"), ("ok", "inactive"), ("firing", "firing")):
        [told] = house.system.answers()["rules"]({})["rules"]
        [shown] = house.client.get("/api/v1/rules").json()["rules"]
        same = set(told) - {"state", "series"}
        assert {key: shown[key] for key in same} == {key: told[key] for key in same}
        assert (told["state"], shown["standing"], shown["state"]) == (standing, standing, state)
        house.step()


def test_a_channel_is_shown_and_tried(house: House) -> None:
    [channel] = house.client.get("/api/v1/channels").json()["channels"]
    assert (channel["name"], channel["delivered"]) == ("recording", 0)

    [outcome] = house.client.post("/api/v1/channels/recording/test").json()["channels"]
    assert outcome["outcome"] == "delivered"
    assert house.channel.titles() == ["Test of the channels"]


def test_readings_are_given_with_their_times(house: House) -> None:
    fire(house)
    found = house.client.get("/api/v1/readings?metric=queue.depth&metric=nothing&since_s=60").json()
    [series] = found["series"]

    assert series["values"] == [1.0, 2.0, 99.0]
    assert [round(after - before, 3) for before, after in zip(series["times"], series["times"][1:], strict=False)] == [
        1.0, 1.0,
    ]  # fmt: skip
    assert found["until"] == pytest.approx(house.clock.now().utc.timestamp())


def test_many_readings_become_few_points_that_keep_the_extremes(house: House) -> None:
    for value in range(100):
        house.system.record("own.metric", 1000.0 if value == 50 else float(value))
        house.step()
    [series] = house.client.get("/api/v1/readings?metric=own.metric&since_s=600&points=10").json()["series"]

    assert len(series["times"]) <= 11
    assert (min(series["low"]), max(series["high"])) == (0.0, 1000.0)


def test_a_journal_that_fails_is_told_in_words_and_is_no_failure_of_the_server(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    def failing(_: float) -> Any:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(house.system._core.recorder, "reading", failing)
    reply = house.client.get("/api/v1/alerts")
    assert (reply.status, reply.error) == (409, "the journal cannot be read just now: disk I/O error")


def test_health_turns_bad_with_the_rule_that_was_chosen_for_it(house: House) -> None:
    assert [house.stranger.get(f"/healthz/{kind}").status for kind in ("live", "ready")] == [200, 200]
    fire(house)

    assert [house.stranger.get(f"/healthz/{kind}").status for kind in ("live", "ready")] == [200, 503]
    assert house.system.health()["ready"]["alerts"][0]["rule"] == "deep"
    assert b"deep" not in house.stranger.get("/healthz/ready").body, "whoever has no token is told no more"


def test_threads_are_shown_with_their_stacks(house: House) -> None:
    found = house.client.get("/api/v1/threads").json()["threads"]
    asked = [one for one in found if any("threads.py" in line for line in one["stack"])]
    assert [one["name"] for one in asked] == ["tocsin-web-look"]
    assert asked[0]["own"]
    assert any(one["name"] == "MainThread" and not one["own"] for one in found)


def test_the_heap_and_the_leaks_are_those_of_the_command_line(house: House) -> None:
    assert house.client.get("/api/v1/leaks").json().keys() == house.system.answers()["leaks"]({}).keys()
    assert house.client.get("/api/v1/heap").json().keys() == house.system.answers()["heap"]({}).keys()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/alerts/nothing", None, 404, "no alert has the id 'nothing'"),
        ("POST", "/alerts/nothing/acknowledge", {}, 404, "no alert has the id"),
        ("DELETE", "/silences/nothing", None, 404, "no silence has the id"),
        ("POST", "/rules/nothing/switch", {"enabled": True}, 404, "no rule has the name"),
        ("POST", "/rules/deep/switch", {}, 400, "enabled"),
        ("POST", "/rules/deep/switch", {"enabled": "yes"}, 400, "enabled"),
        ("POST", "/silences", {"matchers": ["no matcher"], "for_s": 5}, 400, "no matcher"),
        ("POST", "/silences", {"matchers": [], "for_s": 5}, 400, "matcher"),
        ("POST", "/silences", {"matchers": ["a=b"], "for_s": -5}, 400, "for_s"),
        ("POST", "/silences", {"matchers": ["a=b"]}, 400, "for_s"),
        ("POST", "/silences", ["a"], 400, "JSON object"),
        ("POST", "/silences", b"{", 400, "JSON"),
        ("GET", "/readings?points=many", None, 400, "points"),
        ("GET", "/readings?metric=a&since_s=never", None, 400, "since_s"),
        ("GET", "/readings?metric=a&since_s=nan", None, 400, "since_s"),
        ("GET", "/readings?metric=a&since_s=5&until_s=9", None, 400, "since_s"),
        ("GET", "/notices", None, 409, "there is no state_dir"),
        ("POST", "/channels/nothing/test", None, 400, "no channel is called"),
        ("GET", "/nowhere", None, 404, "no such page"),
        ("POST", "/status", {}, 405, ""),
    ],
)
def test_a_mistake_is_answered_in_words(  # noqa: PLR0917 - pytest hands them over by name
    house: House, method: str, path: str, body: Any, status: int, words: str
) -> None:
    reply = house.client.post(ROOT + path, body) if method == "POST" else house.client.ask(method, ROOT + path)
    assert reply.status == status
    assert words in reply.body.decode()


@pytest.mark.parametrize("field", ["title", "message", "source", "component", "label", "acknowledged_by"])
def test_a_script_in_any_field_stays_a_text(house: House, field: str) -> None:
    script = "<script>alert(1)</script>\"'</title>"
    texts = dict.fromkeys(("title", "message", "source", "component"), "plain") | {field: script}
    labels = {"where": script} if field == "label" else {}
    house.system.emit(
        texts["title"], texts["message"], "critical", texts["source"], component=texts["component"], labels=labels
    )
    house.system.flush()
    [alert] = house.system.open_alerts()
    if field == "acknowledged_by":
        house.system.acknowledge(alert.id, by=script)
    reply = house.client.get("/api/v1/alerts")

    assert reply.headers["content-type"] == "application/json"
    assert script in json.dumps(reply.json(), ensure_ascii=False).replace('\\"', '"')
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/static/../__init__.py", "/static/..%2f__init__.py", "/static//etc/passwd", "/static/%2e%2e/server.py",
     "/static/vendor/../../server.py", "/static/\x00", "/static/", "/../../etc/passwd", "/static/index.html/.."],
)  # fmt: skip
def test_no_path_leads_out_of_the_folder(house: House, path: str) -> None:
    reply = house.client.get(path)
    assert reply.status == 404
    assert b"import" not in reply.body


def test_a_file_that_has_not_changed_is_not_sent_again(house: House) -> None:
    first = house.stranger.get("/static/style.css")
    again = house.stranger.get("/static/style.css", if_none_match=first.headers["etag"])
    assert (first.status, again.status, again.body) == (200, 304, b"")


def test_large_answers_are_compressed_for_whoever_takes_it(house: House) -> None:
    plain = house.client.get("/api/v1/openapi.json")
    packed = house.client.get("/api/v1/openapi.json", accept_encoding="br, gzip")
    assert len(packed.body) < len(plain.body) / 3
    assert packed.json() == plain.json()


def test_mounted_below_a_path_it_stays_there(house: House) -> None:
    mounted = Client(app(house.system, token=TOKEN), root="/tocsin")
    reply = mounted.get(f"/?token={TOKEN}")
    assert reply.headers["location"] == "/tocsin/"
    assert "Path=/tocsin;" in reply.headers["set-cookie"]

    inside = Client(mounted._application, {"authorization": f"Bearer {TOKEN}"}, root="/tocsin")
    assert inside.get("/api/v1/status").json()["program"] == "test"
    assert inside.get("/static/style.css").status == 200
    assert inside.get("/healthz/live").status == 200
    assert Client(mounted._application, root="/tocsin").get("/api/v1/status").status == 401


def test_it_is_mounted_in_starlette_without_its_lifespan(house: House) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    host = Starlette(routes=[Mount("/tocsin", app(house.system, token=TOKEN))])
    client = Client(host, {"authorization": f"Bearer {TOKEN}"})
    assert client.get("/tocsin/api/v1/status").json()["program"] == "test"
    assert client.get("/tocsin/healthz/live").body == b"ok\n"
    assert client.get("/tocsin/").status == 200


def test_the_runbook_of_a_default_rule_is_told_and_no_other_file_is(house: House) -> None:
    found = house.client.get("/api/v1/runbooks/oom-kill")
    assert (found.status, found.json()) == (200, {"name": "oom-kill", "text": runbooks.text("oom-kill")})
    refused = house.client.get("/api/v1/runbooks/oom-kil")
    assert refused.status == 404
    assert "did you mean 'oom-kill'?" in refused.json()["error"]
    assert house.client.get("/api/v1/runbooks/..%2F__init__").status == 404


# -- the document


def test_the_document_describes_every_operation(house: House) -> None:
    document = house.client.get("/api/v1/openapi.json").json()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

    assert {(one.method, ROOT + one.path) for one in OPERATIONS} <= described
    assert document["components"]["securitySchemes"]["session"]["name"] == house.page.keys.cookie
    text = json.dumps(document)
    for reference in {part.partition('"')[0] for part in text.split('"$ref": "#/components/schemas/')[1:]}:
        assert reference in document["components"]["schemas"]


def test_every_operation_with_a_get_answers(house: House) -> None:
    for operation in OPERATIONS:
        if operation.method == "GET" and "{" not in operation.path:
            query = {"/readings": "?metric=queue.depth", "/silences/preview": "?matchers=rule%3Dx"}
            reply = house.client.get(ROOT + operation.path + query.get(operation.path, ""))
            assert reply.status in {200, 409}, operation.path
            assert isinstance(reply.json(), dict)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_nothing_that_is_sent_makes_the_server_fail(house: House, data: st.DataObject) -> None:
    """What the document allows, and what it does not: the answer is never a 5xx."""
    house.clock.advance(60)
    operation = data.draw(st.sampled_from([one for one in OPERATIONS if one.kind != "test"]))
    path = ROOT + operation.path
    for name in ("id", "name"):
        word = data.draw(st.text(st.characters(codec="ascii", exclude_characters="/?#"), min_size=1, max_size=12))
        path = path.replace(f"{{{name}}}", word)
    fields = {field.name: data.draw(_ANYTHING) for field in _fields(operation.asks) if data.draw(st.booleans())}
    if operation.method == "POST":
        reply = house.client.post(path, json.dumps(fields).encode())
    else:
        from urllib.parse import urlencode

        query = urlencode({name: _word(value) for name, value in fields.items()}, doseq=True)
        reply = house.client.ask(operation.method, f"{path}?{query}")
    assert reply.status < 500, (path, fields, reply.body)


def _fields(kind: Any) -> Any:
    import msgspec

    return msgspec.structs.fields(kind)


def _word(value: Any) -> Any:
    text = str(value).encode("utf-8", "replace").decode()
    return [text, text] if isinstance(value, list) else text
