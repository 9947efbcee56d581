"""What `tocsin run --leaks` prints when the program ends."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tocsin.memory_alerts.table import lines_of
from tocsin.system.answers.memory import leaks

if TYPE_CHECKING:
    from tocsin.system import AlertSystem


def tell_leaks(system: AlertSystem) -> None:
    """Look once more and print to the standard error. Never raises: the exit code is the program's own."""
    try:
        system.memory.look_at_last()
        program = f"{system.config.program} (pid {os.getpid()})"
        text = "\n".join(lines_of(leaks(system.memory), program))
        sys.stderr.write(f"\n{text}\n")
        sys.stderr.flush()
    except Exception as error:  # noqa: BLE001 - an edge: the program has ended well or badly by itself
        try:
            sys.stderr.write(f"tocsin: what leaks cannot be told: {type(error).__name__}: {error}\n")
        except (OSError, ValueError, AttributeError):
            return
