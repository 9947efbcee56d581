from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.unit.system.programs import environment

from tocsin import AlertConfig, AlertSystem, WebhookAlertChannel
from tocsin.cli.demo import SERVICE, find_examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Result

TOLD = {
    "ten_lines.py": ("", "in main: time.sleep(3)  # a blocking call in a coroutine: everybody waits"),
    "own_metrics.py": ("orders.refused = 34\n", "WARNING firing orders-refused: 34 orders were refused"),
    "worker_with_threads.py": (
        "before: 90 % full, rings: True\nafter: 0 % full, rings: False\n",
        "WARNING firing buffer-high: Buffer jobs is 90 % full",
    ),
}

# They run until somebody ends them, and have tests of their own below.
ENDLESS = {"first_steps.py", "receiver.py"}
ENOUGH_S = 30.0


def test_the_shortest_example_is_the_one_of_the_readme() -> None:
    program = find_examples() / "ten_lines.py"
    assert program.read_text("utf-8") in (program.parents[1] / "README.md").read_text("utf-8")


def test_every_example_is_tested() -> None:
    assert {path.name for path in find_examples().glob("*.py")} == {*TOLD, *ENDLESS, SERVICE}


@pytest.mark.parametrize("name", TOLD)
def test_an_example_runs_and_shows_what_it_promises(spawn: Callable[..., Result], name: str) -> None:
    result = spawn(find_examples() / name)
    printed, rung = TOLD[name]
    assert result.code == 0
    assert printed in result.out
    assert rung in result.err
    assert "Traceback" not in result.err


def test_the_receiver_of_the_first_steps_prints_what_a_webhook_tells() -> None:
    words = [sys.executable, str(find_examples() / "receiver.py"), "0"]
    with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout is not None
        url = receiver.stdout.readline().split()[-1]
        bell = AlertSystem(AlertConfig(channels=[WebhookAlertChannel(url, allow_private=True)], default_rules=False))
        bell.emit("Orders wait", "120 of them", "critical", "queue")
        assert bell.flush(ENOUGH_S)
        bell.stop()
        assert receiver.stdout.readline() == "critical firing Orders wait - 120 of them\n"
        receiver.send_signal(signal.SIGINT)
        assert receiver.wait(ENOUGH_S) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="ends it by a signal")
def test_the_program_of_the_first_steps_is_told_to_block_its_loop_at_the_line_that_does() -> None:
    words = [sys.executable, "-m", "tocsin", "run", str(find_examples() / "first_steps.py")]
    with subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        guard = threading.Timer(2 * ENOUGH_S, program.kill)
        guard.start()
        first = program.stderr.readline()
        program.terminate()
        guard.cancel()
    assert "WARNING firing event-loop-blocked" in first
    assert "in main: time.sleep(1)  # a blocking call" in first
