from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.memory import hook

STRESS = Path(__file__).with_name("stress.py")
ROOT = Path(__file__).parents[4]

pytestmark = [
    pytest.mark.skipif(hook.load()[0] is None, reason=hook.load()[1] or "it is there"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
]


def stress(toggles: int, timeout_s: float) -> str:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(STRESS), str(toggles)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def test_eight_threads_and_forks_survive_a_thousand_toggles() -> None:
    assert stress(1000, timeout_s=300) == "1000 toggles, 20 children"


@pytest.mark.skipif(
    "TOCSIN_LONG_STRESS" not in os.environ, reason="some minutes; set TOCSIN_LONG_STRESS to the toggles"
)
def test_they_survive_as_many_toggles_as_are_asked_for() -> None:
    toggles = int(os.environ["TOCSIN_LONG_STRESS"])
    assert stress(toggles, timeout_s=86_400).startswith(f"{toggles} toggles")


@pytest.mark.skipif("TOCSIN_VALGRIND" not in os.environ, reason="a minute or two; set TOCSIN_VALGRIND=1")
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_valgrind_finds_no_fault_in_the_extension() -> None:
    done = subprocess.run(
        ["sh", str(ROOT / "scripts/heap_valgrind.sh"), sys.executable],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no fault" in done.stdout
