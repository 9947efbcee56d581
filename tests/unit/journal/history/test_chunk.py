"""Chunks: strips of readings, compressed; damaged ones are refused, never believed."""

from __future__ import annotations

import math
import zlib
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.journal.history.chunk import VERSION, Chunk, Strip, pack

TIMES = [1_764_000_000.0 + 0.25 * place for place in range(8)]


def test_every_strip_comes_back() -> None:
    strips = [Strip(TIMES, [[1.0] * 8, [float(place) for place in range(8)]]), Strip(TIMES[:2], [[math.nan, 2.5]])]

    chunk = Chunk(pack(strips, [False] * 3))

    assert len(chunk) == 3
    assert [list(one.times) for one in chunk.strips()] == [TIMES, TIMES[:2]]
    assert list(chunk.series(1)[1]) == [float(place) for place in range(8)]
    times, values = chunk.series(2)
    assert list(times) == TIMES[:2]
    assert math.isnan(values[0])
    assert values[1] == 2.5


@given(st.lists(st.floats(0, 4e9), min_size=1, max_size=40))
def test_times_are_kept_to_a_millisecond_in_any_order(times: list[float]) -> None:
    found, _ = Chunk(pack([Strip(times, [[0.0] * len(times)])], [False])).series(0)

    assert found == pytest.approx(times, abs=0.000_501, rel=0)


def test_a_column_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="no column 1"):
        Chunk(pack([Strip([1.0], [[1.0]])], [False])).series(1)


@given(st.data())
def test_damage_is_told_and_nothing_else_happens(data: st.DataObject) -> None:
    whole = pack([Strip(TIMES, [[float(place) for place in range(8)]] * 3)], [True] * 3)
    place = data.draw(st.integers(0, len(whole) - 1))
    broken = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 + data.draw(st.integers(0, 3)) :]

    try:
        read = [list(one.times) for one in Chunk(broken).strips()]
    except ValueError:
        return
    assert read == [TIMES]  # the checksum of zlib lets nothing else through


def test_a_chunk_of_another_version_is_refused_by_its_number() -> None:
    with pytest.raises(ValueError, match=r"version 09; this Tocsin knows 1"):
        Chunk(b"\x09" + zlib.compress(b""))
    with pytest.raises(ValueError, match="version none"):
        Chunk(b"")


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.journal.history.chunk._MAX_PLAIN", 1 << 20)
    bomb = bytes((VERSION,)) + zlib.compress(bytes(1 << 20) + b"1", 9)

    with pytest.raises(ValueError, match="too large"):
        Chunk(bomb)


def test_a_chunk_takes_the_arrays_that_tables_give() -> None:
    chunk = Chunk(pack([Strip(array("d", TIMES), [array("d", range(8))])], [False]))

    assert list(chunk.series(0)[1]) == list(range(8))
