"""Functions that rules call: whatever they do, the caller comes back in time and says what became of it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.model.alert import PerformanceAlert
from tocsin.model.levels import AlertSeverity
from tocsin.system.acting.calls import ActionFailed, Calls, find
from tocsin.system.acting.ceilings import Ceilings, Guard, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALERT = PerformanceAlert("t", "m", AlertSeverity.WARNING)


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """A module of the program's."""
    found = ModuleType("acting_functions")
    sys.modules[found.__name__] = found
    yield found
    del sys.modules[found.__name__]


def a_guard(deadline_s: float = 20.0, *, growth_bytes: int = 10**12, ending: threading.Event | None = None) -> Guard:
    limits = Limits(growth_bytes=growth_bytes)
    return Guard(Ceilings(limits, dict, None), ending or threading.Event(), deadline_s)


def call(
    module: ModuleType, function: Callable[[Any], Any], guard: Guard | None = None, calls: Calls | None = None
) -> str:
    module.f = function  # type: ignore[attr-defined]
    return (calls or Calls()).call("acting_functions.f", ALERT, guard or a_guard())


def test_a_function_is_called_with_the_alert_on_a_thread_of_its_own(module: ModuleType) -> None:
    seen: list[Any] = []
    assert call(module, lambda alert: seen.extend((alert, threading.current_thread().name))) == "it returned"
    assert seen == [ALERT, "tocsin-call"]


def test_a_coroutine_is_run(module: ModuleType) -> None:
    seen: list[str] = []

    async def on_alert(alert: PerformanceAlert) -> None:
        await asyncio.sleep(0)
        seen.append(alert.title)

    assert call(module, on_alert) == "it returned"
    assert seen == ["t"]


class _Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("no"), "ValueError: no"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (MemoryError(), "MemoryError"),
        (_Odd(), "_Odd: its text cannot be shown"),
        (ValueError("x" * 999), "ValueError: xxx"),
    ],
)
def test_what_it_raises_is_the_outcome(module: ModuleType, error: BaseException, words: str) -> None:
    def on_alert(alert: PerformanceAlert) -> None:
        raise error

    with pytest.raises(ActionFailed) as caught:
        call(module, on_alert)
    assert str(caught.value).startswith(words)
    assert len(str(caught.value)) <= 300


def test_one_that_hangs_in_python_is_stopped(module: ModuleType) -> None:
    stopped = threading.Event()

    def on_alert(alert: PerformanceAlert) -> None:
        try:
            while True:
                try:
                    pass
                except Exception:  # noqa: BLE001, S112 - it holds on to life
                    continue
        finally:
            stopped.set()

    with pytest.raises(ActionFailed, match=r"it took more than 100 ms; it was stopped"):
        call(module, on_alert, a_guard(0.1))
    assert stopped.wait(10.0)


def test_one_that_hangs_elsewhere_is_left_behind_and_not_called_again_until_it_ends(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.system.acting.calls.GRACE_S", 0.05)
    release = threading.Event()
    calls = Calls()
    with pytest.raises(ActionFailed, match="its thread is left behind"):
        call(module, lambda _: release.wait(60.0), a_guard(0.1), calls)
    with pytest.raises(ActionFailed, match="its last call still hangs"):
        call(module, lambda _: None, a_guard(), calls)
    release.set()
    for thread in threading.enumerate():
        if thread.name == "tocsin-call":
            thread.join(10.0)
    assert call(module, lambda _: None, a_guard(), calls) == "it returned"


def test_one_that_allocates_without_end_is_stopped(module: ModuleType) -> None:
    kept: list[bytearray] = []

    def on_alert(alert: PerformanceAlert) -> None:
        while True:
            kept.append(bytearray(b"x" * 1_000_000))

    with pytest.raises(ActionFailed, match=r"of memory, more than 50 MB; it was stopped"):
        call(module, on_alert, a_guard(growth_bytes=50_000_000))
    kept.clear()


def test_the_end_of_the_watch_stops_it(module: ModuleType) -> None:
    ending = threading.Event()

    def on_alert(alert: PerformanceAlert) -> None:
        ending.set()
        while True:
            pass

    with pytest.raises(ActionFailed, match="the watch of this program ended"):
        call(module, on_alert, a_guard(ending=ending))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_one_that_forks_comes_back_once_and_its_child_ends(module: ModuleType) -> None:
    read, write = os.pipe()

    def on_alert(alert: PerformanceAlert) -> None:
        if os.fork() == 0:
            os.write(write, str(os.getpid()).encode())

    assert call(module, on_alert) == "it returned"
    child = int(os.read(read, 20))
    assert child != os.getpid()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(read)
    os.close(write)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("no_such_module.f", "there is no module 'no_such_module'"),
        ("acting_functions.g", "acting_functions has no function 'g'"),
        ("acting_functions.value", "acting_functions has no function 'value'"),
        ("acting_functions.Bell.no", "acting_functions has no function 'Bell.no'"),
        ("json.no_such_part.f", "json has no function 'no_such_part.f'"),
    ],
)
def test_a_function_that_is_not_there_is_said_so(module: ModuleType, function: str, words: str) -> None:
    module.value = 5  # type: ignore[attr-defined]
    with pytest.raises(ActionFailed, match=words):
        find(function)


def test_a_module_that_cannot_be_imported_is_said_so(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_one.py").write_text("import no_such_thing_at_all")
    (tmp_path / "broken_two.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ActionFailed, match=r"broken_one cannot be imported: ModuleNotFoundError: .*no_such_thing_at_all"
    ):
        find("broken_one.f")
    with pytest.raises(ActionFailed, match="broken_two cannot be imported: ZeroDivisionError"):
        find("broken_two.f")


def test_a_method_and_a_module_in_a_package_are_found() -> None:
    assert find("os.path.join").__name__ == "join"
    assert find("email.message.Message.as_string").__name__ == "as_string"
