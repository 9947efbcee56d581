"""What `setup.py` decides about the C extension."""

from __future__ import annotations

import runpy
import sys
import sysconfig
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tocsin.memory import hook

SETUP = Path(__file__).parents[3] / "setup.py"

HEAP = "tocsin.memory._heap"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What setuptools was asked to build; it is replaced by a stand-in."""
    found: list[Any] = []
    stand_in: Any = ModuleType("setuptools")
    stand_in.Extension = lambda name, **words: SimpleNamespace(name=name, **words)

    def setup(*, ext_modules: list[Any]) -> None:
        found.extend(ext_modules)

    stand_in.setup = setup
    monkeypatch.setitem(sys.modules, "setuptools", stand_in)
    monkeypatch.setattr(sys, "version_info", (*hook._NEWEST, 0, "final", 0))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: 0)
    monkeypatch.delenv("TOCSIN_REQUIRE_NATIVE", raising=False)
    monkeypatch.chdir(SETUP.parent)
    return found


def test_the_extension_may_fail_to_build(asked: list[Any]) -> None:
    runpy.run_path(str(SETUP))
    (extension,) = (one for one in asked if one.name == HEAP)
    assert extension.optional
    assert "src/tocsin/memory/native/hook.c" in extension.sources
    assert "src/tocsin/memory/native/hook.h" in extension.depends


@pytest.mark.parametrize(("value", "optional"), [("1", False), ("0", True), ("", True)])
def test_the_environment_can_require_it(
    asked: list[Any], monkeypatch: pytest.MonkeyPatch, value: str, *, optional: bool
) -> None:
    monkeypatch.setenv("TOCSIN_REQUIRE_NATIVE", value)
    runpy.run_path(str(SETUP))
    assert {one.optional for one in asked} == {optional}


@pytest.mark.parametrize(
    ("replaced", "reason"),
    [
        ((sys, "platform", "win32"), "Windows"),
        ((sys, "version_info", (3, hook._NEWEST[1] + 1, 0, "final", 0)), f"3.{hook._NEWEST[1] + 1}"),
        ((sys, "implementation", SimpleNamespace(name="pypy")), "pypy"),
        ((sysconfig, "get_config_var", lambda name: name == "Py_GIL_DISABLED"), "free-threaded"),
    ],
)
def test_an_interpreter_it_does_not_know_goes_without_and_says_why(
    asked: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    replaced: tuple[object, str, object],
    reason: str,
) -> None:
    monkeypatch.setattr(*replaced)
    monkeypatch.setenv("TOCSIN_REQUIRE_NATIVE", "1")
    runpy.run_path(str(SETUP))
    assert HEAP not in {one.name for one in asked}
    assert reason in capsys.readouterr().err
