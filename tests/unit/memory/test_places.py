"""Which frame of a stack is named."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path

import pytest

import tocsin
from tocsin.library import is_library, is_standard
from tocsin.memory.places import own_frame
from tocsin.model.memory import Frame

STANDARD = Frame(json.__file__, 299, "load")
INSTALLED = Frame(str(Path(sysconfig.get_paths()["purelib"], "pydantic", "main.py")), 175, "BaseModel.__init__")
OURS = Frame(str(Path(tocsin.__file__).parent / "memory" / "profiler.py"), 7, "MemoryProfiler.snapshot")
GENERATED = Frame("<string>", 3, "__create_fn__.<locals>.__init__")
OWN = Frame("/srv/app/sessions.py", 41, "remember")
CALLER = Frame("/srv/app/main.py", 9, "main")


def test_the_first_frame_that_is_no_library_code_is_named() -> None:
    assert own_frame((STANDARD, INSTALLED, OWN, CALLER)) is OWN


def test_generated_code_gives_way_to_a_file_of_the_program() -> None:
    assert own_frame((GENERATED, OWN, CALLER)) is OWN


def test_a_command_line_is_named_where_the_program_has_no_file() -> None:
    command = Frame("<string>", 1, "<module>")
    assert own_frame((STANDARD, INSTALLED, command)) is command


def test_an_installed_application_is_named_before_the_standard_library() -> None:
    assert own_frame((STANDARD, INSTALLED, STANDARD)) is INSTALLED


def test_a_stack_of_the_standard_library_alone_is_named_by_its_innermost_frame() -> None:
    inner = Frame(json.__file__, 1, "dumps")
    assert own_frame((inner, STANDARD)) is inner


def test_no_stack_has_no_frame() -> None:
    assert own_frame(()) is None


@pytest.mark.parametrize("frame", [STANDARD, INSTALLED, OURS, Frame("<frozen importlib._bootstrap>", 1, "_load")])
def test_the_standard_library_what_is_installed_and_this_package_are_library_code(frame: Frame) -> None:
    assert is_library(frame.file)


@pytest.mark.parametrize("frame", [OWN, GENERATED, Frame("<stdin>", 1, "<module>")])
def test_the_program_is_not(frame: Frame) -> None:
    assert not is_library(frame.file)


def test_an_installed_package_is_not_of_the_standard_library_although_it_may_lie_below_it() -> None:
    below = str(Path(sysconfig.get_paths()["stdlib"], "site-packages", "orders", "main.py"))
    assert is_library(below)
    assert not is_standard(below)
