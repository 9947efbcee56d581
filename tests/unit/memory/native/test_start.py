"""The start tests whether frames can be walked; it must say yes wherever it is called from."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def from_a_generator(begin: Callable[[], None]) -> None:
    def produce() -> Iterator[None]:
        begin()
        yield
        begin()

    list(produce())


def from_a_coroutine(begin: Callable[[], None]) -> None:
    async def inner() -> None:
        await asyncio.sleep(0)
        begin()

    async def outer() -> None:
        await asyncio.gather(inner(), inner())

    asyncio.run(outer())


def from_a_key_function(begin: Callable[[], None]) -> None:
    def key(value: int) -> int:
        begin()
        return value

    sorted([2, 1], key=key)


def from_a_class_body(begin: Callable[[], None]) -> None:
    exec("class Inner:\n    begin()", {"begin": begin})  # noqa: S102 - a frame of exec, and one of a class body


def from_a_finalizer(begin: Callable[[], None]) -> None:
    class Last:
        def __del__(self) -> None:
            begin()

    Last()


def from_a_callback_of_c(begin: Callable[[], None]) -> None:
    ctypes.CFUNCTYPE(None)(begin)()


def from_a_thread(begin: Callable[[], None]) -> None:
    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()


def from_a_thread_that_threading_does_not_know(begin: Callable[[], None]) -> None:
    import _thread

    done = threading.Event()

    def run() -> None:
        begin()
        done.set()

    _thread.start_new_thread(run, ())
    assert done.wait(60)


def from_nothing() -> None:
    """Something to trace."""


def from_a_trace_function(begin: Callable[[], None]) -> None:
    before = sys.gettrace()

    def trace(_frame: Any, _event: str, _argument: Any) -> None:
        sys.settrace(None)
        begin()

    sys.settrace(trace)
    from_nothing()
    sys.settrace(before)


def from_a_signal_handler(begin: Callable[[], None]) -> None:
    before = signal.signal(signal.SIGUSR2, lambda _number, _frame: begin())
    signal.raise_signal(signal.SIGUSR2)
    signal.signal(signal.SIGUSR2, before)


def from_a_deep_recursion(begin: Callable[[], None], depth: int = 200) -> None:
    if depth:
        from_a_deep_recursion(begin, depth - 1)
    else:
        begin()


@pytest.mark.parametrize(
    "call",
    [
        from_a_generator,
        from_a_coroutine,
        from_a_key_function,
        from_a_class_body,
        from_a_finalizer,
        from_a_callback_of_c,
        from_a_thread,
        from_a_thread_that_threading_does_not_know,
        from_a_trace_function,
        pytest.param(
            from_a_signal_handler,
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal"),
        ),
        from_a_deep_recursion,
    ],
)
def test_the_heap_can_be_sampled_wherever_the_start_is_called(
    heap: Any, call: Callable[[Callable[[], None]], None]
) -> None:
    begun = []

    def begin() -> None:
        heap.start(4096.0)
        begun.append(heap.is_active())

    call(begin)
    assert begun
    assert all(begun)
