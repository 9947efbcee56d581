"""The page as an ASGI application: the guard in front, and behind it the API, the stream, the metrics and the files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route, Router

from tocsin._names import VERSION
from tocsin.errors import ConfigError, StoreError, TocsinError
from tocsin.system.memory.document import encodable
from tocsin.system.reporting import complain
from tocsin.web import openapi, panels
from tocsin.web.desk import Busy, Desk
from tocsin.web.events import Hub
from tocsin.web.exposition.text import KIND
from tocsin.web.files import Files
from tocsin.web.guard import Guard
from tocsin.web.keys import Keys, Scope
from tocsin.web.operations import OPERATIONS, ROOT, body_of, request_of
from tocsin.web.replies import Refusal, send_body, send_refusal
from tocsin.web.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from starlette.types import Receive, Send

    from tocsin.web.operations import Operation
    from tocsin.web.subjects import Subject

    AnyScope = MutableMapping[str, Any]
    Answer = Callable[[Request], Awaitable[tuple[int, bytes, bytes]]]

_TEXT: Final = b"text/plain; charset=utf-8"
_JSON: Final = b"application/json"
_HEALTH: Final = ("/healthz/live", "/healthz/ready")


class Page:
    """The page of one program; see `tocsin.web.app`.

    Args:
        subject: whom it shows.
        token: who has it may see and act.
        hosts: names under which the page is called, besides the address on which the server listens.

    Attributes:
        keys: the secrets.
    """

    def __init__(self, subject: Subject, *, token: str, hosts: Iterable[str] = ()) -> None:
        self.keys = Keys(token)
        self.desk = Desk()
        self.hub = Hub(subject, self.desk)
        self._subject = subject
        self._answers = subject.answers()
        self._files = Files()
        routes = self._routes()
        self._paths = [(route.path_regex, frozenset(route.methods or ())) for route in routes]
        router = Router(routes, redirect_slashes=False, default=_nowhere)
        self._guard = Guard(router, self.keys, subject.clock, hosts=hosts, is_open=self._is_open, methods=self._methods)

    async def __call__(self, scope: AnyScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._guard(scope, receive, send)

    def link(self, base: str, scope: Scope = Scope.ACT) -> str:
        """The address to open.

        Args:
            base: where the page is mounted, as in `http://127.0.0.1:8000/tocsin`.
            scope: what its bearer may do.
        """
        token = self.keys.act_token if scope is Scope.ACT else self.keys.read_token
        return f"{base.rstrip('/')}/?token={token}"

    def allow(self, host: str) -> None:
        """Let browsers call the page by one more name, such as `status.example:8787`."""
        self._guard.allow(host)

    def after_fork(self) -> None:
        """In the child: nobody listens, and nothing is being answered."""
        self.desk.after_fork()
        self.hub.after_fork()

    @staticmethod
    def _is_open(path: str) -> bool:
        return path in _HEALTH or path.startswith("/static/")

    def _methods(self, path: str) -> frozenset[str]:
        fitting = [(pattern.groups, methods) for pattern, methods in self._paths if pattern.match(path)]
        nearest = min((groups for groups, _ in fitting), default=0)  # `silences/preview` is no silence of that name
        return frozenset().union(*(methods for groups, methods in fitting if groups == nearest))

    def _routes(self) -> list[Route]:
        table = [
            Route(ROOT + operation.path, _Endpoint(self._operation(operation)), methods=[operation.method])
            for operation in OPERATIONS
        ]
        looks: dict[str, Answer] = {
            f"{ROOT}/session": self._session,
            f"{ROOT}/panels": self._panels,
            f"{ROOT}/openapi.json": self._document,
            "/metrics": self._metrics,
            **dict.fromkeys(_HEALTH, self._health),
        }
        table += [Route(path, _Endpoint(answer), methods=["GET"]) for path, answer in looks.items()]
        table.append(Route(f"{ROOT}/stream", Stream(self.hub), methods=["GET"]))
        table += [Route(path, self._file, methods=["GET"]) for path in ("/", "/static/{name:path}")]
        return table

    # -- the API

    def _operation(self, operation: Operation) -> Answer:
        answer = self._answers.get(operation.command, _unanswered)

        async def answered(request: Request) -> tuple[int, bytes, bytes]:
            named = request.path_params
            if operation.method == "POST":
                asked = body_of(operation, await request.body(), named)
            else:
                query = request.query_params
                asked = request_of(operation, {name: query.getlist(name) for name in query}, named)
            return 200, _JSON, await self.desk.ask(operation.kind, lambda: _encoded(answer(asked)))

        return answered

    async def _session(self, request: Request) -> tuple[int, bytes, bytes]:
        state = request.scope["state"]
        session = state["session"]
        found = {
            "program": self._subject.program,
            "version": VERSION,
            "may": state["tocsin"].name.lower(),
            "csrf": self.keys.csrf_of(session) if session else "",
            **await self.desk.ask("look", self._subject.facts),
        }
        return 200, _JSON, msgspec.json.encode(found)

    async def _panels(self, _: Request) -> tuple[int, bytes, bytes]:
        return 200, _JSON, msgspec.json.encode(panels.as_plain())

    async def _document(self, request: Request) -> tuple[int, bytes, bytes]:
        root = request.scope.get("root_path", "").rstrip("/")
        return 200, _JSON, msgspec.json.encode(openapi.document(VERSION, self.keys.cookie, root))

    # -- for programs that look after programs

    async def _metrics(self, _: Request) -> tuple[int, bytes, bytes]:
        return 200, KIND, await self.desk.ask("look", lambda: self._subject.exposition(VERSION))

    async def _health(self, request: Request) -> tuple[int, bytes, bytes]:
        kind = request.scope["path"].rpartition("/")[2]
        # At once, and at no desk: that other questions wait, or hang, is no reason to restart the program.
        fit = self._subject.health()[kind]["ok"]
        return (200, _TEXT, b"ok\n") if fit else (503, _TEXT, b"bad\n")

    # -- files

    async def _file(self, request: Request) -> _FileReply:
        first = "index.html" if self._files.is_whole() else "bare.html"
        return _FileReply(self._files, request.path_params.get("name", first))


class _FileReply:
    """A file of the page, as an ASGI application."""

    def __init__(self, files: Files, name: str) -> None:
        self._found = files.get(name)
        self._name = name

    async def __call__(self, scope: AnyScope, receive: Receive, send: Send) -> None:
        if self._found is None:
            await _nowhere(scope, receive, send)
            return
        headers = dict(scope["headers"])
        fixed = [(b"cache-control", b"no-cache"), (b"etag", self._found.mark), (b"vary", b"accept-encoding")]
        if headers.get(b"if-none-match") == self._found.mark:
            await send({"type": "http.response.start", "status": 304, "headers": fixed})
            await send({"type": "http.response.body", "body": b""})
            return
        body = self._found.plain
        if _takes_gzip(scope):
            body = self._found.packed
            fixed.append((b"content-encoding", b"gzip"))
        await send_body(send, 200, body, kind=self._found.kind, headers=fixed, head=scope["method"] == "HEAD")


class _Endpoint:
    """Turns an answer into an ASGI application, and what goes wrong into words."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def __call__(self, scope: AnyScope, receive: Receive, send: Send) -> None:
        head = scope["method"] == "HEAD"
        try:
            status, kind, body = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - an edge: whoever asks is told, and the server goes on
            await send_refusal(send, _refusal_of(error), head=head)
            return
        await send_body(send, status, body, kind=kind, head=head, gzips=_takes_gzip(scope))


def _refusal_of(error: Exception) -> Refusal:
    match error:
        case Refusal():
            return error
        case Busy():
            return Refusal(503, str(error), headers=[(b"retry-after", b"2")])
        case TocsinError() if isinstance(error, LookupError):
            return Refusal(404, str(error))
        case ConfigError() | ValueError() | msgspec.MsgspecError():
            return Refusal(400, str(error))
        case TocsinError():
            return Refusal(409, str(error))
        case _ if type(error).__module__ == "sqlite3":  # not every Python has it
            return Refusal(409, f"the journal cannot be read just now: {error}")
    complain("the page could not answer", error=error)
    return Refusal(500, f"this went wrong inside Tocsin: {type(error).__name__}; its log says more")


def _unanswered(_: dict[str, Any]) -> Any:
    raise StoreError("this is what a program left, to be looked at: nothing can be ordered or tried here")


def _encoded(answer: Any) -> bytes:
    try:
        return msgspec.json.encode(answer)
    except (UnicodeEncodeError, ValueError):  # a file name that is no text
        return msgspec.json.encode(encodable(answer))


def _takes_gzip(scope: AnyScope) -> bool:
    return any(key.lower() == b"accept-encoding" and b"gzip" in value.lower() for key, value in scope["headers"])


async def _nowhere(scope: AnyScope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - of ASGI
    await send_refusal(send, Refusal(404, "there is no such page"), head=scope["method"] == "HEAD")
