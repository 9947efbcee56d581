"""Files of names and numbers, of which only some names count.

Such a file keeps its lines in their places while the machine runs. So the places of the wanted numbers are learnt once;
afterwards all of them are picked by two calls, without a step of Python for each line.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Places = Callable[[Sequence[bytes]], dict[bytes, tuple[int, int]]]

_NOTHING = b"nan"


class NamedNumbers:
    """Picks the numbers of some names.

    Args:
        names: what is wanted, at least two.
        places: tells for each name of a file, split at blanks, where the name and its number stand.
    """

    __slots__ = ("_data", "_find", "_found", "_names", "_pick_names", "_pick_numbers", "_wanted")

    def __init__(self, names: Sequence[bytes], places: Places | None = None) -> None:
        self._wanted = tuple(names)
        self._find = places or _next_to_each_other
        self._pick_names: Callable[[list[bytes]], tuple[bytes, ...]] | None = None
        self._pick_numbers: Callable[[list[bytes]], tuple[bytes, ...]] = tuple
        self._names: tuple[bytes, ...] = ()
        self._data = b""
        self._found: tuple[float, ...] = ()

    def of(self, data: bytes) -> tuple[float, ...]:
        """The numbers in the order of the names; NaN for a name that is not there."""
        if data == self._data:
            return self._found  # much of a quiet machine stands still
        words = data.split()
        words.append(_NOTHING)
        if not self._is_known(words):
            self._learn(words)
        self._found = tuple(map(float, self._pick_numbers(words)))
        self._data = data
        return self._found

    def _is_known(self, words: list[bytes]) -> bool:
        try:
            return self._pick_names is not None and self._pick_names(words) == self._names
        except IndexError:  # it has become shorter
            return False

    def _learn(self, words: list[bytes]) -> None:
        found = self._find(words[:-1])
        # A name that is missing takes its number from the end, where "nan" stands; so it is found when it comes.
        places = [found.get(name, (len(words) - 1, len(words) - 1)) for name in self._wanted]
        self._pick_names = itemgetter(*(name for name, _ in places))
        self._pick_numbers = itemgetter(*(number for _, number in places))
        self._names = self._pick_names(words)


def _next_to_each_other(words: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
    """`name number`, with or without a colon or a unit: the first of a name counts."""
    places: dict[bytes, tuple[int, int]] = {}
    for at in range(len(words) - 1):
        places.setdefault(words[at], (at, at + 1))
    return places


def in_two_lines(words: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
    """`Tcp: name name …` and below it `Tcp: number number …`; the names become `Tcp:name`."""
    places: dict[bytes, tuple[int, int]] = {}
    heads = [at for at, word in enumerate(words) if word.endswith(b":")]
    for above, below in zip(heads[::2], heads[1::2], strict=False):
        for step in range(1, below - above):
            places[words[above] + words[above + step]] = (above + step, below + step)
    return places
