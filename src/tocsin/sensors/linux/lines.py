"""Files that have one line for each device, of which only some devices count."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class DeviceLines:
    """Finds the wanted lines by the text before their numbers, which stays the same while the devices do.

    Args:
        split_name: divides a line into the text before the numbers, and the device's name; None for no device.
        wanted: whether a device counts; asked once for each time the devices change.
    """

    __slots__ = ("_last", "_prefixes", "_split_name", "_wanted", "names")

    def __init__(self, split_name: Callable[[bytes], tuple[bytes, str] | None], wanted: Callable[[str], bool]) -> None:
        self._split_name = split_name
        self._wanted = wanted
        self._prefixes: list[tuple[bytes, int]] = []  # the length is 0 for lines that do not count
        self._last: dict[bytes, list[float]] = {}
        self.names: tuple[str, ...] = ()

    def columns(self, lines: Sequence[bytes]) -> tuple[list[list[float]], bool]:
        """The numbers of the wanted lines, and whether `names` has changed since the last call.

        A line that has not changed gives the very same list again.
        """
        found = self._known(lines)
        if found is not None:
            return found, False
        before = self.names
        self._learn(lines)
        return self._known(lines) or [], self.names != before

    def forget(self) -> None:
        """Learn the devices anew at the next call."""
        self._prefixes = []

    def _known(self, lines: Sequence[bytes]) -> list[list[float]] | None:
        """None when a line has changed its place, come or gone."""
        prefixes = self._prefixes
        if len(lines) != len(prefixes):
            return None
        found = []
        last, self._last = self._last, {}
        for line, (prefix, length) in zip(lines, prefixes, strict=True):
            if not line.startswith(prefix):
                return None
            if length:
                numbers = last.get(line)
                if numbers is None:
                    numbers = list(map(float, line[length:].split()))
                self._last[line] = numbers
                found.append(numbers)
        return found

    def _learn(self, lines: Sequence[bytes]) -> None:
        self._prefixes = []
        names = []
        for line in lines:
            prefix, name = self._split_name(line) or (line, "")
            counts = bool(name) and self._wanted(name)
            self._prefixes.append((prefix, len(prefix) if counts else 0))
            if counts:
                names.append(name)
        self.names = tuple(names)
