"""The frame of a stack that a person can do something about: the innermost of the program's own code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.library import is_library, is_standard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.model.memory import Frame

__all__ = ["is_library", "own_frame"]


def own_frame(frames: Sequence[Frame]) -> Frame | None:
    """The frame to name, of a stack that begins with the innermost.

    Returns: the first that is not library code. Code without a file (`<string>`: a dataclass's methods, `exec`, a
        command line) is named only where no file of the program's own is on the stack; then an installed package, so
        that an application that was installed itself has a line too; then the innermost. None for an empty stack.
    """
    outside = [frame for frame in frames if not is_library(frame.file)]
    for choice in (
        (frame for frame in outside if not frame.file.startswith("<")),
        outside,
        (frame for frame in frames if not is_standard(frame.file)),
    ):
        found = next(iter(choice), None)
        if found is not None:
            return found
    return frames[0] if frames else None
