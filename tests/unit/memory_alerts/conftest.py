from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def run_in_child() -> Callable[[Callable[[], bool]], bool]:
    """Run a function in a forked child; whether it returned True."""

    def run(work: Callable[[], bool]) -> bool:
        pid = os.fork()
        if pid == 0:
            try:
                os._exit(0 if work() else 1)
            finally:
                os._exit(2)
        return os.waitpid(pid, 0)[1] == 0

    return run
