"""Plans, in both languages: what is said of one holds for the other, and where they meet the same text they agree."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import SampleError
from tocsin.sensors.linux import plan as planning
from tocsin.sensors.linux.plan import PurePlan, Row, plan_for, plan_for_two_lines
from tocsin.sensors.linux.procfile import NumberFile

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.sensors.linux.plan import Plan

TEXT = b"head 9\na: 1 x 2.50 kB\nb: -3\nc=4/5\n"
ROWS = (Row(b"a:", (0, 1, 2), (1024.0, 1.0, 1.0)), Row(b"gone"), Row(b"b:"), Row(b"c", (0, 1)))
FOUND = [1024.0, math.nan, 2.5, math.nan, -3.0, 4.0, 5.0]


def same(found: list[float] | None, wanted: list[float] | None) -> bool:
    return repr(found) == repr(wanted)


@pytest.fixture(params=["pure", "C"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make plans of one language only."""
    if request.param == "pure":
        monkeypatch.setattr(planning, "make_plan", PurePlan)
    elif planning.make_plan is PurePlan:
        pytest.skip("the C extension is not built")
    return str(request.param)


@pytest.mark.usefixtures("kind")
def test_numbers_stand_in_the_order_of_the_rows_and_what_is_none_is_absent() -> None:
    assert same(plan_for(TEXT, ROWS).of(TEXT), FOUND)


@pytest.mark.usefixtures("kind")
def test_a_file_is_read_whole_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"filler\n" * 3000 + TEXT)
    plan = plan_for(path.read_bytes(), ROWS)
    fd = os.open(path, os.O_RDONLY)
    try:
        assert same(plan.read(fd, 2048), FOUND)
        assert same(plan.read(fd, 1), FOUND)
    finally:
        os.close(fd)
    with pytest.raises(OSError, match="descriptor"):
        plan.read(fd, 2048)


@pytest.mark.usefixtures("kind")
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
def test_a_text_that_does_not_fit_is_learnt_anew(text: bytes) -> None:
    assert plan_for(TEXT, ROWS).of(text) is None


@pytest.mark.usefixtures("kind")
def test_a_text_with_more_lines_fits_unless_it_is_wanted_whole() -> None:
    assert plan_for(TEXT, ROWS[:1]).of(TEXT + b"more\n") is not None
    assert plan_for(TEXT, ROWS[:1], whole=True).of(TEXT + b"more\n") is None


@pytest.mark.usefixtures("kind")
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
def test_numbers_are_rounded_as_python_rounds_and_nothing_else_is_a_number(word: bytes, number: float) -> None:
    text = b"a " + word + b"\n"
    assert same(plan_for(text, (Row(b"a "),)).of(text), [number])


@pytest.mark.usefixtures("kind")
def test_names_and_numbers_in_two_lines_belong_to_their_protocol() -> None:
    text = b"Tcp: InErrs Out\nTcp: 1 2\nUdp: InErrs Out More\nUdp: 3 4 -1\n"
    names = (b"Udp:InErrs", b"Tcp:Out", b"Udp:More", b"Tcp:More")
    plan = plan_for_two_lines(text, names)
    assert same(plan.of(text), [3.0, 2.0, -1.0, math.nan])
    other = text.replace(b"Tcp: InErrs Out", b"Tcp: Out InErrs")
    assert plan.of(other) is None
    assert same(plan_for_two_lines(other, names).of(other), [3.0, 1.0, -1.0, math.nan])


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


@given(learnt=texts, read=texts, wanted=rows, whole=st.booleans())
def test_both_languages_find_the_same_in_any_text(
    learnt: bytes, read: bytes, wanted: list[Row], *, whole: bool
) -> None:
    fast = planning.make_plan
    if fast is PurePlan:
        pytest.skip("the C extension is not built")
    quick = plan_for(learnt, wanted, whole=whole)
    planning.make_plan = PurePlan
    try:
        plain = plan_for(learnt, wanted, whole=whole)
    finally:
        planning.make_plan = fast
    assert same(quick.of(learnt), plain.of(learnt))
    assert same(quick.of(read), plain.of(read))


@pytest.mark.parametrize(
    "source",
    [(1,), ((0, b"a", (0,), (1,), (1.0,)),), ((0, b"a", (0,), (0,), ()),), ((0, b"a", (0, 1), (0, 0), (1.0, 1.0)),)],
)
def test_a_plan_that_would_write_beyond_its_slots_is_refused(source: tuple[object, ...]) -> None:
    if planning.make_plan is PurePlan:
        pytest.skip("the C extension is not built")
    with pytest.raises((TypeError, ValueError)):
        planning.make_plan(source, 1)  # type: ignore[arg-type]


@pytest.mark.usefixtures("kind")
class TestAFileOfNumbers:
    """A kept file and its plan."""

    def test_lines_that_move_are_found_again(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"a 1\nb 2\n")
        file = NumberFile(path, lambda data: plan_for(data, (Row(b"a "), Row(b"b "))))
        assert file.numbers() == [1, 2]
        path.write_bytes(b"b 3\nnew 9\na 4\n")
        assert file.numbers() == [4, 3]

    def test_a_line_that_may_be_wanted_later_is_found_within_a_minute(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"a 1\nno 2\n")
        learnt: list[bytes] = []

        def learn(data: bytes) -> Plan:
            learnt.append(data)
            return plan_for(data, (Row(b"a "),))

        file = NumberFile(path, learn, relearn_every=60)
        for _ in range(60):
            file.numbers()
        assert len(learnt) == 1
        file.numbers()
        assert len(learnt) == 2

    def test_a_file_that_is_gone_or_empty_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        file = NumberFile(path, lambda data: plan_for(data, (Row(b"a "),)))
        with pytest.raises(SampleError, match="cannot be opened"):
            file.numbers()
        path.write_bytes(b"a 1\n")
        assert file.numbers() == [1]
        path.write_bytes(b"")
        with pytest.raises(SampleError, match="empty"):
            file.numbers()
