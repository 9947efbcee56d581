"""Answers that may wait (for the watch thread, for the disk, for channels) are worked out off the event loop.

One thread for each kind of question, so that a day of history does not keep an acknowledgement waiting. They are
daemons that end when idle, so no exit waits for them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tocsin.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")
KINDS: Final = ("look", "history", "order", "test")
MAX_WAITING: Final = 64


class Busy(Exception):
    """More is asked than can be answered."""


class Desk:
    """Works out answers."""

    def __init__(self) -> None:
        self._workers = {
            kind: Worker[Any](f"tocsin-web-{kind}", _do, capacity=MAX_WAITING, idle_s=30.0) for kind in KINDS
        }

    async def ask(self, kind: str, question: Callable[[], Answer]) -> Answer:
        """The answer to a question, or what it raises.

        Raises: Busy: if too many questions of this kind wait.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        if not self._workers[kind].post((question, loop, future)):
            raise Busy(f"{MAX_WAITING} questions wait already")
        return await future

    def after_fork(self) -> None:
        """In the child: the parent's questions are the parent's."""
        for worker in self._workers.values():
            worker.after_fork()


def _do(job: tuple[Callable[[], Any], asyncio.AbstractEventLoop, asyncio.Future[Any]]) -> None:
    question, loop, future = job
    if future.cancelled():
        return
    answer: Any = None
    error: Exception | None = None
    try:
        answer = question()
    except Exception as caught:  # noqa: BLE001 - whoever asked is told
        error = caught

    def settle() -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(answer)

    loop.call_soon_threadsafe(settle)  # a closed loop raises, and the worker counts it
