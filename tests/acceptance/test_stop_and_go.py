"""A program that is stopped for a while and goes on: nobody was bad meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.system.programs import environment

SCRIPT = Path(__file__).parents[2] / "scripts" / "stop_and_go.py"


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="POSIX")
def test_eight_seconds_without_a_turn_raise_no_alert() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--for", "8"],
        env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped for 8 s, and nothing rang\n", "")
