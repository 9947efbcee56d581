"""A search for holders does no harm to the program, ends at any time, and says when it has no answer."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.memory.holders import Thing, find, holders_of

from tocsin.memory.retention import NOT_THERE
from tocsin.model.memory import Retention

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("tocsin.memory._heap", reason="the C extension was not built")

HERE = __name__


class Hostile:
    """Answers nothing without harm."""

    kept: Any

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(name)

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    def __hash__(self) -> int:
        raise AssertionError

    def __repr__(self) -> str:
        raise AssertionError

    def __len__(self) -> int:
        raise AssertionError

    def __del__(self) -> None:
        pass


class Store:
    def __init__(self) -> None:
        self._cache: dict[int, Any] = {}


SESSIONS: list[Any] = []
STORE = Store()
HOSTILE: list[Any] = []


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    yield
    for container in (SESSIONS, STORE._cache, HOSTILE):
        container.clear()


def test_no_code_of_the_program_is_run() -> None:
    hostile = Hostile()
    object.__setattr__(hostile, "kept", [Thing()])
    address = id(object.__getattribute__(hostile, "kept")[0])
    HOSTILE.append(hostile)
    found = holders_of([address])
    assert found.chain == (
        "list[len 1]",
        f"attribute kept of {HERE}.Hostile",
        "list[len 1]",
        f"global {HERE}.HOSTILE",
    )


def test_what_is_gone_has_an_empty_chain_and_a_remark() -> None:
    address = id(Thing())
    found = holders_of([address])
    assert (found.chain, found.share, found.complete) == ((), 0.0, True)
    assert "freed meanwhile" in found.remark
    assert find({}) == {}
    assert holders_of([]) == Retention()


def test_it_says_when_the_time_was_not_enough() -> None:
    SESSIONS.append(Thing())
    found = find({7: [id(SESSIONS[0])]}, budget_s=0.0, slice_s=1e-6)[7]
    assert not found.complete
    assert "stopped after" in found.remark


def test_more_blocks_than_can_be_asked_for_are_shortened_evenly() -> None:
    SESSIONS.extend(Thing() for _ in range(5000))
    found = find({1: list(map(id, SESSIONS)), 2: list(map(id, SESSIONS))})
    assert {one.chain[-1] for one in found.values()} == {f"global {HERE}.SESSIONS"}


def test_collections_during_the_search_do_no_harm() -> None:
    STORE._cache.update((number, [Thing()]) for number in range(5_000))
    garbage: list[Any] = []
    rests = iter(range(20))  # then let it finish

    def rest(_: float) -> None:
        if next(rests, None) is None:
            return
        garbage[:] = [[Thing()] for _ in range(50)]
        gc.collect(len(garbage) % 3)
        gc.collect()
        STORE._cache[len(STORE._cache)] = [Thing()]
        STORE._cache.pop(5, None)

    addresses = [id(one[0]) for one in list(STORE._cache.values())[::250]]
    found = find({1: addresses}, slice_s=0.0005, pause=rest)[1]
    assert found.chain[-2:] == (f"attribute _cache of {HERE}.Store", f"global {HERE}.STORE")


def test_nothing_is_kept_alive_by_a_search() -> None:
    import weakref

    SESSIONS.extend(Thing() for _ in range(100))
    gone: list[str] = []
    weakref.finalize(SESSIONS[5], gone.append, "gone")
    holders_of([id(SESSIONS[5].__dict__), id(SESSIONS[6])])
    SESSIONS.clear()
    assert gone == ["gone"]


def test_a_tuple_that_is_still_being_made_can_be_finished() -> None:
    """The interpreter changes its size in place, and refuses to if anybody else has a reference to it."""
    from tocsin.memory import _heap

    searches = []

    def produce() -> Iterator[Thing]:
        first = Thing()
        yield first
        yield Thing()
        search = _heap.holders([id(first)], {})
        while not search.step(1.0):
            pass
        searches.append(search)
        for _ in range(30):
            yield Thing()

    made = tuple(produce())
    assert len(made) == 32
    (search,) = searches
    assert tuple in {search.item(holder)[2] for _, holder, _ in search.edges(0)}


def test_a_search_can_be_left_at_any_time() -> None:
    from tocsin.memory import _heap

    SESSIONS.append(Thing())
    for steps in range(4):
        search = _heap.holders([id(SESSIONS[0])], {})
        for _ in range(steps):
            search.step(0.0)
        del search
    search = _heap.holders([id(SESSIONS[0])], {})
    search.step(0.0)
    assert search.drop(60.0)
    assert search.step(60.0), "after the end there is nothing to do"
    assert search.edges(0) == []
    with pytest.raises(IndexError):
        search.item(0)
    with pytest.raises(ValueError, match="4096 or fewer"):
        _heap.holders(list(range(16, 16 * 5000, 16)), {})


def test_without_the_extension_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import tocsin.memory

    monkeypatch.setitem(sys.modules, "tocsin.memory._heap", None)
    monkeypatch.delattr(tocsin.memory, "_heap", raising=False)
    assert holders_of([1, 2]) == Retention(complete=False, remark=NOT_THERE)


def test_a_python_that_the_search_does_not_know_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from tocsin.memory import _heap

    class Refusing:
        def step(self, _seconds: float) -> bool:
            raise RuntimeError("not as known")

        def drop(self, _seconds: float) -> bool:
            return True

    monkeypatch.setattr(_heap, "holders", lambda blocks, without: Refusing())
    assert holders_of([id(SESSIONS)]) == Retention(complete=False, remark="not as known")
