"""What holds a block: every way a program keeps something, found upwards from the address alone."""

from __future__ import annotations

import asyncio
import collections
import contextvars
import functools
import gc
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.memory.holders import Thing, find, holders_of

from tocsin.model.memory import Retention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("tocsin.memory._heap", reason="the C extension was not built")

HERE = __name__


class Store:
    shelf: list[Any] = []  # noqa: RUF012 - that it is shared is what a test looks for

    def __init__(self) -> None:
        self._cache: dict[int, Any] = {}


class Slotted:
    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept: list[Any] = []


SESSIONS: list[Any] = []
NOTHING_KNOWN: dict[int, bytes] = {}
STORE = Store()
SLOTTED = Slotted()
RECENT: collections.deque[Any] = collections.deque(maxlen=1000)
NESTED: dict[str, Any] = {}
ORDERED: collections.OrderedDict[int, Any] = collections.OrderedDict()
LOCAL = threading.local()
UNIQUE: set[Any] = set()


@functools.lru_cache(maxsize=128)
def remembered(number: int) -> Thing:
    return Thing()


@functools.lru_cache(maxsize=None)  # noqa: UP033 - the old spelling is the one in question
def never_forgotten(number: int) -> Thing:
    return Thing()


def with_default(number: int, seen: list[Any] = []) -> list[Any]:  # noqa: B006 - the leak of every beginner
    return seen


def with_keyword(*, seen: list[Any] = []) -> list[Any]:  # noqa: B006
    return seen


def make_counter() -> Callable[[Any], None]:
    kept: list[Any] = []

    def keep(thing: Any) -> None:
        kept.append(thing)

    return keep


KEEP = make_counter()


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    yield
    for container in (SESSIONS, NOTHING_KNOWN, STORE._cache, SLOTTED.kept, RECENT, NESTED, ORDERED, UNIQUE):
        container.clear()
    Store.shelf.clear()


def test_a_global_list() -> None:
    SESSIONS.extend(Thing() for _ in range(1200))
    found = holders_of([id(thing) for thing in SESSIONS[::100]])
    assert found == Retention(chain=("list[len 1,200]", f"global {HERE}.SESSIONS"), share=1.0)
    assert str(found) == f"list[len 1,200] ← global {HERE}.SESSIONS"


def test_a_dict_that_is_an_attribute() -> None:
    STORE._cache.update((number, Thing()) for number in range(48_211))
    found = holders_of([id(thing) for thing in list(STORE._cache.values())[::2000]])
    assert found.chain == ("dict[len 48,211]", f"attribute _cache of {HERE}.Store", f"global {HERE}.STORE")
    assert found.complete


def test_a_dict_of_what_the_collector_does_not_know() -> None:
    """Such a dict is itself unknown to the collector."""
    NOTHING_KNOWN.update((number, b"%d" % number * 20) for number in range(50_000))
    found = holders_of([id(value) for value in list(NOTHING_KNOWN.values())[::1000]])
    assert found.chain == ("dict[len 50,000]", f"global {HERE}.NOTHING_KNOWN")
    small: dict[int, bytes] = dict(list(NOTHING_KNOWN.items())[:100])
    NOTHING_KNOWN.clear()
    STORE._cache[0] = small
    assert not gc.is_tracked(small) or sys.version_info >= (3, 14)
    assert holders_of([id(small[5])]).chain[:2] == ("dict[len 100]", "dict[len 1]")


def test_bytes_in_a_list() -> None:
    SESSIONS.extend(b"%d" % number * 100 for number in range(300))
    assert holders_of([id(SESSIONS[9])]).chain == ("list[len 300]", f"global {HERE}.SESSIONS")


def test_what_is_a_global_itself() -> None:
    assert holders_of([id(STORE)]).chain == (f"global {HERE}.STORE",)


def test_a_class_attribute() -> None:
    Store.shelf.append(Thing())
    found = holders_of([id(Store.shelf[0])])
    assert found.chain == ("list[len 1]", f"class attribute {HERE}.Store.shelf")


def test_a_cell_of_a_closure() -> None:
    thing = Thing()
    KEEP(thing)
    address = id(thing)
    del thing
    found = holders_of([address])
    assert found.chain == ("list[len 1]", f"cell kept of {HERE}.make_counter.<locals>.keep")


def test_the_default_of_an_argument() -> None:
    with_default(1).append(Thing())
    assert holders_of([id(with_default(1)[0])]).chain == ("list[len 1]", f"default argument of {HERE}.with_default")
    with_keyword().append(Thing())
    assert holders_of([id(with_keyword()[0])]).chain == ("list[len 1]", f"default argument seen of {HERE}.with_keyword")


def test_a_local_variable_of_a_frame_that_runs() -> None:
    rows = [Thing() for _ in range(40)]
    here = f"{HERE}.test_a_local_variable_of_a_frame_that_runs"
    assert holders_of([id(rows[3])]).chain == ("list[len 40]", f"local rows of {here}")
    values = {number: b"%d" % number * 20 for number in range(10_000)}
    assert holders_of([id(values[3])]).chain == ("dict[len 10,000]", f"local values of {here}")


def test_a_local_variable_of_another_thread() -> None:
    ready, over = threading.Event(), threading.Event()
    addresses: list[int] = []

    def serve() -> None:
        backlog = [Thing() for _ in range(30)]
        addresses.extend(map(id, backlog))
        ready.set()
        over.wait(60)
        del backlog

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(60)
    try:
        found = holders_of(addresses[::5])
    finally:
        over.set()
        thread.join()
    name = "test_a_local_variable_of_another_thread.<locals>.serve"
    assert found.chain == ("list[len 30]", f"local backlog of {HERE}.{name}")


def test_a_name_is_told_rather_than_a_frame_that_passes() -> None:
    thing = Thing()
    SESSIONS.append([thing])
    assert holders_of([id(thing)]).chain[-1] == f"global {HERE}.SESSIONS"


def test_a_deque_with_a_cap() -> None:
    RECENT.extend(Thing() for _ in range(500))
    found = holders_of([id(RECENT[0]), id(RECENT[499])])
    assert found.chain == ("deque(maxlen=1000)[len 500]", f"global {HERE}.RECENT")
    assert found.bounded_by == "deque(maxlen=1000)"


@pytest.mark.parametrize(
    ("function", "words", "bound"),
    [
        (remembered, "lru_cache(maxsize=128) of", "lru_cache(maxsize=128)"),
        (never_forgotten, "lru_cache(maxsize=None) of", ""),
    ],
)
def test_an_lru_cache(function: Any, words: str, bound: str) -> None:
    addresses = [id(function(number)) for number in range(20)]
    found = holders_of(addresses)
    assert found.chain[-1] == f"{words} {HERE}.{function.__name__}"
    assert found.bounded_by == bound
    assert found.share == 1.0


def test_an_instance_with_slots() -> None:
    SLOTTED.kept.append(Thing())
    found = holders_of([id(SLOTTED.kept[0])])
    assert found.chain == ("list[len 1]", f"attribute kept of {HERE}.Slotted", f"global {HERE}.SLOTTED")


def test_a_tuple_in_a_list_in_a_dict() -> None:
    NESTED["rows"] = [(number, Thing()) for number in range(60)]
    NESTED["other"] = None
    found = holders_of([id(row[1]) for row in NESTED["rows"]])
    assert found.chain == ("tuple[len 2]", "list[len 60]", "dict[len 2]", f"global {HERE}.NESTED")


def test_a_large_container_of_a_subclass_and_a_set() -> None:
    ORDERED.update((number, Thing()) for number in range(10_000))
    assert holders_of([id(ORDERED[77])]).chain == (
        "collections.OrderedDict[len 10,000]",
        f"global {HERE}.ORDERED",
    )
    UNIQUE.update(b"%d" % number for number in range(10_000))
    assert holders_of([id(next(iter(UNIQUE)))]).chain == ("set[len 10,000]", f"global {HERE}.UNIQUE")


async def test_a_task() -> None:
    async def work(over: asyncio.Event) -> None:
        request = [Thing()]
        addresses.extend(map(id, request))
        await over.wait()

    addresses: list[int] = []
    over = asyncio.Event()
    SESSIONS.append(asyncio.create_task(work(over)))
    await asyncio.sleep(0)
    found = holders_of(addresses)
    over.set()
    await SESSIONS[0]
    assert found.chain[:2] == ("list[len 1]", "local request of coroutine test_a_task.<locals>.work")
    assert found.chain[-1] == f"global {HERE}.SESSIONS"
    assert "_asyncio.Task" in found.chain


def test_values_of_a_thread() -> None:
    LOCAL.requests = [Thing()]
    found = holders_of([id(LOCAL.requests[0])])
    assert found.chain == ("list[len 1]", "thread-local requests", f"global {HERE}.LOCAL")


def test_an_object_of_a_type_that_nobody_knows_is_told_by_its_type() -> None:
    variable: contextvars.ContextVar[Any] = contextvars.ContextVar("variable")
    context = contextvars.copy_context()
    context.run(variable.set, Thing())
    SESSIONS.append(context)
    found = holders_of([id(context[variable])])
    assert any("HAMT" in words or "hamt" in words for words in found.chain)
    assert found.chain[-3:] == ("_contextvars.Context", "list[len 1]", f"global {HERE}.SESSIONS") or (
        "Context" in " ".join(found.chain) and found.chain[-1] == f"global {HERE}.SESSIONS"
    )


def test_children_that_point_to_their_parent_do_not_hide_who_holds_it() -> None:
    children: list[Any] = [Thing() for _ in range(3000)]  # older than their parent, and so met after it
    parent = Store()
    parent._cache = dict(enumerate(children))
    for child in children:
        child.parent = parent
    del children
    SESSIONS.append(parent)
    found = holders_of([id(parent._cache[number]) for number in range(0, 3000, 300)])
    assert found.chain == (
        "dict[len 3,000]",
        f"attribute _cache of {HERE}.Store",
        "list[len 1]",
        f"global {HERE}.SESSIONS",
    )


def test_what_is_held_everywhere_does_not_keep_others_from_an_answer() -> None:
    word = b"a word in many places".decode()  # a string of its own
    NESTED["many"] = [{"key": word, number: Thing()} for number in range(3000)]
    SESSIONS.extend(Thing() for _ in range(10))
    found = find({1: [id(word)], 2: list(map(id, SESSIONS))})
    assert found[2].chain == ("list[len 10]", f"global {HERE}.SESSIONS")
    assert found[1].chain[-1] == f"global {HERE}.NESTED"


def test_the_share_says_for_how_many_it_holds() -> None:
    SESSIONS.extend(Thing() for _ in range(9))
    gone = id(Thing())
    assert holders_of([*map(id, SESSIONS), gone]).share == pytest.approx(0.9)


def test_survivors_at_several_depths_share_the_container_they_are_in() -> None:
    SESSIONS.extend({"user": {"name": b"%d" % number * 9, "tags": [b"%d" % number * 11]}} for number in range(50))
    addresses = [id(one["user"]["name"]) for one in SESSIONS[:25]] + [id(one["user"]["tags"][0]) for one in SESSIONS]
    found = holders_of(addresses)
    assert found.chain[-2:] == ("list[len 50]", f"global {HERE}.SESSIONS")
    assert found.share > 0.6


def test_a_cycle_that_nobody_holds_is_told_as_one() -> None:
    gc.disable()
    try:
        one, two = Thing(), [Thing()]
        one.ring = two  # type: ignore[attr-defined]
        two.append(one)
        address = id(two[0])
        del one, two
        found = holders_of([address])
    finally:
        gc.enable()
    assert found.chain[0] == "list[len 2]"
    assert "cycle" in found.remark


def test_frames_and_generators_that_were_kept() -> None:
    def fail() -> None:
        rows = [Thing()]
        addresses.append(id(rows[0]))
        raise LookupError

    def produce() -> Iterator[int]:
        page = [Thing()]
        yield id(page[0])

    addresses: list[int] = []
    try:
        fail()
    except LookupError as error:
        SESSIONS.append(error)
    found = holders_of(addresses)
    assert found.chain[:3] == (
        "list[len 1]",
        f"local rows of {fail.__qualname__} (a frame that was kept)",
        "attribute tb_frame of traceback",
    )
    generator = produce()
    address = next(generator)
    SESSIONS.append(generator)
    assert holders_of([address]).chain[:2] == ("list[len 1]", f"local page of generator {produce.__qualname__}")


def test_arrays_of_numpy_and_what_they_refer_to() -> None:
    numpy = pytest.importorskip("numpy")
    SESSIONS.extend(numpy.ones(2000)[5:] for _ in range(5))
    data = [array.base.__array_interface__["data"][0] for array in SESSIONS]
    tail = ("list[len 5]", f"global {HERE}.SESSIONS")
    assert holders_of(data).chain == ("numpy.ndarray", "numpy.ndarray", *tail)
    SESSIONS[:] = [numpy.array([Thing(), [1]], dtype=object) for _ in range(5)]
    assert holders_of([id(array[0]) for array in SESSIONS]).chain == ("numpy.ndarray", *tail)
