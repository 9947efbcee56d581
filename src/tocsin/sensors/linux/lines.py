"""Files that have one line for each device, of which only some devices count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_LEARN_EVERY: Final = 60


class DeviceLines:
    """Finds the wanted lines by the text before their numbers, which stays the same while the devices do.

    Lines that do not count are not looked at, so a machine with many loop devices costs no more. Devices are learnt
    anew when a wanted one is not found, when there are more or fewer lines, and at each sixtieth call.

    Args:
        split_name: divides a line into the text before the numbers, and the device's name; None for no device.
        wanted: whether a device counts; asked once for each time the devices are learnt.
    """

    __slots__ = ("_calls", "_count", "_known", "_split_name", "_wanted", "names")

    def __init__(self, split_name: Callable[[bytes], tuple[bytes, str] | None], wanted: Callable[[str], bool]) -> None:
        self._split_name = split_name
        self._wanted = wanted
        self._calls = 0
        self._count = -1
        # What stands before the numbers, what the numbers were, as text and as such.
        self._known: list[tuple[bytes, bytes, list[float]]] = []
        self.names: tuple[str, ...] = ()

    def columns(self, data: bytes) -> tuple[list[list[float]], bool]:
        """The numbers of the wanted lines, and whether `names` has changed since the last call.

        A line that has not changed gives the very same list again.
        """
        self._calls += 1
        if self._calls < _LEARN_EVERY and data.count(b"\n") == self._count:
            found = self._find(data)
            if found is not None:
                return found, False
        before = self.names
        self._learn(data)
        return self._find(data) or [], self.names != before

    def forget(self) -> None:
        """Learn the devices anew at the next call."""
        self._count = -1

    def _find(self, data: bytes) -> list[list[float]] | None:
        """None when a wanted line is not there."""
        rows = []
        for place, (prefix, text, row) in enumerate(self._known):
            start = data.find(prefix)
            if start < 0:
                return None
            start += len(prefix)
            line = data[start : data.index(b"\n", start)]
            if line != text:
                row = list(map(float, line.split()))  # noqa: PLW2901 - the one that counts from here on
                self._known[place] = (prefix, line, row)
            rows.append(row)
        return rows

    def _learn(self, data: bytes) -> None:
        old = {prefix: known for known in self._known for prefix in known[:1]}
        self._calls, self._count, self._known = 0, data.count(b"\n"), []
        names = []
        for number, line in enumerate(data.splitlines()):
            prefix, name = self._split_name(line) or (b"", "")
            if name and self._wanted(name):
                names.append(name)
                # With the line break it is no part of a longer name. The first line has none, and begins with blanks.
                prefix = b"\n" + prefix if number else prefix
                self._known.append(old.get(prefix, (prefix, b"", [])))
        self.names = tuple(names)
