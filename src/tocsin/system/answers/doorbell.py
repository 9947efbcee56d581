"""The command line's way to a running system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.errors import ControlError, TocsinError
from tocsin.system.reporting import complain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.control import ControlServer


def open_control(program: str, answers: Mapping[str, Callable[[dict[str, Any]], Any]]) -> ControlServer | None:
    """Open the private socket; None, and a logged reason, where that is not possible.

    Args:
        program: the name by which the command line finds it.
        answers: by command, a function from the request to the reply, called on the socket's own thread. A mistake of
            whoever asks (ValueError) or a refusal (TocsinError) is answered in its own words.
    """
    from tocsin.control import ControlServer  # noqa: PLC0415 - a bare system is not reached from outside

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        command = request.get("command")
        known = answers.get(command) if isinstance(command, str) else None
        if known is None:
            return {"error": f"unknown command {command!r}; this program knows: {', '.join(answers)}"}
        try:
            reply: dict[str, Any] = known(request)
        except (TocsinError, ValueError) as error:
            return {"error": str(error), "kind": "wrong call" if isinstance(error, ValueError) else "refused"}
        return reply

    server = ControlServer(program, answer)
    try:
        server.start()
    except (OSError, ControlError) as error:
        complain(f"the command line will not reach this program: {error}")
        return None
    return server
