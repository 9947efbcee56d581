from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tocsin.memory import hook

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    hook.load.cache_clear()
    yield
    hook.load.cache_clear()


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook, "find_spec", lambda name: None)


def test_a_module_comes_without_a_reason_and_a_reason_without_a_module() -> None:
    module, reason = hook.load()
    assert (module is None) == bool(reason)


@pytest.mark.usefixtures("absent")
def test_what_was_not_built_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    monkeypatch.setattr(sys, "abiflags", "", raising=False)
    assert hook.load() == (
        None,
        "it was not built when Tocsin was installed: install a C compiler and Python's headers, then Tocsin again",
    )


@pytest.mark.usefixtures("absent")
def test_each_unfit_interpreter_has_a_reason_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = []
    monkeypatch.setattr(sys, "version_info", (3, 15, 0, "final", 0))
    reasons.append(hook.load()[1])
    hook.load.cache_clear()
    monkeypatch.setattr(sys, "platform", "win32")
    reasons.append(hook.load()[1])
    hook.load.cache_clear()
    monkeypatch.setattr(sys, "abiflags", "t", raising=False)
    reasons.append(hook.load()[1])
    hook.load.cache_clear()
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name="pypy"))
    reasons.append(hook.load()[1])
    assert "this is 3.15" in reasons[0]
    assert "Windows" in reasons[1]
    assert "free-threaded" in reasons[2]
    assert "no allocators" in reasons[3]


def test_a_module_that_does_not_load_gives_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError("wrong ELF class")

    monkeypatch.setattr(hook, "find_spec", lambda name: object())
    monkeypatch.setattr(importlib, "import_module", refuse)
    module, reason = hook.load()
    assert module is None
    assert reason.endswith("does not load: wrong ELF class")
