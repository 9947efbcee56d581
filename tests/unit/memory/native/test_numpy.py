"""The memory of arrays; skipped where numpy is not installed."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.memory.native.conftest import RunPython

pytestmark = [
    pytest.mark.skipif(find_spec("numpy") is None, reason="numpy is not installed"),
    pytest.mark.skipif(sys.platform != "linux", reason="numpy is looked into on Linux only"),
]


@pytest.mark.parametrize("first", ["heap.start()", "import numpy"])
def test_arrays_are_seen_whichever_came_first(run_python: RunPython, first: str) -> None:
    found = json.loads(
        run_python(f"""
        import json
        {first}
        import numpy
        if not heap.is_active():
            heap.start()
        heap.mark()
        def hold():
            return [numpy.zeros(125_000) for _ in range(100)]
        def live():
            rows = [row for row in heap.snapshot() if "hold" in [name for _, _, name in heap.frames(row[0])]]
            return sum(row[1] for row in rows)
        kept = hold()
        full = live()
        kept[0].resize(250_000, refcheck=False)
        del kept[1:]
        few = live()
        del kept
        print(json.dumps([full, few, live(), heap.state()["numpy_slots"]]))
        """)
    )
    full, few, none, slots = found
    assert full == pytest.approx(100_000_000, rel=0.1)
    assert few < 5_000_000
    assert none < 1_000_000
    assert slots == 2
