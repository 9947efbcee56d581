"""`timed`: how long a piece of the program takes, as a metric in seconds."""

from __future__ import annotations

import functools
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    Record = Callable[[str, object, Mapping[str, object] | None], None]

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Started(NamedTuple):
    """One block that has been entered and not yet left; those around it hang on `outer`."""

    owner: Timed
    at_s: float
    outer: _Started | None


# Tasks that take turns on one thread have a context each, so their blocks do not get mixed up.
_open: ContextVar[_Started | None] = ContextVar("tocsin_timed_blocks", default=None)


class Timed:
    """A decorator for plain and async functions, and a context manager; both may be nested and re-entered.

    What raises is timed too, and its exception passes. A generator function is timed only until it returns its
    generator.

    Args:
        name: the metric that gets the seconds.
        record: takes the readings.
        labels: the labels of the metric.
    """

    __slots__ = ("_labels", "_name", "_record")

    def __init__(self, name: str, record: Record, labels: Mapping[str, object] | None = None) -> None:
        self._name = name
        self._record = record
        self._labels = labels

    def __enter__(self) -> None:
        _open.set(_Started(self, time.perf_counter(), _open.get()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_s = time.perf_counter()
        started = _innermost(_open.get(), self)
        if started is None:
            return  # entered in another context, as a generator can do: its start is not to be known here
        _open.set(_without(_open.get(), started))
        self._record(self._name, end_s - started.at_s, self._labels)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Time each call of a function."""
        import inspect  # noqa: PLC0415 - dear to import, and not everybody decorates

        if inspect.iscoroutinefunction(function):
            return cast("Callable[_P, _R]", self._timed_async(function))

        @functools.wraps(function)
        def timed_call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            start_s = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._record(self._name, time.perf_counter() - start_s, self._labels)

        return timed_call

    def _timed_async(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def timed_call(*args: Any, **kwargs: Any) -> Any:
            start_s = time.perf_counter()
            try:
                return await function(*args, **kwargs)
            finally:
                self._record(self._name, time.perf_counter() - start_s, self._labels)

        return timed_call


def timed(name: str, record: Record, labels: Mapping[str, object] | None = None) -> Timed:
    """A `Timed` for a block (used by `with`) or for each call of a function (used as decorator)."""
    return Timed(name, record, labels)


def _innermost(block: _Started | None, owner: Timed) -> _Started | None:
    while block is not None and block.owner is not owner:
        block = block.outer
    return block


def _without(block: _Started | None, gone: _Started) -> _Started | None:
    """The same blocks but one; almost always it is the innermost."""
    if block is None or block is gone:
        return gone.outer
    return block._replace(outer=_without(block.outer, gone))
