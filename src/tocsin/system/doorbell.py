"""The command line's way to a running system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.errors import ControlError
from tocsin.system.reporting import complain

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.control import ControlServer


def open_control(program: str, status: Callable[[], dict[str, Any]]) -> ControlServer | None:
    """Open the private socket; None, and a logged reason, where that is not possible.

    Args:
        program: the name by which the command line finds it.
        status: asked for `tocsin status`, on the socket's own thread.
    """
    from tocsin.control import ControlServer  # noqa: PLC0415 - a bare system is not reached from outside

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request.get("command") == "status":
            return status()
        return {"error": f"unknown command {request.get('command')!r}; this program knows: status"}

    server = ControlServer(program, answer)
    try:
        server.start()
    except (OSError, ControlError) as error:
        complain(f"tocsin status will not reach this program: {error}")
        return None
    return server
