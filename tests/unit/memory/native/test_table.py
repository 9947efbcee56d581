"""The table of samples against a dict, at an interval at which every block is a sample."""

from __future__ import annotations

import ctypes
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_API = ctypes.pythonapi
_MALLOC, _REALLOC, _FREE = (
    _API[name] for name in ("PyMem_RawMalloc", "PyMem_RawRealloc", "PyMem_RawFree")
)  # by index: function objects of our own, whose types nobody else sees
_MALLOC.restype = _REALLOC.restype = ctypes.c_void_p
_MALLOC.argtypes = [ctypes.c_size_t]
_REALLOC.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_FREE.argtypes = [ctypes.c_void_p]
_FREE.restype = None

# 64 bytes at an interval of 1 are missed once in e**64.
_SIZES = st.one_of(st.integers(64, 128), st.integers(64, 100_000))
_STEP = st.one_of(
    st.tuples(st.just("allocate"), _SIZES),
    st.tuples(st.just("allocate many"), st.integers(1, 300)),
    st.tuples(st.just("resize"), st.integers(0, 1 << 20), _SIZES),
    st.tuples(st.just("free"), st.integers(0, 1 << 20)),
    st.tuples(st.just("free every"), st.integers(2, 5)),
)


def _allocate(size: int) -> int:
    return int(_MALLOC(size))


def _resize(block: int, size: int) -> int:
    return int(_REALLOC(block, size))


def _carry_out(step: tuple[Any, ...], blocks: dict[int, int]) -> None:
    if step[0] == "allocate":
        blocks[_allocate(step[1])] = step[1]
    elif step[0] == "allocate many":
        for number in range(step[1]):
            blocks[_allocate(64 + number)] = 64 + number
    elif step[0] == "free every":
        for block in [*blocks][:: step[1]]:
            _FREE(block)
            del blocks[block]
    elif blocks:
        block = [*blocks][step[1] % len(blocks)]
        del blocks[block]
        if step[0] == "free":
            _FREE(block)
        else:
            blocks[_resize(block, step[2])] = step[2]


def _found(heap: Any, ever: set[int]) -> dict[int, int]:
    mine = {_allocate.__qualname__, _resize.__qualname__}
    rows = [row for row in heap.snapshot() if mine & {name for _, _, name in heap.frames(row[0])[:1]}]
    return {
        address: size
        for row in rows
        for address, size, _epoch in heap.survivors(row[0], 100_000)
        if address in ever  # not what calling C made on the way
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_STEP, max_size=30))
def test_whatever_is_allocated_resized_and_freed_the_table_holds_just_what_lives(
    heap: Any, steps: list[tuple[Any, ...]]
) -> None:
    heap.start(1.0, max_samples=1 << 20, max_samples_per_s=0)
    blocks: dict[int, int] = {}
    ever: set[int] = set()
    try:
        for step in steps:
            _carry_out(step, blocks)
            ever |= blocks.keys()
        assert _found(heap, ever) == blocks
    finally:
        heap.stop()
        for block in blocks:
            _FREE(block)
