"""The page: what Tocsin knows of a program, seen and acted on in a browser. Needs the extra `web`.

`app(system)` is an ASGI application to mount in Starlette or FastAPI, and `serve(system)` a server on a thread of its
own, which answers while the program's own event loop is blocked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tocsin.system import AlertSystem
    from tocsin.web.application import Page
    from tocsin.web.server import WebServer

__all__ = ["app", "check_installed", "serve", "serve_left"]


def app(system: AlertSystem, *, token: str | None = None, hosts: Iterable[str] = ()) -> Page:
    """The page as an ASGI application; its lifespan need not be run.

    Args:
        system: what is shown; it need not be started yet.
        token: who has it may see and act; by default that of the configuration, or one that is made and kept.
        hosts: the names under which browsers call the host application, such as `shop.example`; the address on which
            it listens, and the loopback names, are known.
    Returns: the application; `link(base)` gives the address to open, with the token.
    Raises: ConfigError: if the extra is not installed, or the token is too short.
    """
    check_installed()
    return _page(system, system.config.web, token=token, hosts=hosts)


def serve(system: AlertSystem, **changes: Any) -> WebServer:
    """Serve the page on a thread of its own while the system is started; that thread begins and ends with it.

    Args:
        system: what is shown.
        **changes: of the settings in `[web]`, such as `port=0`.
    Returns: the server; `url` is the address to open, with the token, once it is started.
    Raises: ConfigError: if the extra is not installed, or a setting is wrong.
    """
    check_installed()
    from tocsin.web.server import WebServer  # noqa: PLC0415 - it loads uvicorn
    from tocsin.web.turn import Turn  # noqa: PLC0415 - as above

    web = system.config.replace(web={**system.config.web, **changes}).web
    server = WebServer(_page(system, web), web, Turn(system.config.state_dir))
    server.attach(system)
    return server


def serve_left(root: Path, **changes: Any) -> WebServer:
    """Serve what a program left in its state directory, to be looked at, on a thread of its own until `end()`.

    Args:
        root: the state directory.
        **changes: of the settings in `[web]`, such as `port=0`.
    Returns: the server, which listens if its `url` is not empty.
    Raises: ConfigError: if the extra is not installed, or a setting is wrong. StoreError: if there is no journal.
    """
    check_installed()
    import secrets  # noqa: PLC0415 - as below

    from tocsin.config import AlertConfig  # noqa: PLC0415 - as below
    from tocsin.web.application import Page  # noqa: PLC0415 - it loads Starlette
    from tocsin.web.left import Left  # noqa: PLC0415 - it loads SQLite
    from tocsin.web.server import WebServer  # noqa: PLC0415 - it loads uvicorn
    from tocsin.web.turn import Turn  # noqa: PLC0415 - as above

    web = AlertConfig(web=changes).web
    # A token of its own: the cookie of the program's page, which may act, is not to be taken for this one's.
    page = Page(Left(root), token=secrets.token_urlsafe(24), hosts=web.get("hosts", ()))
    server = WebServer(page, web, Turn(None))
    server.begin()
    return server


def _page(system: AlertSystem, web: Mapping[str, Any], *, token: str | None = None, hosts: Iterable[str] = ()) -> Page:
    from tocsin.web.application import Page  # noqa: PLC0415 - it loads Starlette
    from tocsin.web.keys import kept_token  # noqa: PLC0415 - beside the page
    from tocsin.web.subjects import Living  # noqa: PLC0415 - as above

    if token is None:
        token = web["token"].reveal() if "token" in web else kept_token(system.config.state_dir)
    return Page(Living(system), token=token, hosts=(*web.get("hosts", ()), *hosts))


def check_installed() -> None:
    """Raise ConfigError, with the command that mends it, unless the extra is installed."""
    from importlib.util import find_spec  # noqa: PLC0415 - only where the page is asked for

    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"the page needs {' and '.join(missing)}; install: pip install 'tocsin[web]'")
