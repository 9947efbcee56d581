"""The page inside of somebody else's application: real Starlette and FastAPI, on a real server, without a lifespan."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import threading
from contextlib import asynccontextmanager, closing
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from tocsin.testing import system_for_tests
from tocsin.web import app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tocsin.system import AlertSystem

TOKEN = "a-token-of-the-tests"
ENOUGH_S = 20.0


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """That of the application; nobody hands it on to what is mounted."""
    yield


async def hello(request: Any) -> JSONResponse:
    return JSONResponse({"hello": sorted(request.cookies)})


def starlette(page: Any) -> Any:
    return Starlette(routes=[Route("/hello", hello), Mount("/tocsin", page)], lifespan=lifespan)


def fastapi(page: Any, **options: Any) -> Any:
    if find_spec("fastapi") is None:
        pytest.skip("FastAPI is not installed: pip install fastapi")
    made = import_module("fastapi").FastAPI(lifespan=lifespan, **options)
    made.add_route("/hello", hello)
    made.mount("/tocsin", page)
    return made


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Host:
    """An application on a server, and a browser that goes to it.

    Args:
        application: as it is served.
        at: where the browser finds its root; a proxy before it takes that away.
    """

    def __init__(self, application: Any, *, at: str = "") -> None:
        self.at = at
        self.cookie = ""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        config = uvicorn.Config(application, log_config=None, lifespan="on")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[self._socket])), daemon=True
        )
        self._thread.start()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=ENOUGH_S)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        with closing(self.connect()) as connection:
            own = {"Cookie": self.cookie} if self.cookie else {}
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, None if body is None else json.dumps(body), {**own, **named})
            with connection.getresponse() as reply:
                return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())

    def end(self) -> None:
        self._server.should_exit = True
        self._thread.join(ENOUGH_S)
        self._socket.close()


@pytest.fixture
def system() -> Iterator[AlertSystem]:
    made, _ = system_for_tests()
    yield made
    made.stop()


@pytest.fixture(params=[starlette, fastapi])
def host(request: pytest.FixtureRequest, system: AlertSystem) -> Iterator[Host]:
    found = Host(request.param(app(system, token=TOKEN)))
    yield found
    found.end()


def opened(host: Host) -> Host:
    """The same, after the link was opened."""
    reply = host.ask("GET", f"/tocsin/?token={TOKEN}")
    assert (reply.status, reply.headers["location"]) == (303, f"{host.at}/tocsin/")
    host.cookie = reply.headers["set-cookie"].partition(";")[0]
    assert f"; Path={host.at}/tocsin;" in reply.headers["set-cookie"]
    return host


def test_the_link_without_its_last_stroke_leads_there_too(host: Host) -> None:
    reply = host.ask("GET", f"/tocsin?token={TOKEN}")
    assert reply.status == 307
    assert reply.headers["location"].endswith(f"/tocsin/?token={TOKEN}")


def test_every_address_on_the_page_is_below_its_own(host: Host) -> None:
    found = opened(host).ask("GET", "/tocsin/").body.decode()
    addresses = re.findall(r'(?:src|href)="([^"#]+)"', found)
    assert addresses
    for address in addresses:
        assert not address.startswith(("/", "http")), address
        assert host.ask("GET", f"/tocsin/{address}").status == 200
    assert host.ask("GET", "/tocsin/nowhere").status == 404
    assert host.ask("GET", "/static/style.css").status == 404


def test_the_cookie_is_for_the_page_and_its_mark_for_writes(host: Host, system: AlertSystem) -> None:
    opened(host)
    session = json.loads(host.ask("GET", "/tocsin/api/v1/session").body)
    assert session["may"] == "act"
    order = {"matchers": ["rule=x"], "for_s": 60}
    own = {"Content_Type": "application/json", "Origin": f"http://127.0.0.1:{host.port}"}
    path = "/tocsin/api/v1/silences"
    assert host.ask("POST", path, order, **own).status == 403
    assert (
        host.ask("POST", path, order, **{**own, "Origin": "http://evil.example"}, X_CSRF_Token=session["csrf"]).status
        == 403
    )
    assert system.silences() == []
    assert host.ask("POST", path, order, **own, X_CSRF_Token=session["csrf"]).status == 200
    assert len(system.silences()) == 1


def test_what_is_asked_without_a_token_or_by_another_name_is_refused(host: Host) -> None:
    assert host.ask("GET", "/tocsin/api/v1/status").status == 401
    opened(host)
    for path in ("/tocsin/", "/tocsin/api/v1/status", "/tocsin/healthz/live", "/tocsin/static/style.css"):
        assert host.ask("GET", path, Host="evil.example").status == 421
    assert json.loads(host.ask("GET", "/hello", Host="evil.example").body)["hello"], "the application is left alone"


def test_the_stream_tells_of_an_alert(host: Host, system: AlertSystem) -> None:
    opened(host)
    with closing(host.connect()) as connection:
        connection.request("GET", "/tocsin/api/v1/stream", headers={"Cookie": host.cookie})
        with connection.getresponse() as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            lines: list[bytes] = []
            while b'"title":"now"' not in (lines[-1] if lines else b""):
                lines.append(reply.readline())
                assert lines[-1], "the stream ended"
                if lines[-1] == b"event: hello\n":
                    threading.Thread(target=lambda: (system.emit("now", "m", "critical", "s"), system.flush())).start()


@pytest.mark.filterwarnings("ignore:The .root_path. parameter is deprecated")  # there are still those who say it so
@pytest.mark.parametrize("how", ["told by the application", "told by the server"])
def test_behind_a_proxy_that_takes_a_prefix_away_it_is_found_below_it(system: AlertSystem, how: str) -> None:
    page = app(system, token=TOKEN)
    application = fastapi(page, root_path="/shop") if how == "told by the application" else fastapi(page)

    async def as_told(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and how == "told by the server":
            scope = {**scope, "root_path": "/shop", "path": f"/shop{scope['path']}"}
        await application(scope, receive, send)

    host = Host(as_told, at="/shop")
    try:
        opened(host)
        assert json.loads(host.ask("GET", "/tocsin/api/v1/session").body)["may"] == "act"
        assert host.ask("GET", "/tocsin/static/style.css").status == 200
        host.cookie = ""
        assert host.ask("GET", "/tocsin/healthz/live").status == 200
        assert host.ask("GET", "/tocsin/api/v1/session").status == 401
    finally:
        host.end()
