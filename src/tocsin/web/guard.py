"""Who is let in, and with what: every request goes through here before anything else sees it.

| what is asked of a request          | why                                                                          |
|-------------------------------------|------------------------------------------------------------------------------|
| a Host that is ours, exactly        | a foreign name that resolves to this machine (DNS rebinding) gets no answer  |
| not from a foreign page              | what such a page makes a browser ask tells it nothing, and costs us nothing  |
| a token or a session, also from here| other users and programs of this machine are not the person who started it   |
| for a write: our own Origin, a mark | a foreign page in the same browser cannot make it act (CSRF)                 |
| a small body, sent in time          | a large or slow one must not cost the program its memory                     |
| not too often                       | nor its CPU                                                                  |
"""

from __future__ import annotations

import asyncio
import math
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from tocsin.config.web import is_loopback
from tocsin.web.keys import SESSION_S, Scope
from tocsin.web.rates import Rates
from tocsin.web.replies import Refusal, send_refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping
    from collections.abc import Set as AbstractSet

    from tocsin.clock import Clock
    from tocsin.web.keys import Keys

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MAX_BODY: Final = 64 * 1024
MAX_FIELDS: Final = 100
BODY_WITHIN_S: Final = 10.0
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_READS: Final = frozenset({"GET", "HEAD"})
_WRITES: Final = frozenset({"POST", "DELETE"})
HEADERS: Final = (
    (b"content-security-policy",
     b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)  # fmt: skip


class Guard:
    """Lets requests through to the application that stands behind it.

    Args:
        inner: the application. What it finds in `scope["state"]`: `scope` (what the visitor may do) and `session`.
        keys: the secrets.
        clock: for sessions and rates.
        hosts: further names under which the page is called.
        is_open: whether a path below the page is for everybody: its health and its own code, which tell nothing.
        methods: what a path below the page answers; nothing where there is no such path.
    """

    def __init__(
        self,
        inner: Application,
        keys: Keys,
        clock: Clock,
        *,
        hosts: Iterable[str],
        is_open: Callable[[str], bool],
        methods: Callable[[str], AbstractSet[str]],
    ) -> None:
        self._inner = inner
        self._keys = keys
        self._clock = clock
        self._hosts = {one.lower() for one in hosts}
        self._is_open = is_open
        self._methods = methods
        self._asks = Rates(50.0, 400.0)
        self._orders = Rates(2.0, 30.0)
        self._failures = Rates(0.2, 10.0)

    def allow(self, host: str) -> None:
        """Know one more name under which the page is called."""
        self._hosts.add(host.lower())

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request = _Request(scope)
        guarded = _with_headers(send, request)
        try:
            session = self._let_in(request)
            bounded = _bounded(receive, request)
        except Refusal as refusal:
            await send_refusal(guarded, refusal, head=request.method == "HEAD")
            return
        state = {**scope.get("state", {}), "tocsin": request.may, "session": session}
        # The router is to see the very path that was judged here.
        await self._inner({**scope, "state": state, "path": request.root + request.path}, bounded, guarded)

    def _let_in(self, request: _Request) -> str:
        """The session of whoever asks; empty where there is none. Raises Refusal."""
        self._check_host(request)
        self._check_place(request)
        if request.method in _READS and self._is_open(request.path):
            if request.path.startswith("/static/"):  # a probe of the program's health is never turned away
                self._count(self._asks, request.peer)
            return ""
        if request.method in _READS and request.path == "/" and "token" in request.query:
            self._trade(request)
        session = self._identify(request)
        self._count(self._asks, session or request.peer)
        self._check_method(request)
        if request.method in _WRITES:
            self._check_write(request, session)
            self._count(self._orders, session or request.peer)
        return session

    def _check_method(self, request: _Request) -> None:
        known = self._methods(request.path)
        if request.method not in (known or _READS | _WRITES):
            allowed = ", ".join(sorted(known or _READS))
            raise Refusal(405, f"{request.method[:20]} is not answered here", headers=[(b"allow", allowed.encode())])

    def _check_host(self, request: _Request) -> None:
        hosts = request.all(b"host")
        if len(hosts) == 1 and hosts[0].lower() in self._hosts | request.own_names():
            return
        raise Refusal(421, 'this address is not one of the page\'s; name it in the configuration: [web] hosts = ["…"]')

    @staticmethod
    def _check_place(request: _Request) -> None:
        """Browsers say whether it was another page that made them ask. A link to this one may stand anywhere."""
        if request.is_from_elsewhere and not (request.path == "/" and request.first(b"sec-fetch-mode") == "navigate"):
            raise Refusal(403, "this was asked by a page of another origin")

    def _trade(self, request: _Request) -> None:
        """The token of the link for a cookie; then the address without it. Always raises Refusal."""
        scope = self._keys.scope_of_token(request.query["token"])
        if scope is None:
            self._refuse_stranger(request)
        session = self._keys.new_session(scope or Scope.READ, self._clock.now().utc.timestamp())
        secure = "; Secure" if request.scheme == "https" else ""
        cookie = (
            f"{self._keys.cookie}={session}; Path={request.root or '/'}; Max-Age={SESSION_S:.0f}; HttpOnly; "
            f"SameSite=Strict{secure}"
        )
        headers = [(b"set-cookie", cookie.encode())]
        if request.is_from_elsewhere:
            # Behind a link on a foreign page, a browser would follow a redirect without the cookie it was just given.
            onward = (b"refresh", f"0; url={request.root}/".encode())
            raise Refusal(200, "", headers=[onward, *headers], page=True)
        raise Refusal(303, "", headers=[(b"location", f"{request.root}/".encode()), *headers])

    def _identify(self, request: _Request) -> str:
        """Find out who asks, and what they may do. Raises Refusal."""
        for given in request.all(b"authorization"):
            kind, _, token = given.partition(" ")
            request.may = self._keys.scope_of_token(token.strip()) if kind.lower() == "bearer" else None
            if request.may is None:
                self._refuse_stranger(request)
            return ""
        session = request.cookie(self._keys.cookie)
        if session:
            request.may = self._keys.scope_of_session(session, self._clock.now().utc.timestamp())
        if request.may is None:
            self._refuse_stranger(request)
        return session

    def _check_write(self, request: _Request, session: str) -> None:
        origins = request.all(b"origin")
        host = request.all(b"host")[0].lower()
        own = all(origin.lower() in {f"http://{host}", f"https://{host}"} for origin in origins)
        if not own or (session and not origins):
            raise Refusal(403, "this was not sent by the page itself: its Origin is another one, or missing")
        if session and not self._keys.is_csrf(session, request.first(b"x-csrf-token")):
            raise Refusal(403, "the header X-CSRF-Token is missing or wrong; GET api/v1/session gives it")
        if request.may is not Scope.ACT:
            raise Refusal(403, "this link is for looking only; the other one, which may act, is printed beside it")
        kinds = {kind.partition(";")[0].strip().lower() for kind in request.all(b"content-type")}
        if request.method == "POST" and kinds != {"application/json"}:
            raise Refusal(415, f"found Content-Type {', '.join(sorted(kinds)) or 'none'}, expected application/json")

    def _refuse_stranger(self, request: _Request) -> None:
        """Always raises Refusal. Whoever has the right token is never kept waiting by those who guess."""
        self._count(self._failures, request.peer)
        words = "open the link that was printed when the page was started; `tocsin web` prints it again"
        raise Refusal(401, words, headers=[(b"www-authenticate", b"Bearer")], page=request.path == "/")

    def _count(self, rates: Rates, who: str) -> None:
        wait_s = rates.wait_s(who, self._clock.now().mono_s)
        if wait_s:
            seconds = str(math.ceil(wait_s))
            raise Refusal(429, f"too often; try again in {seconds} s", headers=[(b"retry-after", seconds.encode())])


class _Request:
    """What the guard looks at of a request."""

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self.method: str = scope["method"]
        self.scheme: str = scope.get("scheme", "http")
        self.root: str = scope.get("root_path", "").rstrip("/")
        self.path = _below(self.root, scope["path"])
        self.may: Scope | None = None
        self._scope = scope
        client = scope.get("client")
        self.peer: str = client[0] if client else ""

    @property
    def query(self) -> dict[str, str]:
        """The last value of each parameter. Raises Refusal where there are very many."""
        text = self._scope.get("query_string", b"").decode("latin-1")
        try:
            return {name: values[-1] for name, values in parse_qs(text, max_num_fields=MAX_FIELDS).items()}
        except ValueError:
            raise Refusal(400, f"more than {MAX_FIELDS} parameters in the address") from None

    def all(self, name: bytes) -> list[str]:
        """Every header of a name."""
        return [value.decode("latin-1").strip() for key, value in self._scope["headers"] if key.lower() == name]

    def first(self, name: bytes) -> str:
        """The first header of a name; empty without one."""
        return next(iter(self.all(name)), "")

    def cookie(self, name: str) -> str:
        """A cookie; empty without it."""
        for header in self.all(b"cookie"):
            try:
                found = SimpleCookie(header).get(name)
            except CookieError:
                continue
            if found is not None:
                return str(found.value)
        return ""

    @property
    def is_from_elsewhere(self) -> bool:
        """Whether a browser says that a page of another origin made it ask; another port is another origin."""
        return self.first(b"sec-fetch-site").lower() in {"cross-site", "same-site"}

    def own_names(self) -> set[str]:
        """How this very connection may name us: by the address it came to, and on loopback by its names."""
        server = self._scope.get("server")
        if not server:
            return set()
        address, port = str(server[0]), server[1]
        names = {f"[{address}]" if ":" in address else address}
        if is_loopback(address):
            names |= set(LOOPBACK_NAMES)
        bare = names if port in {None, _USUAL_PORTS.get(self.scheme)} else set()
        return {f"{name}:{port}" for name in names} | bare


def _below(root: str, path: str) -> str:
    """The path within the page.

    Where an application was told by hand at which path a proxy shows it, the front part of the root does not stand in
    the path: it is the proxy that took it away.
    """
    while root:
        if path == root or path.startswith(f"{root}/"):
            return path[len(root) :] or "/"
        _, stroke, rest = root[1:].partition("/")
        root = stroke + rest
    return path or "/"


def _bounded(receive: Receive, request: _Request) -> Receive:
    """The body, as long as it is small and comes in time. Raises Refusal at once where its length is told."""
    told = request.first(b"content-length")
    if told and request.first(b"transfer-encoding"):
        raise Refusal(400, "the length of the body is told in two ways", close=True)
    if told and (not told.isdigit() or int(told) > MAX_BODY):
        raise Refusal(413, f"a body of {told[:20]} bytes; at most {MAX_BODY} are taken", close=True)
    if request.method in _READS:
        return receive
    seen = 0
    until_s = asyncio.get_running_loop().time() + BODY_WITHIN_S

    async def bounded() -> Message:
        nonlocal seen
        try:
            async with asyncio.timeout_at(until_s):
                message = await receive()
        except TimeoutError:
            raise Refusal(408, f"the body did not come within {BODY_WITHIN_S:g} s", close=True) from None
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            raise Refusal(413, f"a body of more than {MAX_BODY} bytes", close=True)
        return message

    return bounded


def _with_headers(send: Send, request: _Request) -> Send:
    """Put what browsers are told about safety on every answer."""
    further = list(HEADERS)
    if request.scheme == "https":
        further.append((b"strict-transport-security", b"max-age=31536000"))

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *further]}
        await send(message)

    return guarded


async def _live(receive: Receive, send: Send) -> None:
    """Nothing is to be begun or ended; a server that asks is answered."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
