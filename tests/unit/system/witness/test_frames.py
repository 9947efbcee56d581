"""A place in the code as a person reads it."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING

from tocsin.system.witness.frames import MAX_SOURCE, show

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.sensors.runtime.stacks import Place


def place_in(file: Path, text: str) -> Place:
    file.write_text(text)
    code = compile(text, str(file), "exec")
    return code, 2  # behind the instruction that only begins


def test_a_place_shows_its_line_and_leaves_the_rest_of_the_file_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "orders.py"
    shown = show(place_in(file, "total = 1 + 2\n" + "# much more\n" * 1000))
    assert shown.endswith("orders.py:1 in <module>: total = 1 + 2")
    assert str(file) not in linecache.cache


def test_a_file_that_others_had_read_stays_read(tmp_path: Path) -> None:
    file = tmp_path / "orders.py"
    place = place_in(file, "total = 3\n")
    linecache.getline(str(file), 1)
    show(place)
    assert str(file) in linecache.cache


def test_a_long_line_is_cut_and_one_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    long = show(place_in(tmp_path / "long.py", f"x = '{'y' * 300}'\n"))
    assert long.endswith("…")
    assert len(long.partition(": ")[2]) == MAX_SOURCE
    gone = tmp_path / "gone.py"
    place = place_in(gone, "x = 1\n")
    gone.unlink()
    assert show(place).endswith("gone.py:1 in <module>")
