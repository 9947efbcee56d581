"""Which part of the program a stack belongs to."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from tocsin.memory.components import UNKNOWN, Components, ModuleNames, fits
from tocsin.model.memory import Frame

STANDARD = Frame(json.__file__, 299, "load")
INSTALLED = Frame(str(Path(sysconfig.get_paths()["purelib"], "pydantic", "main.py")), 175, "BaseModel.__init__")


def loaded(monkeypatch: pytest.MonkeyPatch, name: str, file: str) -> Frame:
    module = ModuleType(name)
    module.__file__ = file
    monkeypatch.setitem(sys.modules, name, module)
    return Frame(file, 1, "f")


def test_a_configured_module_and_all_below_it_are_the_component(monkeypatch: pytest.MonkeyPatch) -> None:
    components = Components({"session-cache": ["app.sessions"]})
    sessions = loaded(monkeypatch, "app.sessions", "/srv/app/sessions/__init__.py")
    store = loaded(monkeypatch, "app.sessions.store", "/srv/app/sessions/store.py")
    other = loaded(monkeypatch, "app.sessionless", "/srv/app/sessionless.py")
    assert [components.of((STANDARD, frame)) for frame in (sessions, store, other)] == [
        "session-cache",
        "session-cache",
        "app",
    ]


def test_the_innermost_configured_module_decides_and_library_code_may_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    components = Components({"models": ["pydantic"], "orders": ["app.orders"]})
    orders = loaded(monkeypatch, "app.orders", "/srv/app/orders.py")
    pydantic = loaded(monkeypatch, "pydantic.main", INSTALLED.file)
    assert components.of((STANDARD, pydantic, orders)) == "models"
    assert components.of((STANDARD, orders, pydantic)) == "orders"


def test_a_single_pattern_needs_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = loaded(monkeypatch, "app.sessions", "/srv/app/sessions.py")
    assert Components({"session-cache": "app.sessions"}).of((sessions,)) == "session-cache"


def test_the_longer_of_two_patterns_says_more(monkeypatch: pytest.MonkeyPatch) -> None:
    components = Components({"app": ["app"], "cache": ["app.cache.*"]})
    assert components.of((loaded(monkeypatch, "app.cache.lru", "/srv/app/cache/lru.py"),)) == "cache"
    assert components.of((loaded(monkeypatch, "app.cache", "/srv/app/cache/__init__.py"),)) == "app"


def test_without_configuration_it_is_the_top_package_of_the_first_own_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    own = loaded(monkeypatch, "shop.orders.price", "/srv/shop/orders/price.py")
    assert Components().of((STANDARD, INSTALLED, own)) == "shop"


def test_library_code_that_nobody_of_ours_called_has_its_own_package(monkeypatch: pytest.MonkeyPatch) -> None:
    pydantic = loaded(monkeypatch, "pydantic.main", INSTALLED.file)
    assert Components().of((STANDARD, pydantic)) == "pydantic"
    assert Components().of((STANDARD,)) == "json"


@pytest.mark.parametrize("first", ["", "import multiprocessing\n"])  # it knows the script by one more name
def test_a_script_is_known_by_its_name(tmp_path: Path, first: str) -> None:
    script = tmp_path / "nightly_job.py"
    script.write_text(
        f"{first}from tocsin.memory.components import Components\n"
        "from tocsin.model.memory import Frame\n"
        "here = (Frame(__file__, 1, 'f'),)\n"
        "print(Components().of(here), Components({'x': ['__main__']}).of(here))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["nightly_job", "x"]


def test_a_package_that_is_run_has_the_name_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    main.__file__ = "/srv/shop/__main__.py"
    main.__spec__ = ModuleSpec("shop.__main__", None)
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert Components().of((Frame("/srv/shop/__main__.py", 1, "f"),)) == "shop"


def test_a_file_that_is_not_loaded_is_named_by_sys_path_or_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    names = ModuleNames()
    assert names.of(str(tmp_path / "shop" / "orders" / "__init__.py")) == "shop.orders"
    assert names.of("/nowhere/of/sys-path/plugin.py") == "plugin"


def test_code_without_a_file_is_of_the_main_program_and_frozen_code_of_its_module() -> None:
    names = ModuleNames()
    assert [names.of("<string>"), names.of("<stdin>")] == ["__main__", "__main__"]
    assert names.of("<frozen importlib._bootstrap>") == "importlib._bootstrap"


def test_no_stack_has_a_component_of_its_own() -> None:
    assert Components({"a": ["*"]}).of(()) == UNKNOWN


def test_strange_things_in_sys_modules_are_passed_over_and_lazy_ones_stay_unloaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Lazy(ModuleType):
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(f"loaded by {name}")

    monkeypatch.setitem(sys.modules, "lazy_one", Lazy("lazy_one"))
    monkeypatch.setitem(sys.modules, "no_module", 7)
    assert ModuleNames().of("/nowhere/plugin.py") == "plugin"


@pytest.mark.parametrize(
    ("module", "pattern", "meant"),
    [
        ("app", "app", True),
        ("app.cache", "app", True),
        ("apple", "app", False),
        ("app.cache.lru", "app.cache.*", True),
        ("app.cache", "app.cache.*", False),
        ("app.eu.cache", "app.*.cache", True),
    ],
)
def test_a_pattern_means_modules(module: str, pattern: str, meant: bool) -> None:
    assert fits(module, pattern) is meant
