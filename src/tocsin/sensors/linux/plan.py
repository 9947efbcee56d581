"""Where the wanted numbers of a text of /proc stand, so that reading them again needs no search.

Such a text keeps its lines in their places while the machine runs. They are learnt once, from the rows that are wanted;
afterwards a plan only makes sure that each wanted line still begins as it did, and picks the numbers behind. What does
not fit is answered by None: then it is learnt anew.

The C twin of `PurePlan` does it in one call for each file, without making an object for each word.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NAN: Final = float("nan")
_NUMBER: Final = re.compile(rb"(?=.{1,31}\Z)-?[0-9]+(?:\.[0-9]+)?")
# A pressure has `avg10=0.00`, a load average `1/345`.
_BLANKS: Final = bytes.maketrans(b"\t=/", b"   ")
_PIECE_BYTES: Final = 1 << 16

Line = tuple[int, bytes, tuple[int, ...], tuple[int, ...], tuple[float, ...]]
"""Its number; how it begins; which of the words behind are wanted, in ascending order; their slots; their units."""


class Row(NamedTuple):
    """A wanted line.

    Attributes:
        prefix: how it begins, up to the words that are counted.
        columns: which of the words behind are wanted, in ascending order.
        units: what each of these is multiplied with; by default 1.
    """

    prefix: bytes
    columns: tuple[int, ...] = (0,)
    units: tuple[float, ...] = ()


class Plan(Protocol):
    """Where the wanted numbers of a text stand."""

    def of(self, data: bytes, /) -> list[float] | None:
        """A number for each slot, NaN where there is none; None if the text is not what the plan was made for."""
        ...

    def read(self, fd: int, last_below: int, /) -> list[float] | None:
        """The same of the file of a descriptor, which ends with a piece shorter than `last_below`.

        Raises: OSError: if it cannot be read.
        """
        ...


class PurePlan:
    """A plan in plain Python.

    Args:
        lines: those that are wanted, in ascending order.
        slots: how many numbers there are to be.
        text_lines: how many lines the text must have; negative: it does not matter.
    """

    def __init__(self, lines: tuple[Line, ...], slots: int, text_lines: int = -1) -> None:
        self._lines = lines
        self._slots = slots
        self._text_lines = text_lines

    def of(self, data: bytes, /) -> list[float] | None:
        """See `Plan.of`."""
        texts = data.split(b"\n")
        found = [NAN] * self._slots
        if self._text_lines not in {-1, len(texts) - 1}:
            return None
        for number, prefix, columns, slots, units in self._lines:
            if number >= len(texts) or not texts[number].startswith(prefix):
                return None
            words = texts[number][len(prefix) :].translate(_BLANKS).split()
            for column, slot, unit in zip(columns, slots, units, strict=True):
                if column < len(words) and _NUMBER.fullmatch(words[column]):
                    found[slot] = float(words[column]) * unit
        return found

    def read(self, fd: int, last_below: int, /) -> list[float] | None:
        """See `Plan.read`."""
        return self.of(read_whole(fd, last_below))


try:
    from tocsin.sensors.linux import _numbers
except ImportError:
    make_plan: type[PurePlan | _numbers.Plan] = PurePlan
else:
    make_plan = _numbers.Plan


def read_whole(fd: int, last_below: int) -> bytes:
    """All of a file from its start, which the kernel hands out in pieces; one shorter than `last_below` is the last.

    Raises: OSError: if it cannot be read.
    """
    data = piece = os.pread(fd, _PIECE_BYTES, 0)
    while len(piece) >= last_below:
        piece = os.pread(fd, _PIECE_BYTES, len(data))
        data += piece
    return data


def plan_for(data: bytes, rows: Iterable[Row], *, whole: bool = False) -> Plan:
    """Learn where the rows stand in a text; the slots are theirs in turn. The first line of a beginning counts.

    Args:
        data: the text.
        rows: what is wanted; one that is not there is NaN.
        whole: whether to learn anew when a line comes or goes; so it is anyway, if a row is not there yet.
    """
    text = b"\n" + data
    lines: list[Line] = []
    slots, missing = 0, False
    for prefix, columns, units in rows:
        at = text.find(b"\n" + prefix)
        if at >= 0:
            places = tuple(range(slots, slots + len(columns)))
            lines.append((text.count(b"\n", 0, at), prefix, columns, places, units or (1.0,) * len(columns)))
        missing = missing or at < 0
        slots += len(columns)
    return make_plan(tuple(sorted(lines)), slots, data.count(b"\n") if whole or missing else -1)


def plan_for_two_lines(data: bytes, names: Sequence[bytes]) -> Plan:
    """`Tcp: name name …` and below it `Tcp: number number …`: learn where `Tcp:name` stands, for each of the names."""
    texts = data.split(b"\n")
    lines: list[Line] = []
    for number, head in enumerate(texts[:-1]):
        group, _, heads = head.partition(b" ")
        if not group or not texts[number + 1].startswith(group + b" "):
            continue
        wanted = [
            (column, names.index(name))
            for column, name in enumerate(group + one for one in heads.split())
            if name in names
        ]
        if wanted:
            columns, slots = zip(*wanted, strict=True)
            lines.append((number, head, (), (), ()))  # below other heads would stand other numbers
            lines.append((number + 1, group, columns, slots, (1.0,) * len(columns)))
    return make_plan(tuple(lines), len(names), data.count(b"\n"))
