"""A channel made of a function."""

from __future__ import annotations

import asyncio
import functools

import pytest

from tocsin import AlertChannel, AlertSeverity, PerformanceAlert
from tocsin.channels.function import FunctionChannel

ALERT = PerformanceAlert("t", "m", AlertSeverity.INFO)


def tell(_: PerformanceAlert) -> None:
    """Do nothing."""


class Bell:
    def __call__(self, alert: PerformanceAlert) -> None: ...


def test_a_plain_function_is_called_with_the_alert() -> None:
    heard: list[PerformanceAlert] = []
    asyncio.run(FunctionChannel(heard.append).send_alert(ALERT))
    assert heard == [ALERT]


def test_what_an_async_function_returns_is_awaited() -> None:
    heard: list[PerformanceAlert] = []

    async def hear(alert: PerformanceAlert) -> None:
        await asyncio.sleep(0)
        heard.append(alert)

    asyncio.run(FunctionChannel(hear).send_alert(ALERT))
    assert heard == [ALERT]


def test_what_it_raises_is_the_failure_of_the_delivery() -> None:
    def fail(_: PerformanceAlert) -> None:
        raise OSError("down")

    with pytest.raises(OSError, match="down"):
        asyncio.run(FunctionChannel(fail).send_alert(ALERT))


@pytest.mark.parametrize(
    ("fn", "name"),
    [(tell, "tell"), (lambda _: None, "lambda"), (functools.partial(tell), "tell"), (Bell(), "Bell"), (print, "print")],
)
def test_it_bears_the_name_of_what_it_calls(fn: object, name: str) -> None:
    assert FunctionChannel(fn).name == name  # type: ignore[arg-type]


def test_channels_of_the_same_function_and_name_are_equal() -> None:
    assert FunctionChannel(tell) == FunctionChannel(tell)
    assert hash(FunctionChannel(tell)) == hash(FunctionChannel(tell))
    assert FunctionChannel(tell) != FunctionChannel(tell, "other")
    assert FunctionChannel(tell) != tell
    assert repr(FunctionChannel(tell)) == "FunctionChannel(name='tell')"


def test_it_is_a_channel() -> None:
    assert isinstance(FunctionChannel(tell), AlertChannel)
