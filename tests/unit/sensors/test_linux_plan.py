"""Plans, in both languages: what is said of one holds for the other, and where they meet the same text they agree."""

from __future__ import annotations

import importlib
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import SampleError
from tocsin.sensors.linux.plan import Row

if TYPE_CHECKING:
    from tocsin.sensors.linux.plan import Plan

TEXT = b"head 9\na: 1 x 2.50 kB\nb: -3\nc=4/5\n"
ROWS = (Row(b"a:", (0, 1, 2), (1024.0, 1.0, 1.0)), Row(b"gone"), Row(b"b:"), Row(b"c", (0, 1)))
FOUND = [1024.0, math.nan, 2.5, math.nan, -3.0, 4.0, 5.0]


def same(found: list[float] | None, wanted: list[float] | None) -> bool:
    return repr(found) == repr(wanted)


class Kind(NamedTuple):
    """The modules, of one language."""

    plan: Any
    file: Any


def load(*, hidden: bool) -> Kind:
    """Import the modules, with the C extension or as if there were none."""
    names = [f"tocsin.sensors.linux.{name}" for name in ("plan", "number_file")]
    if not hidden:
        return Kind(*map(importlib.import_module, names))
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("tocsin.sensors.linux._numbers", raising=False)
        patch.setitem(sys.modules, "tocsin.sensors.linux._numbers", None)
        for name in names:
            patch.delitem(sys.modules, name, raising=False)
        return Kind(*map(importlib.import_module, names))


PURE, FAST = load(hidden=True), load(hidden=False)
HAS_C = FAST.plan.make_plan is not FAST.plan.PurePlan
needs_c = pytest.mark.skipif(not HAS_C, reason="the C extension is not built")


@pytest.fixture(params=["pure", pytest.param("C", marks=needs_c)])
def kind(request: pytest.FixtureRequest) -> Kind:
    """One language after the other."""
    return PURE if request.param == "pure" else FAST


def test_the_plain_twin_stands_in_where_the_extension_is_missing() -> None:
    assert PURE.plan.make_plan is PURE.plan.PurePlan
    assert issubclass(PURE.file.NumberFile, PURE.file.PureReader)


def test_numbers_stand_in_the_order_of_the_rows_and_what_is_none_is_absent(kind: Kind) -> None:
    assert same(kind.plan.plan_for(TEXT, ROWS).of(TEXT), FOUND)


def test_a_file_is_read_whole_in_pieces(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"filler\n" * 3000 + TEXT)
    plan = kind.plan.plan_for(path.read_bytes(), ROWS)
    fd = os.open(path, os.O_RDONLY)
    try:
        assert same(plan.read(fd, 2048), FOUND)
        assert same(plan.read(fd, 1), FOUND)
    finally:
        os.close(fd)
    with pytest.raises(OSError, match="descriptor"):
        plan.read(fd, 2048)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"head 9\n", id="too few lines"),
        pytest.param(b"new\n" + TEXT, id="a line came before"),
        pytest.param(TEXT + b"gone 1\n", id="a row came that was missing"),
        pytest.param(TEXT.replace(b"a:", b"aa:"), id="another name"),
    ],
)
def test_a_text_that_does_not_fit_is_learnt_anew(kind: Kind, text: bytes) -> None:
    assert kind.plan.plan_for(TEXT, ROWS).of(text) is None


def test_a_text_with_more_lines_fits_unless_it_is_wanted_whole(kind: Kind) -> None:
    assert kind.plan.plan_for(TEXT, ROWS[:1]).of(TEXT + b"more\n") is not None
    assert kind.plan.plan_for(TEXT, ROWS[:1], whole=True).of(TEXT + b"more\n") is None


@pytest.mark.parametrize(
    ("word", "number"),
    [
        (b"0", 0.0), (b"9007199254740993", 9007199254740992.0), (b"18446744073709551615", 18446744073709551616.0),
        (b"0.1", 0.1), (b"123456.789", 123456.789), (b"0.30000000000000004", 0.30000000000000004),
        (b"-1", -1.0), (b"1.", math.nan), (b".5", math.nan), (b"max", math.nan), (b"1e5", math.nan),
        (b"0x10", math.nan), (b"-", math.nan), (b"nan", math.nan), (b"--1", math.nan), (b"1.2.3", math.nan),
        (b"1" * 60, math.nan), (b"0" * 40, math.nan), (b"1" * 25, float("1" * 25)), (b"12345678901234567.", math.nan),
    ],
)  # fmt: skip
def test_numbers_are_rounded_as_python_rounds_and_nothing_else_is_a_number(
    kind: Kind, word: bytes, number: float
) -> None:
    text = b"a " + word + b"\n"
    assert same(kind.plan.plan_for(text, (Row(b"a "),)).of(text), [number])


def test_names_and_numbers_in_two_lines_belong_to_their_protocol(kind: Kind) -> None:
    text = b"Tcp: InErrs Out\nTcp: 1 2\nUdp: InErrs Out More\nUdp: 3 4 -1\n"
    names = (b"Udp:InErrs", b"Tcp:Out", b"Udp:More", b"Tcp:More")
    plan = kind.plan.plan_for_two_lines(text, names)
    assert same(plan.of(text), [3.0, 2.0, -1.0, math.nan])
    other = text.replace(b"Tcp: InErrs Out", b"Tcp: Out InErrs")
    assert plan.of(other) is None
    assert same(kind.plan.plan_for_two_lines(other, names).of(other), [3.0, 1.0, -1.0, math.nan])


words = st.one_of(
    st.integers(-(2**70), 2**70).map(lambda number: str(number).encode()),
    st.decimals(0, 10**9, places=2).map(lambda number: str(number).encode()),
    st.sampled_from([b"kB", b"avg10=0.25", b"1/2", b"-", b"a:", b"", b"7"]),
)
lines = st.tuples(st.sampled_from([b"a:", b"b ", b"  c:", b"d"]), st.lists(words, max_size=6)).map(
    lambda parts: parts[0] + b" ".join(parts[1])
)
texts = st.lists(lines, max_size=8).map(b"\n".join)
rows = st.lists(
    st.tuples(st.sampled_from([b"a:", b"b ", b"  c:", b"d", b"x", b""]), st.sets(st.integers(0, 7), min_size=1)).map(
        lambda parts: Row(parts[0], tuple(sorted(parts[1])))
    ),
    max_size=4,
    unique_by=lambda row: row.prefix,
)


@needs_c
@given(learnt=texts, read=texts, wanted=rows, whole=st.booleans())
def test_both_languages_find_the_same_in_any_text(
    learnt: bytes, read: bytes, wanted: list[Row], *, whole: bool
) -> None:
    quick = FAST.plan.plan_for(learnt, wanted, whole=whole)
    plain = PURE.plan.plan_for(learnt, wanted, whole=whole)
    assert same(quick.of(learnt), plain.of(learnt))
    assert same(quick.of(read), plain.of(read))


@needs_c
@pytest.mark.parametrize(
    "source",
    [(1,), ((0, b"a", (0,), (1,), (1.0,)),), ((0, b"a", (0,), (0,), ()),), ((0, b"a", (0, 1), (0, 0), (1.0, 1.0)),)],
)
def test_a_plan_that_would_write_beyond_its_slots_is_refused(source: tuple[object, ...]) -> None:
    with pytest.raises((TypeError, ValueError)):
        FAST.plan.make_plan(source, 1)


class TestAFileOfNumbers:
    """A kept file and its plan."""

    def test_lines_that_move_are_found_again(self, kind: Kind, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"a 1\nb 2\n")
        file = kind.file.NumberFile(path, lambda data: kind.plan.plan_for(data, (Row(b"a "), Row(b"b "))))
        assert file.numbers() == file.numbers() == [1, 2]
        path.write_bytes(b"b 3\nnew 9\na 4\n")
        assert file.numbers() == file.numbers() == [4, 3]

    def test_a_line_that_may_be_wanted_later_is_found_within_a_minute(self, kind: Kind, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"a 1\nno 2\n")
        learnt: list[bytes] = []

        def learn(data: bytes) -> Plan:
            learnt.append(data)
            return kind.plan.plan_for(data, (Row(b"a "),))  # type: ignore[no-any-return]

        file = kind.file.NumberFile(path, learn, relearn_every=60)
        for _ in range(60):
            file.numbers()
        assert len(learnt) == 1
        file.numbers()
        assert len(learnt) == 2

    def test_a_file_that_is_gone_or_empty_is_an_error(self, kind: Kind, tmp_path: Path) -> None:
        path = tmp_path / "file"
        file = kind.file.NumberFile(path, lambda data: kind.plan.plan_for(data, (Row(b"a "),)))
        with pytest.raises(SampleError, match="cannot be opened"):
            file.numbers()
        path.write_bytes(b"a 1\n")
        assert file.numbers() == file.numbers() == [1]
        path.write_bytes(b"")
        with pytest.raises(SampleError, match="empty"):
            file.numbers()

    def test_what_was_closed_is_opened_anew(self, kind: Kind, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"a 1\n")
        file = kind.file.NumberFile(path, lambda data: kind.plan.plan_for(data, (Row(b"a "),)))
        file.numbers()
        file.close()
        path.unlink()
        path.write_bytes(b"a 2\n")
        assert file.numbers() == [2]

    def test_a_descriptor_that_fails_is_an_error_that_names_the_file(self, kind: Kind, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"a 1\n")
        file = kind.file.NumberFile(path, lambda data: kind.plan.plan_for(data, (Row(b"a "),)))
        file.numbers()
        os.close(file._file.fd)
        with pytest.raises(SampleError, match="file: cannot be read"):
            file.numbers()
        assert file.numbers() == [1]

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
    def test_a_fork_reads_of_itself_and_not_of_its_parent(self, kind: Kind) -> None:
        file = kind.file.NumberFile(
            Path("/proc/self/stat"), lambda data: kind.plan.plan_for(data, (Row(data[: data.index(b" ")], (2,)),))
        )
        assert file.numbers() == file.numbers() == [os.getppid()]
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.write(writing, str(file.numbers()[0]).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as told:
            assert float(told.read()) == os.getpid()
        os.waitpid(child, 0)
